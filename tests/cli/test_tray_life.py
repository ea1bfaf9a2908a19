# SPDX-License-Identifier: GPL-2.0-or-later
"""killswitch-tray over restarts of everything around it: what isn't known is never shown as known."""

import os
import time

import pytest

from lib import proc
from lib.bus import SECOND
from lib.ground import BY_MARK
from lib.tray import LIMIT, WATCHER, Panel, Session

UNKNOWN = "Kill switch: state unknown"
HOSTILE = "<b>&\"_x\x1b[31m\u202e"
SHOWN = "<b>&\"_x\\x1b[31m\\u202e"
ESCAPED = "&lt;b&gt;&amp;&quot;_x\\x1b[31m\\u202e"


class Puppet(Session):
    """A session whose system bus is its own, with a service that answers when it is told to."""

    def __init__(self, ground):
        super().__init__(ground, "trusted")
        self.extra = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def answer(self, state, **details):
        self.panel.order("answer", state=state, details=details)

    def signal(self, old, new, reason):
        self.panel.order("emit", path="/org/killswitch1", interface="org.killswitch1", member="StateChanged", signature="sss",
                         arguments=[old, new, reason])

    def change(self, old, new, reason):
        """A change with all its details; seen when this returns."""
        since = self.panel.mark()
        self.signal(old, new, reason)
        self.panel.wait("asked", since)
        self.answer(new, Engaged=["b", new != "off"])
        self.until(new)


@pytest.fixture
def puppet(alone):
    puppet = Puppet(alone)
    yield puppet
    puppet.close()


def test_second_one_shows_the_first(alone, session):
    alone.serve(BY_MARK)
    session.start()
    session.until("off")
    since = session.panel.mark()
    done = session.run()
    assert (done.returncode, done.stderr) == (0, "")
    bubble = session.bubble(since)
    assert bubble["title"] == "Kill switch: off, not protected" and "turn-on" in bubble["actions"]
    assert session.tray.running() and session.panel.seen("watched") == [session.item]
    done = session.run("--version")
    assert done.stdout.startswith("killswitch-tray ") and done.returncode == 0


def test_announces_itself_to_every_watcher(alone, session):
    alone.serve(BY_MARK)
    session.start()
    session.until("off")
    for _ in range(2):
        session.panel.order("leave", name=WATCHER)
        since = session.panel.mark()
        session.panel.order("watch")
        assert session.panel.wait("watched", since) == session.item
    assert session.read()["IconName"] == "killswitch-off"


def test_no_tray_is_told_once(alone, session):
    alone.serve(BY_MARK)
    path = session.configure("Patience=0\n")
    session.start(watcher=False)
    assert "AppIndicator" in session.bubble()["body"]
    proc.until(lambda: "MissingTrayTold=true" in open(path, encoding="utf-8").read(), "the choice to be kept", LIMIT)
    assert session.tray.end() == 0
    since = session.panel.mark()
    session.start(watcher=False)
    # The next one says nothing of the kind, and shows the item as soon as there is a watcher.
    session.panel.order("watch")
    session.item = session.panel.wait("watched", since)
    session.until("off")
    assert session.panel.seen("bubble", since) == []
    proc.until(lambda: "MissingTrayTold=false" in open(path, encoding="utf-8").read(), "the choice to be kept", LIMIT)


def test_service_goes_and_comes(alone, session):
    root = alone.serve(BY_MARK)
    root.call("Engage")
    session.start()
    session.until("blocking")
    since = session.panel.mark()
    alone.daemon.kill()
    shown = session.until("unknown")
    assert shown["Title"] == UNKNOWN and "isn't running" in shown["IconAccessibleDesc"]
    assert "Turn on" in session.labels() and "Turn off" not in session.labels()
    assert "systemctl start" in " ".join(label for label, _, _ in session.entry("What is wrong")[2])
    bubble = session.bubble(since, lambda bubble: bubble["title"] == UNKNOWN)
    assert "stays in force" in bubble["body"]
    alone.daemon.start()
    session.until("blocking")
    session.bubble(since, lambda bubble: bubble["title"] == "Kill switch: blocking, no VPN")


def test_restart_in_another_state_is_told(alone, session):
    """What happened while the service was away is news; that it was away for a moment isn't."""
    root = alone.serve(BY_MARK)
    root.call("Engage")
    session.start()
    session.until("blocking")
    since = session.panel.mark()
    alone.daemon.kill()
    session.until("unknown")
    alone.daemon.once("--rescue", root=True)
    alone.daemon.start()
    session.until("off")
    session.bubble(since, lambda bubble: bubble["title"] == "Kill switch: off, not protected")


