# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the output goes: pipes, full disks, closed streams, terminals of all sorts, and locales."""

import json
import re

import pytest

from lib.bus import SECOND

PRINTING = ("status", "show", "vpn", "lan", "is-active", "--help", "--version", "vpn help", "audit", "monitor")


def test_a_full_disk(host):
    """A result that is lost is an error."""
    host.root.call("Engage")
    for verb in PRINTING:
        done = host.shell(f"exec ksctl {verb} >/dev/full")
        assert done.returncode == 1 and "Cannot write to the standard output: No space left on device." in done.stderr, done


def test_nobody_reads(host):
    for verb in PRINTING:
        done = host.shell(f"ksctl {verb} | head -n 1")
        assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stderr == "", (verb, done)


def test_closed_streams(host):
    """Nothing is written into what happens to be opened in their place."""
    host.root.call("Engage")
    for verb in ("status", "show", "--help", "monitor"):
        done = host.shell(f"exec ksctl {verb} >&-")
        assert done.returncode == 1 and "Cannot write to the standard output" in done.stderr, (verb, done)
    done = host.shell("exec ksctl status 2>&- <&-")
    assert done.returncode == 0 and done.stdout.startswith("Blocking")
    assert host.shell("exec ksctl frobnicate >&- 2>&- <&-").returncode == 2
    assert host.shell("exec ksctl off >&- 2>&- <&-").returncode == 1
    assert host.root.state()[0] == "off"


@pytest.mark.parametrize("variables, coloured", (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                                                 ({"TERM": "dumb"}, False), ({"TERM": ""}, False)))
def test_colours(host, variables, coloured):
    """On a terminal that has them, for who wants them, and nowhere else; the words are the same."""
    host.root.call("Engage")
    terminal = host.terminal("exec ksctl status --no-legend", **variables)
    status, text = terminal.wait()
    assert status == 0 and ("\x1b[" in text) == coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b" not in bare
    piped = host.ksctl("status", "--no-legend", **variables)[0]
    assert "\x1b" not in piped

    def words(shown):
        return re.sub(r"Since: .*? ago|Since: .*? now|Blocked: \d+ packets?", "", " ".join(shown.split()))
    assert words(bare) == words(piped)


@pytest.mark.parametrize("how", ("terminal", "COLUMNS"))
def test_forty_columns(host, how):
    """Broken between words; nothing is lost."""
    host.daemon.configure("[VPN office]\nInterface=a-rather-long-0\nMark=0x99\nEndpoint=[2001:db8:51::10]:1194\n", "killswitch.conf.d/x.conf")
    host.root.call("Reload")
    host.root.call("EngageTrial", 3600 * SECOND)
    for verb in ("status", "vpn", "--help", "frobnicate", "pause forever", "lan lan"):
        if how == "terminal":
            text = host.terminal(f"exec ksctl {verb}", columns=40, NO_COLOR="1").wait()[1]
        else:
            done = host.shell(f"ksctl {verb}", COLUMNS="40")
            text = done.stdout + done.stderr
        wide = host.shell(f"ksctl {verb}", COLUMNS="1000")
        # What has no blank stays whole, and a program takes a line for a row.
        assert all(len(line) <= 40 or " " not in line.strip() for line in text.splitlines()) or (verb, how) == ("vpn", "COLUMNS"), text

        def words(shown):
            """Without what changes with the time."""
            changing = r".*\d.*|just|now|s|ago|min|h|packets?"
            return [word for word in shown.split() if not re.fullmatch(changing, word)]
        assert words(text) == words(wide.stdout + wide.stderr), (verb, text)


@pytest.mark.parametrize("locale", ("C", "POSIX", "C.UTF-8", "xx_YY.ISO-8859-1"))
def test_locales(host, locale):
    """What can't be shown is shown as what it is; JSON is the same everywhere."""
    host.daemon.configure("[VPN office]\nInterface=tun7\nMark=0x99\n", "killswitch.conf.d/büro.conf")
    host.root.call("Reload")
    for verb in ("vpn list", "vpn show office", "show", "büro"):
        done = host.shell(f"ksctl {verb}", LC_ALL=locale)
        text = done.stdout + done.stderr
        assert ("büro" if locale == "C.UTF-8" else "b\\u00fcro") in text and text.isascii() == (locale != "C.UTF-8"), text
    assert json.loads(host.ksctl("vpn", "-j", LC_ALL=locale)[0])[1]["Origin"].endswith("büro.conf:1")


def test_json_by_where_it_goes(host):
    """-j is for eyes on a terminal, and one line for programs."""
    shown = host.terminal("exec ksctl status -j").wait()[1]
    piped = host.ksctl("status", "-j", status=3)[0]
    assert shown.count("\n") > 10 and piped.count("\n") == 1

    def still(text):
        return {key: value for key, value in json.loads(text).items() if key != "Blocked"}
    assert still(shown) == still(piped) == still(host.ksctl("status", "--json=pretty", status=3)[0])
    assert host.ksctl("status", "--json=off", status=3)[0].startswith("Not protected")
    assert host.ksctl("status", "-qj", status=3) == ("", "")
