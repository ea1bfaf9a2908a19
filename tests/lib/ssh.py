# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sshd on the host, and logins to it from wherever in the small internet."""

import os
import re

from . import proc
from .agent import Terminal
from .machine import USERS, environment

SSHD = "/usr/sbin/sshd"
PLACE = f"{proc.LAB}/ssh"
CONFIG = f"""
ListenAddress 0.0.0.0
ListenAddress ::
HostKey {PLACE}/host
PidFile none
AuthorizedKeysFile {PLACE}/authorized
AuthenticationMethods publickey
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
LogLevel ERROR
"""
OPTIONS = ["-F", "none", "-i", f"{PLACE}/user", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no",
           "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=60"]


class Sshd:
    """Listens in a network namespace, and lets in whoever has the one key."""

    def __init__(self, space):
        self.space = space
        self.logins = []
        os.makedirs(PLACE, exist_ok=True)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        if not os.path.exists(f"{PLACE}/host"):
            # A password that nobody has, instead of a locked account.
            proc.run("chpasswd", "-e", text="".join(f"{user}:*\n" for user in USERS))
            for name in ("user", "host"):
                proc.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{PLACE}/{name}")
        for name, text in (("config", CONFIG), ("authorized", open(f"{PLACE}/user.pub", encoding="ascii").read())):
            with open(f"{PLACE}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        self.process = space.spawn("sshd", [SSHD, "-D", "-e", "-f", f"{PLACE}/config"], env=environment())
        proc.until(lambda: self.sockets("listening") or not self.process.running(), "sshd to listen", limit=60)
        assert self.process.running(), self.process.log()

    def sockets(self, state):
        """Port 22's, as lines of ss."""
        return self.space.run("ss", "-Htn", "state", state, "( sport = :22 )").splitlines()

    def wait_cut(self):
        """The host has given up every login."""
        proc.until(lambda: not self.sockets("established"), "the connection to end", limit=60)

    @staticmethod
    def known_to_all():
        """Whoever calls ssh without options, as ksctl does, has the key."""
        with open("/etc/ssh/ssh_config.d/lab.conf", "w", encoding="ascii") as file:
            file.write(f"IdentityFile {PLACE}/user\nUserKnownHostsFile /dev/null\nStrictHostKeyChecking no\nLogLevel ERROR\n")

    def spawn(self, space, address, *command, user="root", source=None):
        """A command without a terminal, by a login from there."""
        bound = ["-b", source] if source else []
        login = space.spawn("ssh", ["ssh", "-T", *OPTIONS, *bound, f"{user}@{address}", *command], env=environment())
        self.logins.append(login)
        return login

    def login(self, space, address, user="root"):
        """A shell on a terminal, ready for commands."""
        shell = Shell(["ssh", "-tt", *OPTIONS, f"{user}@{address}", "env", "PS1=", "TERM=dumb", "sh"], namespace=space.name)
        self.logins.append(shell)
        shell.run("stty -echo")
        return shell

    def close(self):
        if os.path.exists("/etc/ssh/ssh_config.d/lab.conf"):
            os.unlink("/etc/ssh/ssh_config.d/lab.conf")
        for login in self.logins:
            login.kill()
        self.process.end()
        # What sshd has started for each login outlives it.
        for entry in os.scandir("/proc"):
            try:
                if entry.name.isdigit() and b"sshd: " in open(f"{entry.path}/cmdline", "rb").read()[:6]:
                    os.kill(int(entry.name), 9)
            except OSError:
                continue


class Shell(Terminal):
    """A login on a terminal. Every command ends with a mark of its own, and its exit status."""
    count = 0

    def run(self, command):
        """Types a command; returns its exit status and what it has printed."""
        self.start(command)
        return self.finish()

    def start(self, command):
        Shell.count += 1
        # Where what is typed is shown, it has no number at the end.
        self.type(f'{command}; echo "end-{self.count} $?."')

    def finish(self):
        found = self.expect(rf"end-{self.count} (\d+)\.\r?\n", limit=60)
        return int(found[1]), re.sub(r"\r+\n", "\n", found.string[:found.start()])