def test_service_that_was_never_there(alone, session):
    session.start()
    shown = proc.until(lambda: "isn't running" in (now := session.read())["IconAccessibleDesc"] and now, "the reason", LIMIT)
    assert (shown["IconName"], shown["Title"]) == ("killswitch-unknown", UNKNOWN)
    since = session.panel.mark()
    session.click()
    bubble = session.bubble(since)
    assert bubble["title"] == "The kill switch was not turned on" and "journalctl" in bubble["body"]
    alone.serve(BY_MARK)
    session.until("off")


def test_system_bus_goes_and_comes(alone, session, machine):
    alone.serve(BY_MARK)
    session.start()
    session.until("off")
    alone.daemon.stop()
    machine.stop()
    proc.until(lambda: "system bus" in session.read()["IconAccessibleDesc"], "the loss to be seen", LIMIT)
    assert session.read()["IconName"] == "killswitch-unknown"
    machine.start()
    root = alone.serve(BY_MARK)
    session.until("off")
    root.call("Engage")
    session.until("blocking")


def test_answer_that_is_overtaken_by_a_signal(puppet):
    """The answer that tells of the state before comes last, and must not count."""
    puppet.panel.order("serve")
    puppet.start()
    assert puppet.read()["IconName"] == "killswitch-unknown"
    puppet.panel.wait("asked")
    puppet.answer("blocking", Engaged=["b", True])
    puppet.until("blocking")
    since = puppet.panel.mark()
    puppet.signal("blocking", "protecting", "vpn-up")
    puppet.panel.wait("asked", since)
    puppet.until("protecting")
    # The question is under way as the VPN goes down again.
    since = puppet.panel.mark()
    puppet.signal("protecting", "blocking", "vpn-down")
    puppet.until("blocking")
    icons = puppet.follow_icons()
    puppet.answer("protecting", Engaged=["b", True])
    puppet.panel.wait("asked", since)
    puppet.answer("blocking", Engaged=["b", True], Blocked=["t", 7])
    proc.until(lambda: "Blocked: 7 packets" in puppet.labels(), "the right answer to count", LIMIT)
    assert icons() == [] and puppet.read()["IconName"] == "killswitch-blocking"
    puppet.change("blocking", "off", "release")
    proc.until(icons, "a change to be noticed at all", LIMIT)


def test_answer_of_one_who_is_gone(puppet):
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    icons = puppet.follow_icons()
    puppet.panel.order("leave", name="org.killswitch1")
    puppet.answer("protecting", Engaged=["b", True])
    since = puppet.panel.mark()
    puppet.panel.order("serve")
    puppet.panel.wait("asked", since)
    assert icons() == [] and puppet.read()["IconName"] == "killswitch-unknown"
    puppet.answer("off", Engaged=["b", False])
    puppet.until("off")


def test_others_signals_count_for_nothing(alone, session):
    """The bus lets anybody send a signal straight to the tray."""
    root = alone.serve(BY_MARK)
    session.start()
    session.until("off")
    name = session.name_at_the_service(root)
    guest = Panel("guest", script=f"{proc.LAB}/bin/panel.py")
    alone.callers.append(guest)
    icons = session.follow_icons()
    for signature, arguments in (("sss", ["off", "protecting", "vpn-up"]), ("s", ["protecting"])):
        guest.order("emit", destination=name, path="/org/killswitch1", interface="org.killswitch1", member="StateChanged",
                    signature=signature, arguments=arguments)
    # The bus has passed them on by now; behind them on the way to the tray is what is true.
    guest.call("GetId", interface="org.freedesktop.DBus", destination="org.freedesktop.DBus", path="/org/freedesktop/DBus")
    root.call("Engage")
    session.until("blocking")
    proc.until(icons, "the change to be noticed", LIMIT)
    assert len(icons()) == 1


def test_in_german(alone, session):
    alone.serve(BY_MARK)
    session.extra = {"LANGUAGE": "de"}
    session.start()
    assert session.until("off")["Title"] == "Kill-Switch: aus, nicht geschützt"
    assert "Einschalten" in session.labels()


def test_answers_that_are_not_understood(puppet):
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    puppet.answer("protecting", Engaged=["s", "yes"])
    proc.until(lambda: "understands" in puppet.read()["IconAccessibleDesc"], "the reason", LIMIT)
    assert puppet.read()["IconName"] == "killswitch-unknown"
    since = puppet.panel.mark()
    puppet.open()
    puppet.panel.wait("asked", since)
    # A state that a later release may have, and a detail of it.
    puppet.answer("dreaming", Engaged=["b", True], Dream=["s", "deep"])
    proc.until(lambda: "'dreaming'" in puppet.read()["IconAccessibleDesc"], "the state", LIMIT)
    assert puppet.read()["IconName"] == "killswitch-unknown"


