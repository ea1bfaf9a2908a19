# SPDX-License-Identifier: GPL-2.0-or-later
"""The service under syscall-fault: killed at a call, or told that one has failed."""

import collections
import contextlib
import os
import select
import shutil
import signal
import socket
import time

from lib import proc
from lib.daemon import NOTIFY, PROGRAM, SETPRIV

# A round takes milliseconds; a hang is one that doesn't end in this time.
LIMIT = 60.0
# Until something else than READY=1 is looked at.
PATIENCE = 0.2

# The errno that a call was given, 0 for a kill, None when none was struck; and the calls seen.
Hit = collections.namedtuple("Hit", "error counts")


class Hangs(AssertionError):
    pass


class Ended(Exception):
    """The service is over; of a strike, or all by itself."""

    def __init__(self, status, hit):
        super().__init__(f"ended with {status}, struck: {hit}")
        self.status = status
        self.hit = hit


def hit_of(words):
    counts = dict(word.split("=") for word in words[1:])
    return Hit(None if words[0] == "-" else int(words[0]), {call: int(count) for call, count in counts.items()})


class Struck:
    """One killswitchd after the other, each run by the same tracer."""

    def __init__(self, build, daemon, prefix=()):
        program = f"{proc.LAB}/bin/syscall-fault"
        if not os.path.exists(program):
            shutil.copy(f"{build}/tests/crash/fault/syscall-fault", program)
        self.tracer = daemon.space.spawn("syscall-fault", [*SETPRIV, program, *prefix, PROGRAM],
                                         env=daemon.environment(), pipes=True)
        self.pending = b""
        self.pid = None
        self.notify = None
        self.resume()

    def resume(self):
        """Hears READY=1 from here on; only one at a time may."""
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(NOTIFY)
        os.chmod(NOTIFY, 0o666)
        self.notify.setblocking(False)

    def pause(self):
        self.notify.close()
        os.unlink(NOTIFY)

    def _order(self, order):
        os.write(self.tracer.popen.stdin.fileno(), f"{order}\n".encode())

    def _line(self, *others):
        """The tracer's next line as words; None when one of the others can be read first."""
        end = time.monotonic() + LIMIT
        while b"\n" not in self.pending:
            readable = select.select([self.tracer.popen.stdout, *others], [], [], max(end - time.monotonic(), 0))[0]
            if not readable:
                raise Hangs(f"killswitchd still runs after {LIMIT:g} s\n{self.tracer.log()[-4000:]}")
            if readable[0] is not self.tracer.popen.stdout:
                return None
            data = os.read(self.tracer.popen.stdout.fileno(), 4096)
            assert data, f"syscall-fault has ended\n{self.tracer.log()[-4000:]}"
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode().split()

    def _over(self, words):
        assert words[0] == "ended", words
        self.pid = None
        raise Ended(int(words[1]), hit_of(words[2:]))

    def _expect(self, word):
        words = self._line()
        if words[0] != word:
            self._over(words)
        return words[1:]

    def told(self):
        """Whether it is over already."""
        return b"\n" in self.pending or bool(select.select([self.tracer.popen.stdout], [], [], 0)[0])

    def start(self, how="none", call="-", at=0, argument=""):
        """Starts it; the at-th of these calls is struck, with at=0 all are counted; and with "none" it is left
        alone. Doesn't wait for anything."""
        # One that was killed may have said so just before.
        with contextlib.suppress(BlockingIOError):
            while self.notify.recv(4096):
                pass
        self._order(f"start {how} {call} {at} {argument}")
        self.pid = int(self._expect("pid")[0])

    def ready(self, otherwise=lambda: False):
        """Waits for READY=1, or, when that doesn't come, until otherwise() is true; raises Ended when it ends before."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if not self.told() and not select.select([self.tracer.popen.stdout, self.notify], [], [], PATIENCE)[0]:
                if otherwise():
                    return
                continue
            words = self._line(self.notify)
            if words:
                self._over(words)
            if b"READY=1" in self.notify.recv(4096).split(b"\n"):
                return
        raise Hangs(f"no READY=1 within {LIMIT:g} s\n{self.tracer.log()[-4000:]}")

    def serve(self):
        self.start()
        self.ready()

    def arm(self, how="kill", call="-", at=0):
        self._order(f"arm {how} {call} {at}")
        self._expect("armed")

    def idle(self):
        """No strike from here on; returns the Hit."""
        self._order("idle")
        return hit_of(self._expect("idle"))

    def ended(self):
        """Waits for the end; returns (status, Hit)."""
        try:
            self._over(self._line())
        except Ended as end:
            return end.status, end.hit

    def errors(self, call):
        """The errnos that a call may come back with."""
        self._order(f"errors {call}")
        return [int(number) for number in self._expect("errors")]

    def kill(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.ended()

    def close(self):
        self.tracer.popen.stdin.close()
        self.tracer.wait()
        self.tracer.popen.stdout.close()
        self.pause()
