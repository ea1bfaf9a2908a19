# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of tests/leaks/storm: senders at full speed, a VPN that flaps, callers that never rest."""

import contextlib
import mmap
import os
import shutil
import signal

from . import proc
from .machine import environment
from .marshal import HELLO
from .meter import Meter

BOARD_SIZE = 4096
SENDER_WORDS = 4
STAMP_WORD = 1
ENGAGED_STAMP = 0x656E67616765642E
LIMIT = 120.0

# Datagrams of the senders by the stamp that they carry, where the uplink ends.
STAMPED_KINDS = ("engaged4", "engaged6", "released4", "released6")
STAMPED = """
table netdev tally {
    %%(declared)s
    chain stamped {
        type filter hook ingress device "%%(link)s" priority -1
        ether type ip udp dport 9 @th,64,64 %(stamp)#x counter name n_engaged4 accept
        ether type ip6 udp dport 9 @th,64,64 %(stamp)#x counter name n_engaged6 accept
        ether type ip udp dport 9 counter name n_released4
        ether type ip6 udp dport 9 counter name n_released6
    }
}
""" % {"stamp": ENGAGED_STAMP}


class Broken(AssertionError):
    pass


def program(build, name):
    """Puts a program where every user may run it."""
    path = f"{proc.LAB}/bin/{name}"
    if not os.path.exists(path):
        shutil.copy(f"{build}/tests/leaks/storm/{name}", path)
    return path


class Orders:
    """A program that answers every order with numbers."""

    def __init__(self, build, name, *arguments, space=None, user=None):
        self.name = name
        self.process = proc.Process(name, [program(build, name), *arguments], namespace=space and space.name,
                                    user=user, env=environment(), pipes=True)

    def begin(self, order):
        self.process.popen.stdin.write(f"{order}\n")
        self.process.popen.stdin.flush()

    def finish(self):
        told = self.process.popen.stdout.readline().strip()
        try:
            return [int(number) for number in told.split()] or self._fail("it ended without an answer")
        except ValueError:
            return self._fail(told)

    def order(self, order):
        self.begin(order)
        return self.finish()

    def _fail(self, why):
        raise Broken(f"{self.name}: {why}\n{self.process.log()}")

    def close(self):
        if self.process.running():
            with contextlib.suppress(BrokenPipeError):
                self.process.popen.stdin.close()
            self.process.wait()
        self.process.popen.stdout.close()


class Vpn(Orders):
    """A tun link that this process holds as a VPN program does; the other end is the process itself."""

    NUMBERS = ("nsec", "flaps", "renamed", "anew", "waited", "in4", "in6", "wrong")

    def __init__(self, build, space, link="wg0", four="10.8.0.2", six="fd08::2"):
        super().__init__(build, "storm-vpn", link, four, six, space=space)

    def finish(self):
        return dict(zip(self.NUMBERS, super().finish()))