@pytest.mark.parametrize("markup", [True, False])
def test_hostile_names(puppet, markup):
    vpn = {"Name": ["s", HOSTILE], "Interface": ["s", HOSTILE], "Up": ["b", True], "Default": ["b", True]}
    puppet.panel.order("serve")
    puppet.start(capabilities=["body", "actions"] + ["body-markup"] * markup)
    puppet.panel.wait("asked")
    puppet.answer("protecting", Engaged=["b", True], Vpns=["aa{sv}", [vpn]], Degraded=["as", [f"About {HOSTILE}."]])
    shown = puppet.until("degraded")
    assert SHOWN in shown["IconAccessibleDesc"] and ESCAPED in shown["ToolTip"][3] and HOSTILE not in str(shown)
    label = puppet.entry("VPNs")[2][0][0]
    assert label == SHOWN.replace("_", "__") + ", up"
    assert puppet.entry("What is wrong")[2][0][0] == f"About {SHOWN}.".replace("_", "__")
    bubble = puppet.bubble()
    assert (ESCAPED if markup else SHOWN) in bubble["body"] and (markup or "&lt;" not in bubble["body"])
    assert SHOWN not in bubble["title"] and ESCAPED not in bubble["title"]


def test_menu_has_an_end(puppet):
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    puppet.answer("blocking", Engaged=["b", True], Degraded=["as", ["word " * 50000]])
    puppet.until("degraded")
    lines = [label for label, _, _ in puppet.entry("What is wrong")[2]]
    assert 10 < len(lines) < 100 and lines[-1] == "…"


def test_bubbles_take_each_other_s_place(puppet):
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    puppet.answer("protecting", Engaged=["b", True])
    puppet.until("protecting")
    assert puppet.panel.seen("bubble") == [], "what is there at the start is no news"
    since = puppet.panel.mark()
    puppet.change("protecting", "blocking", "vpn-down")
    first = puppet.bubble(since)
    assert (first["title"], first["urgency"], list(first["actions"])) == ("Kill switch: blocking, no VPN", 2, ["pause"])
    # A VPN that flaps: only what is true in the end is shown.
    begun, since = time.monotonic(), puppet.panel.mark()
    for _ in range(5):
        puppet.change("blocking", "protecting", "vpn-up")
        puppet.change("protecting", "blocking", "vpn-down")
    puppet.change("blocking", "protecting", "vpn-up")
    last = puppet.bubble(since, lambda bubble: bubble["title"] == "Kill switch: protected")
    assert last["urgency"] == 1
    puppet.ended(first, since)
    spent = time.monotonic() - begun
    assert len(puppet.panel.seen("bubble", since)) <= 2 + spent // 3


def protecting(puppet):
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    puppet.answer("protecting", Engaged=["b", True])
    puppet.until("protecting")


def blocking(puppet):
    """The bubble that says so."""
    since = puppet.panel.mark()
    puppet.change("protecting", "blocking", "vpn-down")
    return puppet.bubble(since, lambda bubble: bubble["title"] == "Kill switch: blocking, no VPN")


def told(session, title):
    """The bubble for whoever starts the tray once more."""
    since = session.panel.mark()
    assert session.run().returncode == 0
    return session.bubble(since, lambda bubble: bubble["title"] == title)


def asked(puppet, since):
    """What of the service was asked for, but its state."""
    return [method for method in puppet.panel.seen("asked", since) if method != "GetState"]


def test_bubbles_end_with_what_they_say(puppet):
    protecting(puppet)
    first = blocking(puppet)
    # Too soon for another one, but what it says is over.
    since = puppet.panel.mark()
    puppet.change("blocking", "protecting", "vpn-up")
    puppet.ended(first, since)
    second = told(puppet, "Kill switch: protected")
    # The service tells nothing more of its new state than the signal does.
    since = puppet.panel.mark()
    puppet.signal("protecting", "blocking", "vpn-down")
    puppet.ended(second, since)
    puppet.panel.wait("asked", since)
    puppet.answer("blocking", Engaged=["b", True])
    third = told(puppet, "Kill switch: blocking, no VPN")
    since = puppet.panel.mark()
    puppet.panel.order("leave", name="org.killswitch1")
    puppet.until("unknown")
    puppet.ended(third, since)


def test_bubble_follows_the_details(puppet):
    def through(device):
        vpn = {"Name": ["s", device], "Interface": ["s", device], "Up": ["b", True], "Default": ["b", True]}
        puppet.answer("protecting", Engaged=["b", True], Vpns=["aa{sv}", [vpn]])
    puppet.panel.order("serve")
    puppet.start()
    puppet.panel.wait("asked")
    through("wg0")
    puppet.until("protecting")
    bubble = told(puppet, "Kill switch: protected")
    assert "through wg0" in bubble["body"]
    since = puppet.panel.mark()
    puppet.open()
    puppet.panel.wait("asked", since)
    through("wg1")
    puppet.ended(bubble, since)
    assert "through wg1" in puppet.bubble(since)["body"]


