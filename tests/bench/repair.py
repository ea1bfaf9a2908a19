# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes rules, routes and the guard away and times until they are back, while nobody else wants the processors
and while two busy loops do; see bench-repair.c."""

import contextlib
import os
import subprocess
import sys

from measure import Helper, Series, ground, head, row, run
from lib.ground import BY_MARK

# What is taken away, and how often.
ORDERS = {"rule": ("one rule, each in its turn", 200),
          "rules": ("all rules, as 'ip rule flush' does", 50),
          "routes": ("all routes of the table", 50),
          "guard": ("the nftables table", 50)}
AIM = 5
LOOPS = 2


@contextlib.contextmanager
def busy(loops):
    """Processes that want a processor all the time."""
    processes = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(helper):
    """Times since the acknowledgement, and since the request."""
    since_answer, since_request = Series(), Series()
    for order, (_, rounds) in ORDERS.items():
        helper.time(order)
        for _ in range(rounds):
            answer, request = helper.times(order)
            since_answer.add(order, answer)
            since_request.add(order, request)
    return since_answer, since_request


def main():
    with ground() as place:
        root = place.serve(BY_MARK)
        root.call("Engage")
        root.wait_state("protecting")
        before = place.ours()
        helper = Helper("bench-repair", namespace=place.host.name)
        times = {}
        for loops, title in ((0, "otherwise idle"), (LOOPS, f"{LOOPS} busy loops")):
            with busy(loops):
                times[title] = measure(helper)
        helper.close()
        assert place.ours() == before, "not everything is as it was"
        told = root.signals("Repaired")
    print("\nFrom a deletion to its repair, in ms, since the kernel acknowledged it; and since it was sent.\n"
          f"{sum(len(rules) for rules in before['rules'].values())} rules, "
          f"{sum(len(routes) for routes in before['routes'].values())} routes, one nftables table; "
          f"load average {os.getloadavg()[0]:.1f}.")
    for title, (since_answer, since_request) in times.items():
        head(title, "least", "median", "most", "sent")
        for order, (text, rounds) in ORDERS.items():
            row(f"{text} ({rounds} times)", *since_answer.spread(order), since_request.median(order))
    print(f"\n  The aim for one rule is below {AIM} ms: "
          + ", ".join(f"{title} {answer.median('rule'):.2f} ms" for title, (answer, _) in times.items())
          + f". {len(told)} repairs were signalled.\n")


if __name__ == "__main__":
    sys.exit(run(main))
