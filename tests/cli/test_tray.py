# SPDX-License-Identifier: GPL-2.0-or-later
"""killswitch-tray on a session bus: the icon in each state of the real service, its menu, and a click."""

import pytest

from lib import proc
from lib.agent import agent_for
from lib.bus import SECOND, refused
from lib.ground import BY_MARK
from lib.machine import ROOT_PASSWORD, environment
from lib.tray import LIMIT, Session

TUNNEL = f"{proc.LAB}/bin/tunnel.py"
# A name that shells, menus and markup could take for something else.
ODD = """
[VPN my_home_vpn]
Interface=wg0
Mark=0x77
"""


@pytest.fixture
def seated(alone):
    """Of somebody who may raise it, and needs a password to lower it."""
    session = Session(alone, "local")
    yield session
    session.close()


def connect(ground):
    """What makes the service see the VPN come up; it goes with its program."""
    program = ground.host.spawn("tunnel", [proc.PYTHON, "-u", TUNNEL, "wg0", "udp"])
    proc.until(lambda: "ready" in program.log() or not program.running(), "the program to open its device", LIMIT)
    ground.host.ips("""
        address add 10.8.0.2/24 dev wg0
        link set wg0 up""")
    return program


def headline(ground):
    """What ksctl says first, in one line."""
    told = proc.run("ksctl", namespace=ground.host.name, check=False, env=environment()).stdout
    return " ".join(told.split("\n\n")[0].split())


def assert_words(ground, session, icon, title, status):
    """The icon comes with the signal, what VPN it is a moment later."""
    session.until(icon)
    said = headline(ground)
    shown = proc.until(lambda: (now := session.read())["IconAccessibleDesc"] == said and now, said, LIMIT)
    assert (shown["Title"], shown["Status"], shown["ToolTip"][2]) == (title, status, title)
    assert shown["AttentionAccessibleDesc"] == shown["ToolTip"][3].split("\n")[0] == said
    assert shown["AttentionIconName"] == shown["IconName"] == shown["ToolTip"][0] == f"killswitch-{icon}"


def test_icon_and_words_in_each_state(alone, session):
    root = alone.serve(BY_MARK)
    session.start()
    shown = session.until("off")
    assert (shown["Id"], shown["Category"], shown["ItemIsMenu"]) == ("killswitch", "SystemServices", False)
    assert_words(alone, session, "off", "Kill switch: off, not protected", "Active")
    root.call("Engage")
    assert_words(alone, session, "blocking", "Kill switch: blocking, no VPN", "NeedsAttention")
    program = connect(alone)
    assert_words(alone, session, "protecting", "Kill switch: protected", "Active")
    alone.daemon.configure(BY_MARK + "Marc=<b>1</b>\n")
    assert "Marc" in refused(root.call, "Reload").message
    assert_words(alone, session, "degraded", "Kill switch: on, with problems", "NeedsAttention")
    problems = " ".join(label for label, _, _ in session.entry("What is wrong")[2])
    assert problems == " ".join(root.get("Degraded")) and "Marc" in problems
    alone.daemon.configure(BY_MARK)
    root.call("Reload")
    session.until("protecting")
    program.kill()
    session.until("blocking")
    root.call("Pause", 3600 * SECOND)
    assert_words(alone, session, "paused", "Kill switch: paused, not protected", "Active")
    proc.until(lambda: "\nPaused until " in session.read()["ToolTip"][3], "the end of the pause", LIMIT)


def test_menu(alone, session):
    root = alone.serve(ODD)
    session.start()
    session.until("off")
    assert session.labels()[-3:] == ["Notifications", "About", "Quit (the kill switch stays as it is)"]
    assert "Pause" not in session.labels() and "Turn off" not in session.labels()
    assert [label for label, _, _ in session.entry("VPNs")[2]] == ["my__home__vpn on wg0, down"]
    session.choose("Turn on")
    session.until("blocking")
    session.choose("Pause", "15 minutes")
    session.until("paused")
    assert 890 * SECOND < root.state()[1]["Remaining"] <= 900 * SECOND
    session.choose("Turn on")
    session.until("blocking")
    session.choose("Local network", "None")
    root.wait_event(lambda event: event.get("signal") == "PropertiesChanged" and event["arguments"][1].get("Lan") == "none",
                    "the setting for the LAN")
    proc.until(lambda: [entry[1]["toggle-state"] for entry in session.entry("Local network")[2]] == [0, 1, 0],
               "the mark to move", LIMIT)
    session.choose("Turn off")
    session.until("off")
    assert root.state()[0] == "off"