def test_answer_stays_while_the_state_changes(puppet):
    protecting(puppet)
    since = puppet.panel.mark()
    puppet.choose("About")
    about = puppet.bubble(since)
    puppet.panel.order("leave", name="org.killswitch1")
    puppet.until("unknown")
    puppet.panel.order("serve")
    puppet.panel.wait("asked", since)
    puppet.answer("blocking", Engaged=["b", True])
    puppet.until("blocking")
    bubble = told(puppet, "Kill switch: blocking, no VPN")
    assert bubble["replaces"] == about["id"] and puppet.panel.seen("closed", since) == []


def test_action_of_a_bubble_that_is_over(puppet):
    protecting(puppet)
    bubble = blocking(puppet)
    since = puppet.panel.mark()
    puppet.act(bubble["id"], "turn-off")
    puppet.signal("blocking", "protecting", "vpn-up")
    puppet.until("protecting")
    # Whoever is about to click reads of another state.
    puppet.act(bubble["id"], "pause")
    puppet.choose("About")
    puppet.bubble(since, lambda bubble: bubble["title"].startswith("killswitch "))
    puppet.event(next(number for number, entry in puppet.layout_all() if entry.get("label") == "Turn on"), "clicked")
    puppet.panel.wait("asked", since, lambda method: method == "Engage")
    assert asked(puppet, since) == ["Engage"]


def test_second_click_asks_for_no_second_password(puppet):
    protecting(puppet)
    since = puppet.panel.mark()
    number, pause, on = (next(number for number, entry in puppet.layout_all() if entry.get("label") == label)
                         for label in ("Turn off", "5 minutes", "Turn on"))
    for entry in (number, number, pause, on):
        puppet.event(entry, "clicked")
    puppet.panel.wait("asked", since, lambda method: method == "Engage")
    assert asked(puppet, since) == ["Release", "Engage"]
    assert "password" in puppet.bubble(since)["body"]


def test_nothing_is_claimed_by_a_tray_that_has_ended(puppet):
    protecting(puppet)
    bubble = blocking(puppet)
    since = puppet.panel.mark()
    puppet.choose("Quit")
    puppet.ended(bubble, since)
    proc.until(lambda: not puppet.tray.running(), "the end", LIMIT)


def test_bubbles_can_be_switched_off(puppet):
    puppet.panel.order("serve")
    path = puppet.configure("# mine\nElse=1\n")
    puppet.start()
    puppet.panel.wait("asked")
    puppet.answer("protecting", Engaged=["b", True])
    puppet.until("protecting")
    puppet.choose("Notifications")
    proc.until(lambda: puppet.entry("Notifications")[1]["toggle-state"] == 0, "the mark to go", LIMIT)
    kept = open(path, encoding="utf-8").read()
    assert "Notifications=false" in kept and "# mine\nElse=1" in kept
    since = puppet.panel.mark()
    puppet.change("protecting", "blocking", "vpn-down")
    # What was asked for is shown all the same, and after it would have come what wasn't.
    puppet.choose("About")
    assert [bubble["title"].split()[0] for bubble in [puppet.bubble(since)]] == ["killswitch"]
    assert len(puppet.panel.seen("bubble", since)) == 1
    # The next start finds the choice.
    assert puppet.tray.end() == 0
    puppet.start()
    assert puppet.entry("Notifications")[1]["toggle-state"] == 0


def test_pause_that_is_about_to_end(alone, session):
    root = alone.serve(BY_MARK)
    root.call("Engage")
    session.start()
    session.until("blocking")
    since = session.panel.mark()
    root.call("Pause", 70 * SECOND)
    bubble = session.bubble(since, lambda bubble: bubble["title"] == "The pause is about to end")
    assert root.state()[1]["Remaining"] < 61 * SECOND
    since = session.panel.mark()
    session.act(bubble["id"], "pause")
    proc.until(lambda: root.state()[1]["Remaining"] > 200 * SECOND, "the pause to last longer", LIMIT)
    session.ended(bubble, since)
    # It isn't about to end any more, nor is there anything left to be chosen.
    session.act(bubble["id"], "turn-on")
    bubble = told(session, "Kill switch: paused, not protected")
    assert root.state()[0] == "paused"
    session.act(bubble["id"], "turn-on")
    session.until("blocking")


def test_without_a_session_bus(alone):
    done = proc.run("killswitch-tray", namespace=alone.host.name, user="tester", check=False,
                    env={"PATH": os.environ["PATH"], "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})
    assert done.returncode == 1 and "session bus" in done.stderr
