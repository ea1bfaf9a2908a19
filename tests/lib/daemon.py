# SPDX-License-Identifier: GPL-2.0-or-later
"""The installed service, under its real user with its one capability, in the host's namespace."""

import os
import pwd
import re
import shutil
import signal
import socket

from . import proc
from .machine import DAEMON_USER, environment

PROGRAM = "/usr/libexec/killswitchd"
STATE = "/var/lib/killswitch"
RUNTIME = "/run/killswitch/names"
CONFIGURATION = "/etc/killswitch"
DROP_INS = f"{CONFIGURATION}/killswitch.conf.d"
NOTIFY = f"{proc.LAB}/notify"
COMPLAINT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|-CRITICAL \*\*|-WARNING \*\*")

SETPRIV = ["setpriv", "--reuid", DAEMON_USER, "--regid", DAEMON_USER, "--init-groups",
           "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin",
           "--bounding-set=-all,+net_admin", "--no-new-privs", "--"]


class NotReady(Exception):
    pass


class Daemon:
    """One machine's killswitchd, its settings and its state; may be started many times."""

    def __init__(self, space):
        self.space = space
        self.process = None
        self.complaints = []
        self.variables = {}
        self.standard_error = None
        for path in (STATE, CONFIGURATION, "/run/killswitch"):
            shutil.rmtree(path, ignore_errors=True)
        account = pwd.getpwnam(DAEMON_USER)
        os.makedirs(STATE, mode=0o700)
        os.chown(STATE, account.pw_uid, account.pw_gid)
        # As RuntimeDirectory= does.
        os.makedirs(RUNTIME)
        os.chown(RUNTIME, account.pw_uid, account.pw_gid)
        os.makedirs(DROP_INS)

    @staticmethod
    def configure(text, name="killswitch.conf"):
        """Writes a settings file; a name with a slash in front is taken as it is."""
        path = os.path.join(CONFIGURATION, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def command(self, *arguments):
        return [*SETPRIV, PROGRAM, *arguments]

    def environment(self):
        return environment(STATE_DIRECTORY=STATE, CONFIGURATION_DIRECTORY=CONFIGURATION, RUNTIME_DIRECTORY=RUNTIME, NOTIFY_SOCKET=NOTIFY,
                           HOME="/", USER=DAEMON_USER, LOGNAME=DAEMON_USER, **self.variables)

    def start(self, *arguments):
        """Returns when the service has said READY=1."""
        if os.path.exists(NOTIFY):
            os.unlink(NOTIFY)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(NOTIFY)
            os.chmod(NOTIFY, 0o666)
            listener.settimeout(0.1)
            self.process = self.space.spawn("killswitchd", self.command(*arguments), env=self.environment(),
                                            stderr=self.standard_error)

            def ready():
                if not self.process.running():
                    raise NotReady(f"killswitchd ended with {self.process.popen.returncode}\n{self.process.log()}")
                try:
                    return b"READY=1" in listener.recv(4096).split(b"\n")
                except TimeoutError:
                    return False
            proc.until(ready, "READY=1 from killswitchd")
        return self

    def once(self, *arguments, root=False, check=True):
        """Runs killswitchd to its end: --restore as the service's user, --rescue as root."""
        argv = [PROGRAM, *arguments] if root else self.command(*arguments)
        return self.space.run(*argv, env=self.environment(), check=check)

    def stop(self):
        """Asks it to end, as systemd does."""
        if self.process:
            status = self.process.end()
            self._review()
            assert status == 0, f"killswitchd ended with {status}\n{self.process.log()}"
            self.process = None

    def kill(self):
        """kill -9"""
        self.process.end(signal.SIGKILL)
        self._review()
        self.process = None

    def _review(self):
        log = self.process.log()
        if COMPLAINT.search(log):
            self.complaints.append(log)

    def assert_clean(self):
        """No sanitizer and no library has complained."""
        assert not self.complaints, "\n".join(self.complaints)
