# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb, every option, every exit status against the real service; the help says which there are."""

import json
import re

import pytest

from lib import proc
from lib.bus import SECOND
from lib.machine import environment

UNTIL = r"Until [-0-9]+ [0-9:]+, in "
# What is typed, as whom, in which state; the exit status, and what is printed to standard output or else as an error.
RUNS = (
    ("status", "root", "off", 3, r"Not protected: the kill switch is off.*State: off .*VPN: wg on wg0, down .*'ksctl on' engages it"),
    ("", "guest", "blocking", 0, r"Blocking: no VPN is up.*Since: .*Guard: active Blocked: \d+ packets.*Bring a VPN up"),
    ("status", "tester", "paused", 3, r"the kill switch is paused.*Until: .*, in .*; then it engages again by itself.*'ksctl resume'"),
    ("status", "tester", "trial", 0, r"Blocking.*Until: .*; then it releases itself.*'ksctl confirm' keeps it engaged"),
    ("status --no-legend", "root", "blocking", 0, r"Blocking((?!Next).)*$"),
    ("status -q", "root", "blocking", 0, r"$"),
    ("on", "root", "off", 0, r"Blocking: no VPN is up"),
    ("on", "root", "blocking", 0, r"Blocking: no VPN is up"),
    ("on -q", "local", "off", 0, r"$"),
    ("on", "tester", "off", 4, r"Not authorized to engage: .*sudo ksctl on$"),
    ("on --trial", "root", "off", 0, UNTIL + r"(1 min|5\d s); then it releases itself. 'ksctl confirm' keeps"),
    ("on --trial=2h", "root", "off", 0, UNTIL + r"(2 h|1 h 59 min); then it releases itself"),
    ("on --trial", "root", "blocking", 1, r"Cannot engage on trial: Engaged already"),
    ("confirm", "root", "trial", 0, r"Blocking((?!Until).)*$"),
    ("confirm", "root", "blocking", 1, r"Cannot confirm the trial: .*'ksctl status' tells what is in force"),
    ("off", "root", "blocking", 0, r"Not protected: the kill switch is off"),
    ("off", "root", "off", 0, r"Not protected: the kill switch is off"),
    ("off -j", "root", "trial", 0, r"\{.*\"State\":\"off\""),
    ("off --no-ask-password", "tester", "blocking", 4, r"Leave out --no-ask-password.*sudo ksctl off$"),
    ("pause 5m", "root", "blocking", 0, r"paused.*" + UNTIL + r"(5 min|4 min 5\d s); then it engages again by itself. 'ksctl resume'"),
    ("pause 5 minutes", "root", "paused", 0, r"paused.*" + UNTIL + r"(5 min|4 min 5\d s)"),
    ("pause 5m", "root", "off", 1, r"Cannot pause: .*'ksctl status' tells what is in force"),
    ("resume", "root", "paused", 0, r"Blocking((?!Until).)*$"),
    ("resume", "root", "off", 1, r"Cannot resume: .*'ksctl status' tells what is in force"),
    ("lan", "guest", "off", 0, r"private$"),
    ("lan -j", "guest", "off", 0, r"\{\"Lan\":\"private\"\}$"),
    ("lan none", "root", "blocking", 0, r"While engaged, no address can be reached directly"),
    ("lan all", "tester", "off", 4, r"sudo ksctl lan all$"),
    ("vpn", "guest", "off", 0, r"NAME INTERFACE .* wg wg0 down"),
    ("vpn --no-legend", "guest", "off", 0, r"wg wg0 down .*:\d+$"),
    ("vpn add a --interface=tun0 Mark=1 --dry-run", "guest", "off", 0, r"\[VPN a\] Mark=1 Interface=tun0$"),
    ("vpn add a Interface=tun0 Mark=1 --yes", "root", "off", 0, r"The VPN a was added"),
    ("vpn remove a", "root", "off", 0, r"The VPN a was removed"),
    ("vpn help", "guest", "off", 0, r"ksctl vpn"),
    ("show", "guest", "blocking", 0, r"State=blocking Engaged=(yes|true).*Version="),
    ("show -p State -p Engaged --value", "guest", "off", 0, r"off (no|false)$"),
    ("show --property=State,Lan", "guest", "off", 0, r"State=off Lan=private$"),
    ("show -p Stat", "guest", "off", 2, r"There is no property 'Stat'. Did you mean 'State'\?"),
    ("show --json=pretty -p Lan", "guest", "off", 0, r"\{ \"Lan\": \"private\" \}$"),
    ("is-active", "guest", "blocking", 0, r"blocking$"),
    ("is-active", "guest", "paused", 3, r"paused$"),
    ("is-active --quiet", "guest", "off", 3, r"$"),
    ("is-active --json=short", "guest", "trial", 0, r"\{\"State\":\"blocking\",\"Active\":true\}$"),
    ("audit", "root", "off", 5, r""),
    ("audit -j", "root", "blocking", 0, r"\{"),
    ("blocked", "guest", "blocking", 0, r"Nothing is recorded at present.*RecordBlocked=yes.*and not paused\.$"),
    ("blocked --no-legend", "guest", "off", 0, r"$"),
    ("blocked -j", "root", "off", 0, r"\{\"Recording\":false,\"Rows\":\[\]\}$"),
    ("reload", "root", "blocking", 0, r"The settings have been read again"),
    ("reload --no-pager", "root", "off", 0, r"The settings have been read again"),
    ("help", "guest", "off", 0, r"ksctl \[OPTIONS\]"),
    ("-h", "guest", "off", 0, r"ksctl \[OPTIONS\]"),
    ("--version", "guest", "off", 0, r"ksctl \d"),
    ("-H 'no host' status", "guest", "off", 8, r"Cannot reach the system bus of no host"),
    ("-M nowhere status", "guest", "off", 8, r"machine nowhere.*'machinectl list'"),
    ("-H a -M b", "guest", "off", 2, r"Either --host or --machine"),
    ("--host=no.host.invalid status", "guest", "off", 8, r"Does 'ssh no.host.invalid systemd-stdio-bridge' work"),
    ("--machine=nowhere status", "guest", "off", 8, r"machine nowhere"),
    ("monitor | head -n 1", "guest", "blocking", 0, r"[-0-9]+ [0-9:]+ blocking: Blocking"),
)
STATES = {"off": (), "blocking": (("Engage",),), "paused": (("Engage",), ("Pause", 3600 * SECOND)), "trial": (("EngageTrial", 3600 * SECOND),)}


