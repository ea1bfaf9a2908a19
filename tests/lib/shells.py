# SPDX-License-Identifier: GPL-2.0-or-later
"""Real shells that complete a command line: what they would put there, taken apart by the shell itself.

Each lets all matches be inserted at once, and then hands the line to a function that writes down the words that the shell
makes of it. So what is told is what a command would get, and a name that the shell would expand is noticed."""

import os
import shutil

from . import proc
from .agent import Terminal
from .machine import environment

WORDS = f"{proc.LAB}/words"
ALL = "\x18\x01"  # Ctrl-X Ctrl-A
HOME = "\x01"  # Ctrl-A: the start of the line
DUMP = """
dump() { printf '%s\\0' "$@" >"$KS_WORDS/new"; mv "$KS_WORDS/new" "$KS_WORDS/words"; }
"""
RC = {
    "bash": DUMP + """
. /usr/share/bash-completion/bash_completion
bind 'set enable-bracketed-paste off'
bind '"\\C-x\\C-a": insert-completions'
PS1='> '
""",
    "zsh": DUMP + """
fpath=(/usr/share/zsh/site-functions $fpath)
autoload -Uz compinit
compinit -u -D
unset zle_bracketed_paste
bindkey -e
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert yes
zle -C all-matches complete-word _generic
bindkey '^X^A' all-matches
PROMPT='> '
"""}


def home(name, user):
    """An empty directory of his own."""
    path = f"{WORDS}-{name}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    shutil.chown(path, user, user)
    return path


class Interactive:
    """bash or zsh at a terminal, as an ordinary user."""

    def __init__(self, name, namespace, user="tester", **variables):
        self.home = self.directory = home(name, user)
        rc = f"{self.directory}/{'.zshrc' if name == 'zsh' else 'rc'}"
        with open(rc, "w", encoding="utf-8") as file:
            file.write(RC[name])
        argv = ["zsh", "-i"] if name == "zsh" else ["bash", "--noprofile", "--rcfile", rc, "-i"]
        variables = {"HOME": self.directory, "TERM": "dumb", "COLUMNS": "200", **variables}
        self.terminal = Terminal(argv, user=user, namespace=namespace,
                                 env=environment(ZDOTDIR=self.directory, KS_WORDS=self.directory, **variables))
        # What is typed before the line editor is there would be lost.
        self.terminal.expect("> $", limit=60)

    def words(self, keys):
        """The words of the line that these keys make."""
        path = f"{self.directory}/words"
        self.terminal.type(keys + HOME + "dump ")

        def dumped():
            while self.terminal.read(0.01):
                pass
            return os.path.exists(path)
        proc.until(dumped, f"the shell to tell its line\n{self.terminal.text}", limit=60)
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            found = file.read().split("\0")[:-1]
        os.unlink(path)
        return found

    def offered(self, line):
        """What may stand where the line ends, without what stands there already before the last '=' or ','."""
        before = line[:line.rindex(" ") + 1]
        return stripped(line, self.words(line + ALL)[len(self.words(before)):])

    def close(self):
        self.terminal.kill()


class Fish:
    """fish completes a line that it is given."""

    def __init__(self, name, namespace, user="tester", **variables):
        self.home = home(name, user)
        self.options = {"namespace": namespace, "user": user, "env": environment(HOME=self.home, **variables)}

    def fish(self, script, *arguments):
        done = proc.run("fish", "-c", script, *arguments, check=False, **self.options)
        assert done.stderr == "", done
        return done.stdout

    def offered(self, line):
        made = self.fish("complete --escape -C $argv[1]", line)
        # As they would be inserted, read again by the shell.
        words = " ".join(text.split("\t")[0] for text in made.splitlines())
        return stripped(line, self.fish(f"printf '%s\\0' {words}").split("\0")[:-1]) if words else []

    def close(self):
        """It has ended each time."""


def stripped(line, words):
    typed = line[line.rindex(" ") + 1:]
    stem = typed[:max(typed.rfind("="), typed.rfind(",")) + 1]
    return [word.removeprefix(stem) for word in words if word != typed]


SHELLS = {"bash": Interactive, "zsh": Interactive, "fish": Fish}
