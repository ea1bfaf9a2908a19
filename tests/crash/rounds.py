# SPDX-License-Identifier: GPL-2.0-or-later
"""One round for every system call of an operation.

The n-th call of each name is struck, for all names and all n, until a round goes through to its end
without a strike: then there is no n-th one. Counted by the name, since how often the service wakes
up in between differs from round to round, but not what it sends, writes and renames. The names are
those of a few rounds that only count, and of all that count while they strike."""

import collections
import itertools
import os

from crash.striking import Ended

KILL = "kill"
COUNTING = (KILL, "-", 0)
COUNTING_ROUNDS = 3
# How one ended: the BusError or None; Ended or None; what was struck.
Outcome = collections.namedtuple("Outcome", "error ended hit")


class Operation:
    """What is struck: prepare() brings the service where it begins, strike() does it."""

    def __init__(self, scene):
        self.scene = scene

    def prepare(self):
        raise NotImplementedError

    def act(self, strike):
        """Does it, where strike are the arguments for Struck; returns a BusError or None, or raises Ended."""
        raise NotImplementedError

    def strike(self, *strike):
        self.prepare()
        try:
            error = self.act(strike)
            return Outcome(error, None, self.scene.struck.idle())
        except Ended as ended:
            # What is done when it ends well has not been cut short.
            return Outcome(None, ended if ended.status else None, ended.hit)
        except AssertionError as problem:
            raise AssertionError(f"struck with {strike}: {problem}") from problem


def strike_all(operation, hows, check):
    """hows(call) are the ways to strike, that take turns; check(what, outcome) is called after each. Returns
    rounds by call."""
    struck = collections.Counter()
    found = []
    for _ in range(COUNTING_ROUNDS):
        clean = operation.strike(*COUNTING)
        assert clean.error is None and clean.ended is None, clean
        found += sorted(set(clean.hit.counts) - set(found))
    for call in found:
        ways = hows(call)
        for number in itertools.count(1) if ways else ():
            outcome = operation.strike(ways[number % len(ways)], call, number)
            found += sorted(set(outcome.hit.counts) - set(found))
            if outcome.hit.error is None:
                assert outcome.error is None and outcome.ended is None, (call, number, outcome)
                break
            struck[call] += 1
            check(f"{call} {number}: {os.strerror(outcome.hit.error) if outcome.hit.error else 'killed'}", outcome)
    return struck
