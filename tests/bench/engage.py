# SPDX-License-Identifier: GPL-2.0-or-later
"""Times Engage and Release as a normal user's program sees them, beside the classic shell recipe and beside
what cannot be done without. One round does each of them once, in a changing order."""

import contextlib
import fcntl
import os
import random
import struct
import sys

from measure import STATE, USER, Broken, Helper, Series, ground, head, row, run, state_on_disk
from lib.ground import BY_MARK
from lib.wireguard import CLIENT

ROUNDS = 60
WARM_UP = 3
STARTS = 10
RECIPE = ("ip route {} default dev wg0 table 51820",
          "ip route {} blackhole default metric 4278198272 table 51820",
          "ip rule {} not sport 51820 table 51820",
          "ip rule {} table main suppress_prefixlength 0",
          "ip -6 rule {} not sport 51820 unreachable")
WAYS = {"Engage": "add", "Release": "del"}
ACTIONS = {"Engage": "org.killswitch1.engage", "Release": "org.killswitch1.release"}
# What cannot be done without, after the bus and polkit.
BARE = {"Engage": ("save", "guard-up", "rules-up"), "Release": ("save", "rules-down", "guard-down")}
TEXTS = {"ping": "bus: an empty call to the service, and back",
         "polkit": "polkit: the same question, asked directly",
         "save": "disk: the intent, synced",
         "guard-up": "kernel: the guard's transaction", "guard-down": "kernel: the guard's transaction",
         "rules-up": "kernel: rules and routes", "rules-down": "kernel: rules and routes"}
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


@contextlib.contextmanager
def beside(place):
    """Another host with the same links, for the recipe and the bare transactions: what the service makes of
    their events costs them nothing there."""
    space = place.internet.lan
    with space.entered():
        tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", b"wg0", IFF_TUN | IFF_NO_PI))
    space.ips(f"""
        address add {CLIENT[4]}/24 dev wg0
        address add {CLIENT[6]}/64 dev wg0 nodad
        link set wg0 up""")
    try:
        yield space
    finally:
        os.close(tunnel)


class Bench:
    def __init__(self, place, space):
        self.times = Series()
        self.caller = Helper("bench-caller", namespace=place.host.name, user=USER)
        self.shell = Helper("bench-shell", namespace=space.name)
        self.kernel = Helper("bench-kernel", STATE + "/bare", BY_MARK, namespace=space.name)

    def call(self, verb):
        self.times.add(verb, self.caller.time(verb))

    def recipe(self, verb, series="recipe"):
        lines = "; ".join(line.format(WAYS[verb]) for line in RECIPE)
        self.times.add(f"{verb} {series}", self.shell.time(f"set -e; {lines}"))

    def floor(self, verb):
        parts = {"ping": self.caller.time("ping"), "polkit": self.caller.time(f"polkit {ACTIONS[verb]}")}
        for order in BARE[verb]:
            parts[order] = self.kernel.time(order)
        for part, time in parts.items():
            self.times.add(f"{verb} {part}", time)
        self.times.add(f"{verb} floor", sum(parts.values()))

    def enforcer(self, verb):
        self.times.add(f"{verb} enforcer", self.kernel.time("raise" if verb == "Engage" else "lower"))

    def first(self, daemon):
        """Just started, it has neither polkit's address nor its own code at hand."""
        daemon.stop()
        daemon.start()
        self.times.add("first", self.caller.time("Engage"))
        self.caller.time("Release")
        for verb in WAYS:
            self.recipe(verb, "recipe beside first")

    def round(self):
        """Each up and then down. Two that need the same namespace never overlap."""
        parts = [self.call, self.recipe, self.floor, self.enforcer]
        random.shuffle(parts)
        for part in parts:
            for verb in WAYS:
                part(verb)

    def close(self):
        for helper in (self.caller, self.shell, self.kernel):
            helper.close()


def report(times, disk):
    print(f"\n{ROUNDS} rounds, in ms. The intent is kept on {disk}; load average {os.getloadavg()[0]:.1f}.")
    head("as a program sees it", "least", "median", "most", "ratio")
    for verb, way in WAYS.items():
        for text, name in ((f"{verb}, authorization included", verb),
                           (f"  the recipe: five times ip ... {way}", f"{verb} recipe"),
                           ("  the floor: what can't be left out", f"{verb} floor")):
            row(text, *times.spread(name), times.median(name) / times.median(f"{verb} recipe"))
    row(f"the first Engage of a fresh service ({STARTS} times)", *times.spread("first"),
        times.median("first") / times.median("Engage recipe beside first"))
    for verb in WAYS:
        whole = times.median(verb)
        head(f"where the time of {verb} goes", "least", "median", "most", "share")
        for part in ("ping", "polkit", *BARE[verb]):
            row(TEXTS[part], *times.spread(f"{verb} {part}"), f"{times.median(f'{verb} {part}') / whole:.0%}")
        rest = whole - times.median(f"{verb} floor")
        row("the service: all else, and waiting for its turn", "", rest, "", f"{rest / whole:.0%}")
        row("(kernel as it does it: read, write, read back)", *times.spread(f"{verb} enforcer"))
    slower = [verb for verb in WAYS if times.median(verb) >= times.median(f"{verb} recipe")]
    verdict = " and ".join(slower) + ": not so" if slower else "so it is, both ways"
    print(f"\n  The aim is less time than the recipe's: {verdict}.\n")


def check(place, root, caller):
    """Once with a look at what has become of it."""
    for verb, state in (("Engage", "protecting"), ("Release", "off")):
        caller.time(verb)
        if root.state()[0] != state:
            raise Broken(f"after {verb} it is {root.state()}")
    place.assert_nothing_left()


def main():
    with ground() as place:
        disk = state_on_disk()
        os.makedirs(f"{STATE}/bare", mode=0o700)
        # Nobody subscribes: to wake others for the signals would be their time.
        place.daemon.configure(BY_MARK)
        place.daemon.start()
        root = place.caller("root")
        with beside(place) as space:
            bench = Bench(place, space)
            check(place, root, bench.caller)
            for _ in range(WARM_UP):
                bench.round()
            bench.times = Series()
            for _ in range(ROUNDS):
                bench.round()
            for _ in range(STARTS):
                bench.first(place.daemon)
            check(place, root, bench.caller)
            bench.close()
    report(bench.times, disk)


if __name__ == "__main__":
    sys.exit(run(main))