@pytest.fixture
def texts(machine):
    assert machine
    return proc.run("ksctl", "--help", env=environment(COLUMNS="80"))


def section(text, title):
    return text.split(f"\n{title}:\n")[1].split("\n\n")[0].splitlines()


def test_each(host):
    for line, user, state, status, wanted in RUNS:
        host.root.call("Release")
        host.root.call("SetLan", "private")
        for call in STATES[state]:
            host.root.call(*call)
        done = proc.run("sh", "-c", f"ksctl {line}", namespace=host.ground.host.name, user=user, check=False, env=environment())
        assert done.returncode == status, (line, done)
        out, told = " ".join(done.stdout.split()), " ".join(done.stderr.split())
        # A result goes to one, an explanation to the other; never are both needed to understand either.
        assert re.search(wanted, out if status in (0, 3, 5) else told), (line, done)
        assert told == "" if status in (0, 3, 5) else out == "", (line, done)


def test_none_is_left_out(texts):
    """What the help names is what is tried above."""
    words = [line.split() for line, *_ in RUNS]
    verbs = {row.split()[0] for row in section(texts, "Commands") if re.match(r"  \S", row)}
    assert len(verbs) > 10 and verbs <= {word for line in words for word in line}
    options = {option for row in section(texts, "Options") if re.match(r" {2,6}-", row)
               for option in re.findall(r"(?<!\S)(-\w|--[a-z-]+)", row.split("  With ")[0])}
    tried = {re.sub(r"=.*", "", word) for line in words for word in line if word.startswith("-")}
    tried |= {f"-{letter}" for word in tried if re.fullmatch(r"-\w+", word) for letter in word[1:]}
    assert len(options) > 15 and options - tried == {"--help"}
    statuses = {int(row.split()[0]) for row in section(texts, "Exit status") if re.match(r"  \d", row)}
    assert statuses == {status for *_, status, _ in RUNS}


def test_what_is_printed_by_a_change_is_the_state(host):
    for verb in (("on",), ("pause", "1h"), ("resume",), ("off",)):
        told = json.loads(host.ksctl(*verb, "-j")[0])
        assert told["State"] == host.root.state()[0]


def test_a_problem_comes_with_a_remedy(host):
    """What is wrong, where, and where there is more; it goes when it is mended."""
    host.root.call("Engage")
    path = host.daemon.configure("[Killswitch]\nLan=bogus\n", "killswitch.conf.d/wrong.conf")
    for user in ("root", "trusted"):
        out, told = host.ksctl("reload", user=user, status=1)
        assert out == "" and f"{path}:2: Lan: 'bogus' is none of private, none, all" in " ".join(told.split())
        assert told.endswith("The settings from before stay in force.\n"), told
    text = " ".join(host.ksctl("status")[0].split())
    assert text.startswith("Blocking, with problems: ") and f"Problem: {path}:2: Lan: 'bogus'" in text
    assert "'ksctl audit' whether anything gets past" in text
    host.daemon.configure("", "killswitch.conf.d/wrong.conf")
    assert "in force" in host.ksctl("reload")[0]
    assert "roblem" not in host.ksctl("status")[0]
