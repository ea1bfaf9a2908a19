# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts while the intent is changed without a pause: what was acknowledged is there, and nothing leaves."""
import configparser
import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lib import vm

GUEST = Path(__file__).resolve().parent / "guest"
FILES = [GUEST / "power.py", GUEST.parents[1] / "system" / "guest" / "wire.py"]
TRIES = 2
pytestmark = pytest.mark.watchdog(1000)

# In the root file system, before systemd starts: keep the intent as it is found.
PREPARE = """rm -f /share/found
[ ! -e /var/lib/killswitch/intent ] || cp /var/lib/killswitch/intent /share/found
[ -e /etc/systemd/system/wire.service ] || python3 /share/power.py prepare
"""
# The power fails at what is said in the second round of requests: when, and during or after which request.
CUTS = {"written aside, while the LAN is set": ("created", "SetLan none"),
        "renamed, while it is paused": ("renamed", "Pause"),
        "acknowledged, right after Engage": ("done", "Engage")}
ROUND = 2


@dataclass
class Intent:
    """What is asked for, as far as requests tell it."""
    engaged: bool = False
    pause: str = ""
    lan: str = ""

    def after(self, request):
        """As it is when a request has been carried out."""
        verb, _, argument = request.partition(" ")
        if verb == "SetLan":
            return Intent(self.engaged, self.pause, argument)
        return Intent(verb != "Release", argument if verb == "Pause" else "", self.lan)


@dataclass
class Life:
    """What happened from a boot to a power cut: the first look, and the requests up to the end."""
    told: dict = None
    acknowledged: list = field(default_factory=list)
    under_way: str = None
    lines: list = field(default_factory=list)
    cut: bool = False

    def hear(self, line):
        """Take in one line of what the machine says. Returns the word, and the request that it is about."""
        word, _, rest = line.partition(" ")
        self.lines.append(line)
        if word == "told":
            self.told = json.loads(rest)
        elif word == "begin":
            self.under_way = rest
        elif word == "done":
            self.acknowledged.append(self.under_way)
            self.under_way = None
        return word, self.acknowledged[-1] if word == "done" else self.under_way


def parse(text):
    """The file's intent, and whether its checksum is right."""
    file = configparser.ConfigParser(interpolation=None)
    file.optionxform = str
    file.read_string(text)
    values = file["Intent"]
    plain = "".join(line for line in text.splitlines(True) if not line.startswith("Checksum="))
    whole = hashlib.sha256(plain.encode()).hexdigest() == values["Checksum"]
    return Intent(values["Engaged"] == "true", values["Duration"] if values["Mode"] == "pause" else "",
                  values.get("Lan", "")), whole


def live(machine, cut):
    """One life; a machine that says nothing is started again."""
    for _ in range(TRIES):
        life, rounds = Life(), 0
        with machine.life() as power:
            try:
                for line in power.lines():
                    word, request = life.hear(line)
                    rounds += life.told is not None and line == "begin Engage"
                    if word == cut[0] and (request or "").startswith(cut[1]) and rounds >= (ROUND if word != "told" else 0):
                        power.cut()
                        life.cut = True
            except vm.Silent:
                if life.lines in ([], ["up"]):
                    continue
        if life.told and life.cut:
            return life
        break
    lines = [line for line in life.lines if not line.startswith("journal ")][-40:] + life.lines[-40:]
    raise AssertionError("\n".join(lines) + machine.said[-4000:])


@pytest.fixture(scope="module")
def lives():
    """Every life of one machine: the first begins with a fresh disk, each later one with a power cut behind it."""
    with tempfile.TemporaryDirectory(prefix="ksbox-") as work:
        machine = vm.Lives(work, FILES, before_boot=PREPARE)
        yield [live(machine, cut) for cut in (*CUTS.values(), ("told", ""))]


@pytest.fixture(params=range(len(CUTS)), ids=list(CUTS))
def cut(request, lives):
    """The life that ended with a cut, and the one after it."""
    return lives[request.param], lives[request.param + 1].told


def test_the_first_life_begins_off(lives):
    told = lives[0].told
    assert told["intent"] is None and told["state"] == "off" and told["kernel"] == [0, 0, 0], told


def test_what_was_acknowledged_is_there_whole(cut):
    life, told = cut
    found, whole = parse(told["intent"])
    assert whole, told
    last = parse(life.told["intent"])[0] if life.told["intent"] else Intent()
    for request in life.acknowledged:
        last = last.after(request)
    assert len(life.acknowledged) > 6 and found in (last, last.after(life.under_way) if life.under_way else last), \
        (found, last, life.under_way, life.lines[-12:])


def test_the_kernel_follows_it_before_the_network_is_up(cut):
    told = cut[1]
    intent = parse(told["intent"])[0]
    up = intent.engaged and not intent.pause
    assert told["early result"] == "success" and 0 < told["early done"] < told["wire begun"], told
    for kernel in (told["kernel before the network"], told["kernel"]):
        assert [bool(number) for number in kernel] == [up] * 3, told
    assert told["state"] == ("paused" if intent.pause else "blocking" if intent.engaged else "off"), told
    assert told["degraded"] == [], told


def test_nothing_leaves_when_it_is_engaged_and_all_once_released(cut):
    told = cut[1]
    intent = parse(told["intent"])[0]
    assert told["sender"] < told["early done"], told
    assert told["counts"]["attempts"] and told["counts"]["transport"], told
    assert (told["counts"]["leaked"] > 0) == (not intent.engaged or bool(intent.pause)), told
    assert told["released"] == [0, 0, 0], told


def test_some_cuts_were_survived_engaged(lives):
    """Or nothing above was about closed machines."""
    assert any(life.told["state"] == "blocking" for life in lives[1:]), [life.told["state"] for life in lives]
