# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside a booted system: starts the units and, as their measure, the same ones that run /bin/true instead."""
import json
import re
import sys

import guest
from guest import call, out, state

ROUNDS = 40
UNITS = {"early": "killswitch-early.service", "daemon": "killswitchd.service"}
WIPE = """nft delete table inet killswitch 2>/dev/null
for family in 4 6; do ip -$family rule flush protocol 83; ip -$family route flush table 83; done 2>/dev/null; true"""


def beside():
    """Units with the same sandbox that do nothing."""
    for name, unit in UNITS.items():
        with open(f"/usr/lib/systemd/system/{unit}", encoding="ascii") as file:
            text = file.read().replace("[Unit]\n", "[Unit]\nStartLimitIntervalSec=0\n")
        with open(f"/etc/systemd/system/{unit}", "w", encoding="ascii") as file:
            file.write(text)
        text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.M)
        text = re.sub(r"^(BusName|ExecReload|Restart|RestartSec)=.*\n", "", text, flags=re.M)
        # It is up when it has ended, which is the latest that it could say a word.
        text = re.sub(r"^RemainAfterExit=.*\n", "", text, flags=re.M)
        text = re.sub(r"^Type=.*$", "Type=oneshot\nRemainAfterExit=yes", text, flags=re.M)
        with open(f"/etc/systemd/system/true-{name}.service", "w", encoding="ascii") as file:
            file.write(text)
    out("systemctl daemon-reload")


def start(unit):
    """How long a unit takes to start, in ms."""
    out("systemctl", "stop", unit)
    out("systemctl", "start", unit)
    shown = out("systemctl", "show", "-p", "InactiveExitTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic", unit)
    times = dict(line.split("=") for line in shown.splitlines())
    return (int(times["ActiveEnterTimestampMonotonic"]) - int(times["InactiveExitTimestampMonotonic"])) / 1000


def measure(engaged):
    """A boot's work: the kernel holds nothing yet when the early unit starts, and all of it when the service does."""
    times = {name: [] for key in UNITS for name in (key, f"true {key}")}
    for _ in range(ROUNDS):
        out("systemctl", "stop", UNITS["daemon"])
        out(WIPE)
        for name, unit in UNITS.items():
            times[name].append(start(unit))
            times[f"true {name}"].append(start(f"true-{name}.service"))
        assert state()[1]["Engaged"] == engaged
    return times


def main():
    beside()
    told = {"off": measure(False)}
    call("Engage")
    told["engaged"] = measure(True)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main())
