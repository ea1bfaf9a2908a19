# SPDX-License-Identifier: GPL-2.0-or-later
"""Has a booted container start the units again and again, and shows what it measured; see guest/starts.py."""

import json
import os
import sys
from pathlib import Path

from measure import Broken, Series, head, row, run
from lib import booted

SCRIPT = Path(__file__).resolve().parent / "guest" / "starts.py"
AIM = 30
TEXTS = {"early": "killswitch-early.service, until it is done", "true early": "  the same unit with /bin/true",
         "daemon": "killswitchd.service, until READY=1", "true daemon": "  the same unit with /bin/true"}


def main():
    report = booted.run([SCRIPT])
    told = [line for line in report.output.splitlines() if line.startswith("{")]
    if report.status or not told:
        raise Broken(report.tail())
    print(f"\nFrom a unit's start to its end or its word, in ms, by systemd's own clock; load average {os.getloadavg()[0]:.1f}.")
    for state, measured in json.loads(told[-1]).items():
        times = Series()
        times.times = measured
        head(f"{state}, {len(measured['early'])} times", "least", "median", "most", "own")
        for name, text in TEXTS.items():
            own = times.median(name) - times.median(f"true {name}") if f"true {name}" in measured else ""
            row(text, *times.spread(name), own)
    print(f"\n  The aim is {AIM} ms.\n")


if __name__ == "__main__":
    sys.exit(run(main))
