# SPDX-License-Identifier: GPL-2.0-or-later
"""Examples of the manual pages: found in their source, and compared with what the commands print.

An example is a line in a fenced block of EXAMPLES that begins with a prompt, `$ ` for whoever sits at the machine and `# ` for
root, and what is printed below it. A page folds long lines; where it does, a program that writes to no terminal prints a
blank. What differs each time is a pattern of VARYING; everything else has to be there as the page has it."""

import re
import subprocess
import sys

from .sources import TREE, files, read

GENERATED = "org.killswitch1.5"
FENCE = re.compile(r"^```\n(.*?)^```$", re.M | re.S)
# `# ` begins comments as well: it is a prompt before one of these.
PROGRAMS = ("ksctl", "busctl", "cat", "ip", "nft", "/usr/libexec/killswitchd", "/usr/libexec/killswitch-resolve")
PROMPT = re.compile(rf"^(?:\$ (?P<user>.*)|# (?P<root>(?:{'|'.join(map(re.escape, PROGRAMS))})(?: .*)?))$")
ROOT, USER = "root", "local"

DURATION = r"\d+ (?:d|h|min|s|ms)\b(?: \d+ (?:h|min|s)\b)?"
# What the page may show, and what may stand there instead.
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    (rf"just now|{DURATION} ago", rf"(?:just now|{DURATION} ago)"),
    (rf"(?<=\bin ){DURATION}", DURATION),
    (r"(?<=\bprocess )\d+", r"\d+"),
    (r"\b\d+ packets?\b", r"\d+ packets?"),
    (r"\b\d{15,16}\b", r"\d+"),
    (r"\b\d+\.\d+\.\d+$", r"\d+\.\d+\.\d+"),
)
ANY = re.compile("|".join(f"(?P<v{number}>{shown})" for number, (shown, _) in enumerate(VARYING)), re.M)


class Example:
    def __init__(self, page, user, command):
        self.page = page
        self.user = user
        self.command = command
        self.lines = []

    @property
    def text(self):
        return "\n".join(self.lines).rstrip("\n") + "\n" if any(self.lines) else ""

    def pattern(self):
        """What matches the text wherever it is folded, and with other times and numbers."""
        made, end = [], 0
        for found in ANY.finditer(self.text):
            made += [fold(self.text[end:found.start()]), VARYING[int(found.lastgroup[1:])][1]]
            end = found.end()
        return "".join([*made, fold(self.text[end:])])

    def matches(self, printed):
        # A page shows neither blanks at the ends of lines nor tabulators.
        printed = "".join(f"{line.expandtabs().rstrip()}\n" for line in printed.splitlines())
        return re.fullmatch(self.pattern(), printed) is not None

    def __str__(self):
        return f"{'$' if self.user == USER else '#'} {self.command}"


def fold(text):
    """Literal text as a pattern: a single line break, with what indents the next line, may be a blank."""
    parts = re.split(r"(?<!\n)(\n *)(?=[^\s])", text)
    return "".join(f"(?:{re.escape(part)}| )" if number % 2 else re.escape(part) for number, part in enumerate(parts))


def source(page):
    """A page's text, scdoc's markup as it is; that of the interface is made from its XML."""
    if page != GENERATED:
        return read(f"docs/man/{page}.scd")
    return subprocess.run([sys.executable, f"{TREE}/docs/man/interface.py", f"{TREE}/dbus/org.killswitch1.xml", "/dev/stdout"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout


def pages():
    """The names of all pages."""
    return sorted([path.rsplit("/", 1)[1].removesuffix(".scd") for path in files(".scd", under="docs/man")] + [GENERATED])


def examples(page):
    """A page's examples, in their order."""
    found = []
    text = source(page)
    for block in FENCE.findall(text):
        first = True
        for line in block.splitlines():
            prompt = PROMPT.match(line)
            if found and found[-1].command.endswith("\\") and not found[-1].lines:
                found[-1].command = f"{found[-1].command[:-1]}{line.strip()}"
            elif prompt:
                found.append(Example(page, USER if prompt["user"] else ROOT, prompt["user"] or prompt["root"]))
            else:
                assert not first, f"{page}: a block that doesn't begin with a command: {line}"
                found[-1].lines.append(line)
            first = False
    return found


def strays(page):
    """Command lines that stand outside the blocks, or blocks outside EXAMPLES."""
    text = source(page)
    before, examples_begin, _ = text.partition("\n# EXAMPLES\n")
    assert examples_begin, f"{page} has no examples"
    return FENCE.findall(before) + [line for line in FENCE.sub("", text).splitlines()
                                    if re.match(r"\s*\$ ", line) or re.match(r"\s+# ", line)]
