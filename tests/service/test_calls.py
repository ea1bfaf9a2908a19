# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls as programs and people make them: many at a time, by busctl, with signals to watch."""

import json

from lib import proc
from lib.bus import ACCESS_DENIED, ERROR, INTERACTION_REQUIRED, NAME, PATH, SECOND, BusError, refused
from lib.machine import environment


def busctl(*arguments, user="root", check=True):
    return proc.run("busctl", *arguments, user=user, env=environment(), check=check)


def call(member, *arguments, user="root", check=True):
    return busctl("--json=short", "call", NAME, PATH, NAME, member, *arguments, user=user, check=check)


def test_sixty_parallel_calls_have_sixty_answers(ground, root):
    callers = [root, ground.caller("tester"), ground.caller("trusted")]
    members = ("GetState", "Engage", "GetState", "Release")
    calls = [(callers[number % 3], callers[number % 3].start(members[number % 4]
                                                             if callers[number % 3].user != "tester" else "GetState"))
             for number in range(60)]
    answers = [caller.finish(number) for caller, number in calls]
    assert len(answers) == 60
    assert root.state()[0] in ("off", "blocking")
    root.call("Engage")
    assert root.state()[0] == "blocking"


def test_sixty_parallel_calls_on_one_connection(root):
    calls = [root.start("GetState" if number % 2 else "Engage") for number in range(60)]
    assert len([root.finish(number) for number in calls]) == 60
    assert root.state()[0] == "blocking"


def test_sixty_parallel_calls_that_polkit_decides_about(ground, root):
    """From twelve connections of three users, a third of them allowed."""
    callers = [ground.caller(user) for user in ("trusted", "tester", "barred") for _ in range(4)]
    calls = [(caller, caller.start("Reload")) for _ in range(5) for caller in callers]
    answered = {"trusted": 0, "tester": 0, "barred": 0}
    denied = dict(answered)
    for caller, number in calls:
        try:
            caller.finish(number)
            answered[caller.user] += 1
        except BusError as error:
            assert error.name in (ACCESS_DENIED, INTERACTION_REQUIRED), error
            denied[caller.user] += 1
    assert answered == {"trusted": 20, "tester": 0, "barred": 0}
    assert denied == {"trusted": 0, "tester": 20, "barred": 20}
    assert root.state()[0] == "off"


def test_busctl_call(root):
    assert json.loads(call("GetState"))["data"][0] == "off"
    call("Engage")
    told = json.loads(call("GetState", user="tester"))
    assert told["type"] == "sa{sv}"
    assert told["data"][0] == "blocking"
    assert told["data"][1]["Engaged"] == {"type": "b", "data": True}
    call("Release")
    assert json.loads(call("GetState"))["data"][0] == root.state()[0] == "off"


def test_busctl_call_without_the_right(root):
    done = call("Engage", user="tester", check=False)
    assert done.returncode != 0
    assert "authori" in done.stderr.lower() or "authenti" in done.stderr.lower(), done.stderr
    assert root.state()[0] == "off"


def test_busctl_introspect(root):
    told = busctl("introspect", NAME, PATH)
    for member in (".Engage", ".Release", ".GetState", ".EngageTrial", ".Confirm", ".Pause", ".Resume", ".SetLan",
                   ".Reload", ".StateChanged", ".Repaired", ".State", ".Engaged", ".Blocked"):
        assert member in told, member
    assert '"off"' in told and root


def test_busctl_monitor_shows_the_signals(root):
    monitor = proc.Process("busctl-monitor", ["busctl", "monitor", NAME], env=environment())
    proc.until(lambda: "Monitoring bus message stream" in monitor.log(), "busctl monitor to listen")
    root.call("Engage")
    proc.until(lambda: "Member=StateChanged" in monitor.log() and "Member=PropertiesChanged" in monitor.log(),
               "busctl monitor to show the signals")
    told = monitor.log()
    assert '"off"' in told and '"blocking"' in told and '"engage"' in told
    monitor.end()


def test_signals(root):
    since = root.mark()
    root.call("Engage")
    assert root.wait_signal("StateChanged", since=since) == ["off", "blocking", "engage"]
    interface, changed, invalidated = root.wait_signal("PropertiesChanged", since=since)
    assert interface == NAME and invalidated == []
    assert changed["State"] == "blocking" and changed["Engaged"] is True and changed["Guard"] == "active"
    assert "Blocked" not in changed and "Version" not in changed
    since = root.mark()
    root.call("Release")
    assert root.wait_signal("StateChanged", since=since) == ["blocking", "off", "release"]
    assert root.wait_signal("PropertiesChanged", since=since)[1]["State"] == "off"


def test_the_reply_comes_after_the_kernel(ground, root):
    """What a caller finds when Engage has returned is complete, and gone when Release has."""
    for _ in range(5):
        root.call("Engage")
        ours = ground.ours()
        assert len(ours["rules"][4]) > 5 and len(ours["rules"][6]) > 5
        assert ours["routes"][4] and ours["routes"][6] and ours["guard"]
        root.call("Release")
        ground.assert_nothing_left()


def test_details_of_the_state(ground, root):
    state, details = root.state()
    assert (state, details["Engaged"], details["Guard"], details["Lan"]) == ("off", False, "absent", "private")
    root.call("Engage")
    state, details = root.state()
    assert (state, details["Engaged"], details["Guard"]) == ("blocking", True, "active")
    assert details["Deadline"] == 0 and details["Trial"] is False and details["Degraded"] == []
    vpn, = details["Vpns"]
    assert (vpn["Name"], vpn["Interface"], vpn["Up"], vpn["Source"]) == ("wg", "wg0", False, "settings")
    assert "0xca6c" in vpn["Transport"]
    assert ground.foreign()


def test_absurd_arguments(root):
    for duration in (0, 1, SECOND - 1, 7 * 24 * 3600 * SECOND + 1, 2 ** 63, 2 ** 64 - 1):
        error = refused(root.call, "EngageTrial", duration)
        assert error.name == f"{ERROR}InvalidArgument", (duration, error)
        assert "second" in error.message
    assert root.state()[0] == "off"
    root.call("Engage")
    for duration in (0, SECOND - 1, 2 ** 64 - 1):
        assert refused(root.call, "Pause", duration).name == f"{ERROR}InvalidArgument"
    for lan in ("", "Private", "nonsense", "none ", "x" * 1_000_000, "privé", "none\nall"):
        error = refused(root.call, "SetLan", lan)
        assert error.name == f"{ERROR}InvalidArgument", error
        assert "private" in error.message and len(error.message) < 1000
    assert root.state()[0] == "blocking"
    assert root.get("Lan") == "private"


def test_calls_out_of_order(root):
    assert refused(root.call, "Confirm").name == f"{ERROR}NoTrial"
    assert refused(root.call, "Pause", 60 * SECOND).name == f"{ERROR}NotEngaged"
    assert refused(root.call, "Resume").name == f"{ERROR}NotEngaged"
    root.call("Engage")
    assert refused(root.call, "Confirm").name == f"{ERROR}NoTrial"
    assert refused(root.call, "EngageTrial", 60 * SECOND).name == f"{ERROR}Conflict"
    root.call("Release")
    root.call("EngageTrial", 60 * SECOND)
    assert refused(root.call, "Pause", 60 * SECOND).name == f"{ERROR}Conflict"
    assert root.state()[0] == "blocking"
