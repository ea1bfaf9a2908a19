# SPDX-License-Identifier: GPL-2.0-or-later
"""What people type wrongly: each is refused with status 2, on standard error, with the way out; nothing is asked of a service."""

import re

import pytest

from lib import proc
from lib.bus import SECOND
from lib.machine import environment

WORDS = (
    # Slips, and the words of other programs.
    ("statsu", "Did you mean 'status'?"), ("stat", "Did you mean 'status'?"), ("enable", "Did you mean 'on'?"),
    ("disable", "Did you mean 'off'?"), ("connect", "Unknown command 'connect'."), ("is-actve", "Did you mean 'is-active'?"),
    ("--jsno", "Did you mean --json?"), ("--trail=5m on", "Did you mean --trial?"), ("--versoin", "Did you mean --version?"),
    ("--frobnicate", "Unknown option --frobnicate."), ("-z", "Unknown option -z."), ("on -x", "Unknown option -x."),
    ("version", "Did you mean '--version'?"), ("mointor", "Did you mean 'monitor'?"),
    # Values.
    ("--json=xml", "--json takes pretty, short or off, not 'xml'."), ("--json", "--json takes a value."), ("-H", "-H takes a value."),
    ("show -p", "-p takes a value."), ("show -p ,", "--property takes the name of a property."), ("--quiet=yes", "--quiet takes no value."),
    ("-H a -M b", "Either --host or --machine"), ("-H ''", "--host takes a name."), ("lan privat", "Did you mean 'private'?"),
    ("lan lan", "those are private, none and all"),
    # Arguments.
    ("pause", "'pause' takes a duration; write for example"), ("on off", "'on' takes no arguments."), ("on --trial 5m", "Did you mean --trial=5m?"),
    ("on 5m", "'on' takes no arguments."), ("confirm it", "'confirm' takes no arguments."), ("status now", "'status' takes no arguments."),
    ("lan none all", "'lan' takes one argument."), ("off --trial", "--trial goes with 'on'"), ("-p State", "go with 'show'"),
    ("status --value", "go with 'show'"), ("on --yes", "go with 'vpn add'"),
    # Durations.
    ("pause ''", "The duration is empty"), ("pause -1", "has to be above zero"), ("pause -- -1", "it has to be above zero"),
    ("pause 0", "it has to be above zero"), ("pause 0h", "it has to be above zero"), ("pause forever", "'ksctl off' releases"),
    ("pause Infinity", "'ksctl off' releases"), ("pause 5 lightyears", "unknown unit"), ("pause 5m 3", "has no unit"),
    ("pause 1e30", "unknown unit"), ("pause 10y", "unknown unit"), ("pause 0.1s", "from 1 s to 7 d"), ("pause 8d", "from 1 s to 7 d"),
    ("pause 1000000000000000000000000000000 years", "too long to be counted"), ("pause 18446744073709551615", "too long"),
    ("pause 213503982334601d", "too long"), ("pause 1.d", "no digits behind the point"), ("pause ٣m", "is not a duration"),
    ("pause $'\\033[31m'", "is not a duration"), ("on --trial=", "The duration is empty"), ("on --trial=-5m", "negative"),
    ("on --trial=0", "above zero"), ("on --trial=99999999999999999999h", "too long to be counted"), ("on --trial=5m,", "unit"),
)


@pytest.fixture(name="ksctl")
def _ksctl(machine):
    assert machine

    def run(line):
        """As typed into a shell, where there is no bus at all."""
        return proc.run("bash", "-c", f"exec ksctl {line}", check=False,
                        env=environment(DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/lab/nowhere"))
    return run


def test_refused(ksctl):
    for line, wanted in WORDS:
        done = ksctl(line)
        text = " ".join(done.stderr.split())
        assert (done.returncode, done.stdout) == (2, "") and wanted in text, (line, done)
        assert text.endswith("'ksctl --help' tells what can be given.") and "\x1b" not in text, (line, text)


def test_durations(host):
    """As people write them; what is left is told in words that read the same."""
    host.root.call("Engage")
    for line, seconds in (("5 minutes", 300), ("'5 minutes'", 300), ("1h30m", 5400), ("1h 30m", 5400), ("90", 90), ("2.5min", 150),
                          ("1 day", 86400), ("7d", 604800), ("  1   h ", 3600), ("60s", 60)):
        paused_for(host, line, seconds)


def paused_for(host, line, seconds):
    done = host.shell(f"ksctl pause {line}")
    assert done.returncode == 0 and done.stderr == "", done
    details = host.root.state()[1]
    assert abs(details["Deadline"] - details["Since"] - seconds * SECOND) < SECOND
    assert re.search(r"Until [-0-9]+ [0-9:]+, in [0-9]+ (s|min|h|d)\b.*; then it engages again",
                     " ".join(done.stdout.split())), done


def test_help(ksctl):
    """On standard output, at most as wide as a terminal; the same by each way."""
    text = ksctl("--help").stdout
    assert max(map(len, text.splitlines())) <= 80 and "Exit status:" in text
    for line in ("-h", "help", "status --help", "on --trial -h", "-qh", "--jsn"):
        done = ksctl(line)
        if line != "--jsn":
            assert (done.returncode, done.stdout, done.stderr) == (0, text, "")
    narrow = proc.run("ksctl", "--help", env=environment(COLUMNS="40"))
    assert max(map(len, narrow.splitlines())) <= 40
    assert sorted(narrow.split()) == sorted(text.split())
    assert re.fullmatch(r"ksctl \d+\.\d+\.\d+\n", ksctl("--version").stdout)
