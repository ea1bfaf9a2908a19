# SPDX-License-Identifier: GPL-2.0-or-later
"""Times ksctl as a whole process, beside busctl that asks the service for the same."""

import os
import sys

from measure import Helper, Series, ground, head, row, run

from lib.ground import BY_MARK

ROUNDS = 200
AIM = 1.5
BUSCTL = "busctl call org.killswitch1 /org/killswitch1 org.killswitch1 GetState"
COMMANDS = {
    "busctl call … GetState": BUSCTL,
    "ksctl status": "ksctl status",
    "ksctl status --json=short": "ksctl status --json=short",
    "ksctl is-active": "ksctl is-active",
    "ksctl --version": "ksctl --version",
    "nothing (/bin/true)": "/bin/true",
}


def main():
    with ground() as place:
        place.serve(BY_MARK).call("Engage")
        shell, times = Helper("bench-shell", namespace=place.host.name), Series()
        # One after the other in each round, so that what else the machine does meets all of them.
        for turn in range(ROUNDS + 1):
            for name, command in COMMANDS.items():
                taken = shell.time(f"exec {command} >/dev/null")
                if turn > 0:
                    times.add(name, taken)
        shell.close()
    base = times.median("busctl call … GetState")
    print(f"\n{ROUNDS} rounds, in ms; load average {os.getloadavg()[0]:.1f}.")
    head("", "least", "median", "most", "ratio")
    for name in COMMANDS:
        row(name, *times.spread(name), times.median(name) / base)
    ratio = times.median("ksctl status") / base
    print(f"\n  The aim is less than {AIM} times busctl: {'so it is' if ratio < AIM else 'not so'}.\n")


if __name__ == "__main__":
    sys.exit(run(main))
