# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the service's memory in each state and after many cycles, and counts how often it wakes when nothing
happens."""

import contextlib
import glob
import re
import sys
import threading
import time

from measure import USER, Broken, Helper, ground, head, row, run
from lib import proc
from lib.bus import SECOND
from lib.ground import BY_MARK

# What the allocator keeps comes to rest in the first hundreds; what leaks goes on.
CYCLES = (50, 600, 1000)
IDLE_SECONDS = 10
QUIET_SECONDS = 0.5
AIM = 12
MEMORY = ("Rss", "Pss", "Pss_Anon", "Private_Dirty")
LARGEST = 8


def memory(pid):
    """MiB by kind, from smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        told = dict(re.findall(r"^(\w+): +(\d+) kB$", file.read(), re.M))
    return [int(told[kind]) / 1024 for kind in MEMORY]


def mappings(pid):
    """PSS in KiB by what is mapped, the largest first."""
    total, name = {}, ""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if re.match(r"[0-9a-f]+-[0-9a-f]+$", words[0]):
                name = words[5].rsplit("/", 1)[-1] if len(words) > 5 else "anonymous"
            elif words[0] == "Pss:":
                total[name] = total.get(name, 0) + int(words[1])
    return sorted(total.items(), key=lambda item: -item[1])


def switches(pid):
    """How often each thread was put on a processor so far."""
    count = {}
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path, encoding="ascii") as file:
            count[path] = int(file.read().split()[2])
    return count


def still(pid):
    """Returns once what was begun is done: nothing has run for a while."""
    seen = [switches(pid), time.monotonic()]

    def quiet():
        now = switches(pid)
        if now != seen[0]:
            seen[:] = [now, time.monotonic()]
        return time.monotonic() - seen[1] > QUIET_SECONDS
    proc.until(quiet, "the service to come to rest")


def wakeups_once(pid):
    """While nothing happens; the time is what is measured here. A thread that ends has woken for it."""
    still(pid)
    before = switches(pid)
    threading.Event().wait(IDLE_SECONDS)
    after = switches(pid)
    return sum(after.get(thread, before.get(thread, 0) + 1) - before.get(thread, 0) for thread in before | after)


def wakeups(pid):
    """GLib lets an unused thread go after some seconds, once; what ticks does so again."""
    return wakeups_once(pid) and wakeups_once(pid)


class Footprint:
    def __init__(self, place):
        place.daemon.configure(BY_MARK)
        place.daemon.start()
        self.pid = place.daemon.process.pid
        self.namespace = place.host.name
        self.caller = place.caller(USER)
        self.memory = {}
        self.wakeups = {}

    def note(self, title, state):
        now = self.caller.state()[0]
        if now != state:
            raise Broken(f"it is {now} where it ought to be {state}")
        still(self.pid)
        self.memory[title] = memory(self.pid)

    def cycles(self):
        helper = Helper("bench-caller", namespace=self.namespace, user=USER)
        done = 0
        for number in CYCLES:
            for _ in range(number - done):
                helper.time("Release")
                helper.time("Engage")
            done = number
            self.note(f"engaged, after {number} cycles", "protecting")
        helper.close()

    def observe(self):
        self.note("off, just started", "off")
        self.wakeups["off"] = wakeups(self.pid)
        self.caller.call("Engage")
        self.note("engaged, VPN up", "protecting")
        self.wakeups["engaged"] = wakeups(self.pid)
        self.largest = mappings(self.pid)[:LARGEST]
        self.caller.call("Pause", 3600 * SECOND)
        self.note("paused", "paused")
        self.wakeups["paused"] = wakeups(self.pid)
        self.caller.call("Resume")
        self.cycles()
        self.caller.call("Release")
        self.note("off again", "off")

    def report(self):
        head("memory in MiB", "RSS", "PSS", "anon", "private")
        for title, values in self.memory.items():
            row(title, *values)
        head("the most of it while engaged", "PSS KiB")
        for name, size in self.largest:
            row(name, size)
        threads = len(glob.glob(f"/proc/{self.pid}/task/*"))
        head(f"wakeups within {IDLE_SECONDS} s, {threads} threads", "count")
        for state, count in self.wakeups.items():
            row(state, count)
        most = max(values[1] for values in self.memory.values())
        before, after = (self.memory[f"engaged, after {number} cycles"][2] for number in CYCLES[-2:])
        print(f"\n  The aim is less than {AIM} MiB PSS: at most {most:.2f}. "
              f"The last {CYCLES[-1] - CYCLES[-2]} cycles added {(after - before) * 1024:.0f} KiB.\n")


def main():
    with ground() as place:
        footprint = Footprint(place)
        footprint.observe()
        footprint.report()
        if any(footprint.wakeups.values()):
            raise Broken("something ticks: an idle service has to sleep")


if __name__ == "__main__":
    sys.exit(run(main))
