# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a terminal: programs on a pseudo-terminal, and a password typed when asked for."""

import codecs
import os
import pty
import re
import select
import termios
import time

from . import proc
from .machine import environment


class Terminal:
    """A program whose standard streams are a terminal of its own."""

    def __init__(self, argv, user="root", namespace=None, env=None):
        # What hasn't been expected yet, and everything.
        self.text = self.all = ""
        # A letter may come in two parts.
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        command = proc.inside(namespace, proc.as_user(user, argv))
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # Whatever happens, this copy of the tests must not go on.
            try:
                os.chdir("/")
                os.execvpe(command[0], command, env or environment(TERM="xterm"))
            finally:
                os._exit(127)
        self.status = None

    def read(self, limit):
        if not select.select([self.master], [], [], limit)[0]:
            return False
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return False
        shown = self.decoder.decode(data)
        self.text += shown
        self.all += shown
        return bool(data)

    def expect(self, pattern, limit=proc.LIMIT):
        """Reads until the pattern has come; returns the match and forgets what came before its end."""
        end = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                raise proc.TimedOut(f"the terminal never showed {pattern!r}, but:\n{self.text}")

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def interrupt(self):
        """Ctrl-C."""
        os.write(self.master, b"\x03")

    def password(self, secret):
        """Types a password once it is asked for and the terminal no longer shows what is typed;
        what was typed earlier would have been thrown away."""
        self.expect("[Pp]assword: ")
        proc.until(lambda: not termios.tcgetattr(self.master)[3] & termios.ECHO, "the terminal to hide the password")
        self.type(secret)

    def wait(self, limit=proc.LIMIT):
        """Reads to the end; the exit status and everything not yet expected."""
        end = time.monotonic() + limit
        while self.read(max(end - time.monotonic(), 0)):
            pass
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.master)
        return self.status, self.text.replace("\r\n", "\n")

    def kill(self):
        if self.status is None:
            os.kill(self.pid, 9)
            self.wait()


def agent_for(caller):
    """pkttyagent on a terminal, answering for this caller; registered when this returns."""
    told, telling = os.pipe()
    os.set_inheritable(telling, True)
    terminal = Terminal(["pkttyagent", "--process", str(caller.pid), "--notify-fd", str(telling)],
                        user=caller.user)
    os.close(telling)
    # It closes the descriptor once it is registered.
    ready = select.select([told], [], [], proc.LIMIT)[0]
    os.close(told)
    if not ready:
        raise proc.TimedOut(f"pkttyagent did not register\n{terminal.text}")
    return terminal
