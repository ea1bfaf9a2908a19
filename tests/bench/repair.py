# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes rules, routes and the guard away and times until they are back; see bench-repair.c."""

import sys

from measure import Helper, Series, ground, head, row, run
from lib.ground import BY_MARK

# What is taken away, and how often.
ORDERS = {"rule": ("one rule, each in its turn", 200),
          "rules": ("all rules, as 'ip rule flush' does", 50),
          "routes": ("all routes of the table", 50),
          "guard": ("the nftables table", 50)}
AIM = 5


def main():
    since_answer, since_request = Series(), Series()
    with ground() as place:
        root = place.serve(BY_MARK)
        root.call("Engage")
        root.wait_state("protecting")
        before = place.ours()
        helper = Helper("bench-repair", namespace=place.host.name)
        for order, (_, rounds) in ORDERS.items():
            helper.time(order)
            for _ in range(rounds):
                answer, request = helper.times(order)
                since_answer.add(order, answer)
                since_request.add(order, request)
        helper.close()
        assert place.ours() == before, "not everything is as it was"
        told = root.signals("Repaired")
    print("\nFrom a deletion to its repair, in ms, since the kernel acknowledged it; and since it was sent.")
    head(f"{sum(len(rules) for rules in before['rules'].values())} rules, "
         f"{sum(len(routes) for routes in before['routes'].values())} routes, one nftables table",
         "least", "median", "most", "sent")
    for order, (text, rounds) in ORDERS.items():
        row(f"{text} ({rounds} times)", *since_answer.spread(order), since_request.median(order))
    print(f"\n  The aim for one rule is below {AIM} ms: {since_answer.median('rule'):.2f} ms. "
          f"{len(told)} repairs were signalled.\n")


if __name__ == "__main__":
    sys.exit(run(main))
