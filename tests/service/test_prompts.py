# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking the person: a real agent with a typed password, and callers who leave while they are asked."""

import pytest

from lib.agent import agent_for
from lib.bus import ACCESS_DENIED, ERROR, SECOND, refused
from lib.machine import ROOT_PASSWORD

BEGIN = "the prompt to begin"
CANCEL = "the prompt to be cancelled"


def begun(event):
    return event.get("agent") == "begin"


def cancelled(event):
    return event.get("agent") == "cancel"


def test_release_with_the_password(root, tester):
    root.call("Engage")
    terminal = agent_for(tester)
    call = tester.start("Release", interactive=True)
    terminal.expect("org.killswitch1.release")
    assert root.state()[0] == "blocking"
    terminal.password(ROOT_PASSWORD)
    assert tester.finish(call) == []
    assert root.state()[0] == "off"
    terminal.kill()


def test_release_with_a_wrong_password(root, tester):
    root.call("Engage")
    terminal = agent_for(tester)
    call = tester.start("Release", interactive=True)
    terminal.password("wrong")
    error = refused(tester.finish, call)
    assert error.name == ACCESS_DENIED
    assert root.state()[0] == "blocking"
    terminal.kill()


@pytest.mark.parametrize("method, arguments", (("Engage", []), ("EngageTrial", [60 * SECOND]), ("SetLan", ["none"]),
                                               ("Reload", [])))
def test_other_methods_with_the_password(tester, method, arguments):
    terminal = agent_for(tester)
    call = tester.start(method, *arguments, interactive=True)
    terminal.password(ROOT_PASSWORD)
    assert tester.finish(call) == []
    terminal.kill()


@pytest.fixture
def hanging(ground, tester):
    """An agent of tester's that shows every prompt for ever."""
    agent = ground.caller("tester")
    agent.become_agent(tester.pid)
    return agent


def test_a_caller_that_leaves_cancels_its_prompt(ground, root, tester, hanging):
    root.call("Engage")
    before = ground.ours()
    tester.start("Release", interactive=True)
    hanging.wait_event(begun, BEGIN)
    tester.vanish()
    hanging.wait_event(cancelled, CANCEL)
    assert root.state()[0] == "blocking"
    assert ground.ours() == before
    # The service is well, and has nothing left over: the next one is served.
    again = ground.caller("tester")
    hanging.become_agent(again.pid)
    since = hanging.mark()
    again.start("Release", interactive=True)
    hanging.wait_event(begun, BEGIN, since)
    root.call("Release")
    root.call("Engage")
    assert root.state()[0] == "blocking"


def test_one_prompt_at_a_time_for_a_caller(ground, root, tester, hanging):
    root.call("Engage")
    calls = [tester.start(member, *arguments, interactive=True)
             for member, arguments in (("Release", ()), ("Pause", (60 * SECOND,)), ("SetLan", ("none",)))]
    hanging.wait_event(begun, BEGIN)
    # Answered in order: when this one is, the service has seen all of the others.
    assert tester.state()[0] == "blocking"
    assert ground.caller("tester").state()[0] == "blocking"
    assert len([event for event in hanging.events if begun(event)]) == 1
    assert not any(tester.answered(call) for call in calls)
    tester.vanish()
    hanging.wait_event(cancelled, CANCEL)
    assert root.state()[0] == "blocking" and root.get("Lan") == "private"


def test_a_flood_of_calls_behind_a_prompt_is_limited(root, tester, hanging):
    root.call("Engage")
    tester.start("Release", interactive=True)
    hanging.wait_event(begun, BEGIN)
    calls = [tester.start("Release", interactive=True) for _ in range(100)]
    error = refused(tester.finish, calls[-1])
    assert error.name == f"{ERROR}LimitsExceeded", error
    assert root.state()[0] == "blocking"
    tester.vanish()
    hanging.wait_event(cancelled, CANCEL)
    assert len([event for event in hanging.events if begun(event)]) == 1


def test_a_prompt_blocks_nobody_else(ground, root, tester, hanging):
    root.call("Engage")
    tester.start("Release", interactive=True)
    hanging.wait_event(begun, BEGIN)
    for user in ("root", "guest", "tester"):
        assert ground.caller(user).state()[0] == "blocking"
    ground.caller("trusted").call("Pause", 60 * SECOND)
    root.call("Engage")
    assert root.state()[0] == "blocking"


def test_preconditions_are_checked_again_after_the_prompt(root, tester):
    """While the person types, the trial that was to be confirmed is over."""
    root.call("EngageTrial", 60 * SECOND)
    terminal = agent_for(tester)
    call = tester.start("Confirm", interactive=True)
    terminal.expect("org.killswitch1.engage")
    root.call("Release")
    terminal.password(ROOT_PASSWORD)
    assert refused(tester.finish, call).name == f"{ERROR}NoTrial"
    assert root.state()[0] == "off"
    terminal.kill()


def test_service_killed_during_a_prompt(ground, root, tester, hanging):
    root.call("Engage")
    before = ground.ours()
    call = tester.start("Release", interactive=True)
    hanging.wait_event(begun, BEGIN)
    ground.daemon.kill()
    refused(tester.finish, call)
    assert ground.ours() == before
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    # polkit withdraws the prompt of a service that has gone.
    hanging.wait_event(cancelled, CANCEL)


def test_stopped_right_after_its_caller_left(ground, root, hanging):
    """The check that is being cancelled and the end of the service get in each other's way, or don't."""
    root.call("Engage")
    for _ in range(10):
        caller = ground.caller("tester")
        hanging.become_agent(caller.pid)
        since = hanging.mark()
        caller.start("Release", interactive=True)
        hanging.wait_event(begun, BEGIN, since)
        caller.vanish()
        ground.daemon.stop()
        ground.daemon.start()
        assert root.state()[0] == "blocking"