def test_menu_counts_only_while_it_is_open(alone, session):
    root = alone.serve(BY_MARK)
    session.start()
    root.call("Engage")
    session.until("blocking")
    alone.host.run("python3", "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')\n"
                   "try: s.sendto(b'x', ('203.0.113.9', 9))\nexcept OSError: pass")
    blocked = root.state()[1]["Blocked"]
    assert blocked > 0
    session.open()
    proc.until(lambda: any(int(label.split()[1]) >= blocked for label in session.labels() if label.startswith("Blocked: ")),
               "the menu to show the counter", LIMIT)
    session.event(0, "closed")
    root.call("Pause", 3600 * SECOND)
    session.until("paused")
    proc.until(lambda: any(label.startswith("Paused until ") for label in session.labels()), "the end of the pause", LIMIT)
    session.open()
    first = proc.until(lambda: [label for label in session.labels() if "engages by itself in" in label], "a countdown", LIMIT)
    proc.until(lambda: [label for label in session.labels() if "engages by itself in" in label] not in ([], first),
               "the countdown to go on", LIMIT)
    session.event(0, "closed")
    proc.until(lambda: any(label.startswith("Paused until ") for label in session.labels()), "the countdown to end", LIMIT)


def test_click_raises_at_once_and_asks_before_it_lowers(alone, session):
    root = alone.serve(BY_MARK)
    session.start()
    session.until("off")
    since = session.panel.mark()
    session.click()
    session.until("blocking")
    session.bubble(since, lambda bubble: bubble["title"] == "Kill switch: blocking, no VPN")
    since = session.panel.mark()
    session.click()
    question = session.bubble(since, lambda bubble: bubble["title"] == "Turn the kill switch off?")
    assert list(question["actions"]) == ["keep", "pause", "turn-off"] and question["urgency"] == 2
    session.act(question["id"], "keep")
    # What was answered once isn't asked any more.
    session.act(question["id"], "turn-off")
    since = session.panel.mark()
    session.click()
    question = session.bubble(since, lambda bubble: bubble["title"] == "Turn the kill switch off?")
    assert root.state()[0] == "blocking"
    session.act(question["id"], "turn-off")
    session.until("off")
    root.wait_signal("StateChanged", "blocking", "off")
    assert [old for old, _, _ in root.signals("StateChanged")] == ["off", "blocking"]


@pytest.mark.parametrize("capabilities", [["body"], None])
def test_click_where_nobody_can_be_asked(alone, session, capabilities):
    """The host is told to show the menu; nothing goes down by a click alone."""
    root = alone.serve(BY_MARK)
    root.call("Engage")
    session.start(capabilities=capabilities)
    session.until("blocking")

    def clicked():
        try:
            session.click()
        except Exception as error:  # pylint: disable=broad-except
            return error
        return None
    error = proc.until(clicked, "the click to be refused", LIMIT)
    assert error.name == "org.freedesktop.DBus.Error.UnknownMethod"
    if capabilities:
        bubble = session.bubble(wanted=lambda bubble: "menu" in bubble["body"])
        assert bubble["actions"] == {}
    assert root.state()[0] == "blocking"


def test_password(alone, seated):
    root = alone.serve(BY_MARK)
    seated.start()
    seated.until("off")
    seated.click()
    seated.until("blocking")
    terminal = agent_for(seated.as_caller())
    seated.choose("Turn off")
    proc.until(lambda: any(label.startswith("Waiting for the service") for label in seated.labels()), "the menu to say so", LIMIT)
    assert seated.entry("Turn off")[1]["enabled"] is False
    terminal.expect("org.killswitch1.release")
    assert root.state()[0] == "blocking"
    terminal.password(ROOT_PASSWORD)
    seated.until("off")
    terminal.kill()


def test_nobody_asks_for_the_password(alone, seated):
    root = alone.serve(BY_MARK)
    root.call("Engage")
    seated.start()
    seated.until("blocking")
    seated.choose("Turn off")
    bubble = seated.bubble(wanted=lambda bubble: bubble["title"] == "The kill switch was not turned off")
    assert "polkit agent" in bubble["body"] and "sudo ksctl off" in bubble["body"]
    assert root.state()[0] == "blocking"
    proc.until(lambda: seated.entry("Turn off")[1].get("enabled", True), "the menu to offer it again", LIMIT)


def test_refusal_is_told_in_the_service_s_words(alone, session):
    root = alone.serve(BY_MARK)
    root.call("EngageTrial", 3600 * SECOND)
    session.start()
    session.until("blocking")
    assert {"Keep it on", "Turn off"} < set(session.labels()) and "Pause" not in session.labels()
    since = session.panel.mark()
    number = next(entry for entry in session.layout_all() if entry[1].get("label") == "5 minutes")[0]
    session.event(number, "clicked")
    bubble = session.bubble(since, lambda bubble: bubble["title"] == "The kill switch was not paused")
    assert bubble["body"] == refused(root.call, "Pause", 300 * SECOND).message
    session.choose("Keep it on")
    proc.until(lambda: "Keep it on" not in session.labels(), "the trial to be over", LIMIT)
    assert root.state()[1]["Trial"] is False
