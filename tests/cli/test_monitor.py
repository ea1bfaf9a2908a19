# SPDX-License-Identifier: GPL-2.0-or-later
"""ksctl monitor: what is, what happens, and how long it still takes."""

import json
import re
import signal

import pytest

from lib import proc
from lib.bus import SECOND

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  [A-Za-z-]+: \S.*")


def lines(program, *wanted):
    """Everything printed so far, once these texts have come, in this order."""
    def come():
        place = -1
        for text in wanted:
            place = program.log().find(text, place + 1)
            if place < 0:
                return False
        return program.log().endswith("\n")
    proc.until(come, f"{wanted} in\n{program.log()}", limit=60)
    return program.log().splitlines()


def test_a_line_an_event(host):
    """In a pipe or a file there is a line for each event, and nothing that counts."""
    host.root.call("Engage")
    monitor = host.spawn("monitor", COLUMNS="40")
    lines(monitor, "  blocking: Blocking: no VPN is up")
    host.root.call("Pause", 600 * SECOND)
    lines(monitor, "  paused: paused (was blocking)", "  until: ", ", in ")
    host.root.call("Pause", 1 * SECOND)
    lines(monitor, "  blocking: the pause is over (was paused)")
    host.root.call("SetLan", "none")
    lines(monitor, "  Lan: none\n")
    host.root.call("Release")
    lines(monitor, "  off: released (was blocking)")
    host.root.call("EngageTrial", 600 * SECOND)
    lines(monitor, "  blocking: engaged on trial (was off)", "  until: ")
    host.root.call("Confirm")
    lines(monitor, "  trial: it is confirmed, and stays engaged\n")
    assert monitor.end(signal.SIGINT) == 0
    assert all(LINE.fullmatch(line) for line in monitor.log().splitlines()), monitor.log()


@pytest.mark.parametrize("how", ("kill", "stop"))
def test_over_a_restart_of_the_service(host, how):
    host.root.call("EngageTrial", 600 * SECOND)
    monitor = host.spawn("monitor")
    lines(monitor, "  blocking: ", "  until: ", "then it releases itself")
    getattr(host.daemon, how)()
    lines(monitor, "  service: it has gone; what it set up in the kernel stays in force\n")
    host.daemon.start()
    lines(monitor, "it has gone", "  service: it is there again\n", "  blocking: ", "  until: ")
    host.root.call("Release")
    lines(monitor, "it is there again", "  off: released (was blocking)\n")


@pytest.mark.parametrize("option", ("-j", "--json=short"))
def test_an_object_a_line(host, option):
    monitor = host.spawn("monitor", option)
    lines(monitor, "\n")
    host.root.call("Engage")
    host.root.call("Pause", 1 * SECOND)
    lines(monitor, "pause-expired")
    host.daemon.kill()
    host.daemon.start()
    lines(monitor, "ServiceStarted", '"State"')
    assert monitor.end() == 0
    events = [json.loads(line) for line in monitor.log().splitlines()]
    assert events[0]["Event"] == "State" and events[0]["State"] == "off"
    assert all(event["Timestamp"] > 1_600_000_000 * SECOND for event in events)
    assert {event["Event"] for event in events} == {"State", "StateChanged", "PropertiesChanged", "ServiceStopped",
                                                    "ServiceStarted"}
    assert [(event["Old"], event["New"]) for event in events if event["Event"] == "StateChanged"] == [
        ("off", "blocking"), ("blocking", "paused"), ("paused", "blocking")]
    # The deadline is in the event; nothing ticks.
    deadline, = [event["Changed"]["Deadline"] for event in events
                 if event["Event"] == "PropertiesChanged" and event["Changed"].get("Deadline")]
    assert deadline > events[0]["Timestamp"]


def test_the_countdown(host):
    """On a terminal the last line counts, and makes room for what happens."""
    host.root.call("Engage")
    host.root.call("Pause", 600 * SECOND)
    monitor = host.terminal("exec ksctl monitor")
    monitor.expect(r"paused: Not protected")
    line = r"In 9 min (\d+) s it engages \([-\d]* ?\d\d:\d\d:\d\d\)\."
    first = int(monitor.expect(line)[1])
    while int(monitor.expect(line)[1]) >= first:
        continue
    host.root.call("Resume")
    # The line has gone before the event is written.
    monitor.expect(r"\r\x1b\[K[-0-9]+ [0-9:]+  blocking: resumed \(was paused\)\r\n")
    host.root.call("Release")
    host.root.call("EngageTrial", 600 * SECOND)
    monitor.expect(r"In (10 min|9 min \d+ s) it lets go \(")
    host.daemon.kill()
    monitor.expect(r"\r\x1b\[K[-0-9]+ [0-9:]+  service: it has gone")
    host.daemon.start()
    monitor.expect(r"In 9 min \d+ s it lets go \(")
    monitor.interrupt()
    status, text = monitor.wait()
    assert status == 0 and text.endswith("\r\x1b[K"), text


def test_the_countdown_goes_with_the_pause(host):
    host.root.call("Engage")
    monitor = host.terminal("exec ksctl monitor")
    monitor.expect(r"  blocking: ")
    host.root.call("Pause", 1 * SECOND)
    monitor.expect(r"blocking: the pause is over")
    monitor.interrupt()
    assert "it engages" not in monitor.wait()[1]


def test_a_terminal_that_cannot(host):
    host.root.call("Engage")
    monitor = host.terminal("exec ksctl monitor", TERM="dumb")
    monitor.expect(r"  blocking: ")
    host.root.call("Pause", 1 * SECOND)
    monitor.expect(r"blocking: the pause is over \(was paused\)\r\n")
    monitor.interrupt()
    status, text = monitor.wait()
    assert status == 0 and "\x1b" not in text and "s it engages" not in monitor.all


@pytest.mark.parametrize("columns", (40, 30))
def test_a_narrow_terminal(host, columns):
    """Words stay whole, and the line that counts stays one."""
    host.root.call("Engage")
    host.root.call("Pause", 600 * SECOND)
    monitor = host.terminal("exec ksctl monitor", columns=columns)
    monitor.expect(r"In 9 min \d+ s it engages")
    monitor.expect(r"In 9 min \d+ s it engages")
    shown = monitor.all.replace("\x1b[K", "").replace("\r\n", "\n")
    rows = re.split(r"[\r\n]", shown)
    assert all(len(row) <= columns for row in rows), rows
    assert "the kill switch is paused, and traffic leaves this machine directly." in " ".join(shown.split())


def test_nobody_reads(host):
    """It ends by itself, also while nothing happens."""
    done = host.shell("ksctl monitor | head -n 1")
    assert LINE.fullmatch(done.stdout.strip()) and done.stderr == ""
