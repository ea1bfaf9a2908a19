# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmarks share: the ground to measure on, helpers that time, and tables."""

import contextlib
import os
import pwd
import shutil
import signal
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import proc  # noqa: E402
from lib.daemon import STATE  # noqa: E402
from lib.ground import Ground  # noqa: E402
from lib.machine import DAEMON_USER, Machine, environment  # noqa: E402

BUILD = os.environ.get("KS_BUILD_DIR", "")
WATCHDOG = 600
# Characters of an error or a log.
TOLD = 1000
# polkit's rules let this normal user do everything; see lib/machine.py.
USER = "trusted"


class Broken(Exception):
    """Something doesn't function; speed is another matter."""


class Helper:
    """A program of this directory that answers every order with the time that it took."""

    def __init__(self, name, *arguments, namespace=None, user=None):
        self.name = name
        shutil.copy(f"{BUILD}/tests/bench/{name}", f"{proc.LAB}/bin/{name}")
        self.process = proc.Process(name, [f"{proc.LAB}/bin/{name}", *arguments], namespace=namespace, user=user,
                                    env=environment(), pipes=True)

    def times(self, order):
        """Milliseconds; most helpers tell one number."""
        self.process.popen.stdin.write(f"{order}\n")
        self.process.popen.stdin.flush()
        told = self.process.popen.stdout.readline().strip()
        try:
            return [int(number) / 1e6 for number in told.split()] or self.fail("it ended without an answer")
        except ValueError:
            return self.fail(told)

    def fail(self, why):
        raise Broken(f"{self.name}: {why}\n{self.process.log()}")

    def time(self, order):
        return self.times(order)[0]

    def close(self):
        self.process.popen.stdin.close()
        self.process.wait()
        self.process.popen.stdout.close()


class Series:
    """Measurements under their names, in the order in which they came first."""

    def __init__(self):
        self.times = {}

    def add(self, name, value):
        self.times.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.times[name])

    def spread(self, name):
        return min(self.times[name]), self.median(name), max(self.times[name])


def head(title, *columns):
    print(f"\n  {title:<48}" + "".join(f"{column:>9}" for column in columns))
    print("  " + "-" * (48 + 9 * len(columns)))


def row(text, *values):
    """Numbers with two digits behind the point; everything else as it is."""
    cells = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)
    print(f"  {text:<48}" + "".join(f"{cell:>9}" for cell in cells))


def state_on_disk():
    """Puts the state directory on the disk that the build is on: the overlay's is in memory, and syncs for
    nothing. Returns the file system's type."""
    directory = f"{BUILD}/bench-state"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    account = pwd.getpwnam(DAEMON_USER)
    os.chown(directory, account.pw_uid, account.pw_gid)
    proc.run("mount", "--bind", directory, STATE)
    return proc.run("findmnt", "--noheadings", "--output", "FSTYPE", "--target", directory).split()[-1]


def overdue(*_):
    raise Broken(f"still running after {WATCHDOG} s")


@contextlib.contextmanager
def ground():
    """The machine in its small internet, with the tunnel up; nothing is installed on the real one. What fails
    is not tidied up: all of it dies with its namespaces."""
    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(WATCHDOG)
    try:
        machine = Machine(BUILD)
        machine.start()
        place = Ground(machine)
        place.connect()
        yield place
        place.close()
        machine.stop()
    finally:
        signal.alarm(0)
        shutil.rmtree(f"{BUILD}/bench-state", ignore_errors=True)


def run(main):
    """Exit status 1 and the service's words when something doesn't function."""
    try:
        main()
    except (Broken, AssertionError, proc.CommandFailed) as error:
        print(f"{sys.argv[0]}: {str(error)[:TOLD]}", file=sys.stderr)
        for process in proc.started:
            if process.name == "killswitchd" and process.log().strip():
                print(f"{process.name} said last:\n{process.log()[-TOLD:]}", file=sys.stderr)
        return 1
    return 0