class Senders:
    """Unprivileged senders, one process for each list of ways, on one board; at full speed and with what the others
    leave of the processors, or with so many microseconds of rest after each round."""

    def __init__(self, build, space, *processes, user="tester", rest=0):
        self.path = f"{proc.LAB}/board-{os.urandom(4).hex()}"
        with open(self.path, "wb") as file:
            file.write(bytes(BOARD_SIZE))
        os.chmod(self.path, 0o666)
        with open(self.path, "r+b") as file:
            self.board = memoryview(mmap.mmap(file.fileno(), BOARD_SIZE)).cast("Q")
        self.processes = [space.spawn("storm-sender", ["nice", "-n", "0" if rest else "15",
                                                       program(build, "storm-sender"), self.path, str(slot), str(rest),
                                                       *ways], user=user)
                          for slot, ways in enumerate(processes)]
        self.pass_round()

    def _word(self, slot, word):
        return self.board[2 + slot * SENDER_WORDS + word]

    def rounds(self):
        return [self._word(slot, 3) & 0xFFFFFFFF for slot in range(len(self.processes))]

    def total(self):
        """Attempts, successes, and attempts that were stamped as engaged."""
        return tuple(sum(self._word(slot, word) for slot in range(len(self.processes))) for word in range(3))

    def stamp(self, engaged):
        """What every send that begins from now on carries."""
        self.board[STAMP_WORD] = ENGAGED_STAMP if engaged else 0

    def pass_round(self):
        """Returns when every way was tried once from its beginning to its end."""
        before = self.rounds()
        proc.until(lambda: all(now - then & 0xFFFFFFFF >= 2 for now, then in zip(self.rounds(), before)) or
                   not all(process.running() for process in self.processes), "a round of every sender")
        for process in self.processes:
            if not process.running():
                raise Broken(f"a sender has ended\n{process.log()}")

    @contextlib.contextmanager
    def at_rest(self):
        """Nothing is sent meanwhile."""
        for process in self.processes:
            process.popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes:
                process.popen.send_signal(signal.SIGCONT)

    def stop(self):
        self.board[0] = 1
        for process in self.processes:
            process.wait()
        os.unlink(self.path)


def stamped(internet):
    """Counters of the senders' datagrams on the far side of the uplink."""
    return Meter(internet.router, "h0", STAMPED, STAMPED_KINDS)


class Events(Orders):
    """Other programs' link, address, rule, route and nftables events."""

    KINDS = ("links", "addresses", "rules", "routes", "nftables")

    def __init__(self, build, space):
        super().__init__(build, "storm-events", space=space)

    def start(self, rate=0, count=0):
        """So many link and rule events a second, or as many as go; so many of them, or until it is told to end."""
        self.begin(f"storm {rate} {count}")

    def finish(self):
        """Seconds, and what the kernel told of each kind."""
        nsec, *counts, lost = super().finish()
        assert lost == 0, "the events were not all counted"
        return nsec / 1e9, dict(zip(self.KINDS, counts))

    def end(self):
        return self.order("")


class Poll(Orders):
    """A caller that asks for the state without a pause, from begin() to end()."""

    def __init__(self, build, space, user):
        super().__init__(build, "storm-bus", space=space, user=user)
        self.begin("poll")

    def end(self):
        """Seconds, answers, and in ms the median and the longest wait for one."""
        nsec, count, median, longest = self.order("")
        self.close()
        return nsec / 1e9, count, median / 1e6, longest / 1e6


class Callers:
    """Many connections of an unprivileged user, each with so many calls under way at any time."""

    def __init__(self, build, connections, window, *calls, user="tester"):
        paths = []
        for call in (HELLO, *calls):
            paths.append(f"{proc.LAB}/call-{os.urandom(4).hex()}")
            with open(paths[-1], "wb") as file:
                file.write(call)
        self.orders = Orders(build, "storm-callers", str(connections), str(window), *paths, user=user)
        # All are connected and the first were answered.
        self.orders.finish()

    def end(self):
        """Calls sent, answers, errors, and connections that the bus closed."""
        told = self.orders.order("")
        self.orders.close()
        return told


def memory(pid):
    """PSS now and the highest RSS so far, in MiB."""
    told = {}
    for name in ("smaps_rollup", "status"):
        with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
            told.update(line.split(":", 1) for line in file if ":" in line)
    return int(told["Pss"].split()[0]) / 1024, int(told["VmHWM"].split()[0]) / 1024


def processor_time(pid):
    """Seconds that the process has had so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def lost_events(pid):
    """How often the kernel found no room in each of the process's event sockets, by the inode."""
    inodes = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{number}")
            if target.startswith("socket:["):
                inodes.add(target[len("socket:["):-1])
    with open(f"/proc/{pid}/net/netlink", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    # Columns: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode.
    return {row[9]: int(row[8]) for row in rows if row[9] in inodes and int(row[3], 16) != 0}
