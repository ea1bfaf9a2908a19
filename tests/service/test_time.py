# SPDX-License-Identifier: GPL-2.0-or-later
"""Trials that end, pauses that end, and a service that is not there when they do."""

import time

import pytest

from lib import proc
from lib.bus import SECOND


def passed(deadline):
    """Waits for a deadline of the service's, which nobody announces while it is dead."""
    proc.until(lambda: time.time() * SECOND > deadline + SECOND / 20, "the deadline to pass")


def test_a_trial_ends_by_itself(ground, root):
    since = root.mark()
    root.call("EngageTrial", SECOND)
    state, details = root.state()
    assert (state, details["Trial"]) == ("blocking", True)
    assert 0 < details["Remaining"] <= SECOND
    assert abs(details["Deadline"] - time.time() * SECOND) < 2 * SECOND
    assert root.signals("StateChanged", since)[0] == ["off", "blocking", "trial"]
    root.wait_signal("StateChanged", "blocking", "off", "trial-expired", since=since)
    state, details = root.state()
    assert (state, details["Trial"], details["Deadline"]) == ("off", False, 0)
    ground.assert_nothing_left()


@pytest.mark.parametrize("by", ("Confirm", "Engage"))
def test_a_confirmed_trial_stays(ground, root, by):
    root.call("EngageTrial", SECOND)
    deadline = root.get("Deadline")
    root.call(by)
    assert root.get("Trial") is False and root.get("Deadline") == 0
    since = root.mark()
    passed(deadline)
    # A pause that begins now ends later than the trial would have.
    root.call("Pause", SECOND)
    root.wait_signal("StateChanged", "paused", "blocking", "pause-expired", since=since)
    assert ["blocking", "off", "trial-expired"] not in root.signals("StateChanged", since)
    assert root.state()[0] == "blocking"
    ground.daemon.kill()
    ground.daemon.start()
    assert root.state()[0] == "blocking"


def test_a_second_trial_starts_the_time_again(root):
    root.call("EngageTrial", 60 * SECOND)
    first = root.get("Deadline")
    root.call("EngageTrial", 120 * SECOND)
    assert root.get("Deadline") > first + 30 * SECOND
    assert root.state()[0] == "blocking"


def test_a_trial_keeps_its_deadline_over_a_restart(ground, root):
    root.call("EngageTrial", 2 * SECOND)
    deadline = root.get("Deadline")
    ground.daemon.kill()
    since = root.mark()
    ground.daemon.start()
    assert root.state()[0] == "blocking" and root.get("Trial") is True
    assert abs(root.get("Deadline") - deadline) < SECOND / 2
    root.wait_signal("StateChanged", "blocking", "off", "trial-expired", since=since)
    ground.assert_nothing_left()


def test_a_trial_that_ends_while_the_service_is_dead(ground, root):
    root.call("EngageTrial", SECOND)
    deadline = root.get("Deadline")
    ground.daemon.kill()
    passed(deadline)
    assert ground.ours()["guard"]
    ground.daemon.start()
    proc.until(lambda: root.state()[0] == "off", "the service to end the trial")
    ground.assert_nothing_left()


def test_a_pause_ends_by_itself(ground, root):
    root.call("Engage")
    before, since = ground.ours(), root.mark()
    root.call("Pause", SECOND)
    state, details = root.state()
    assert (state, details["Engaged"], details["Trial"]) == ("paused", True, False)
    assert 0 < details["Remaining"] <= SECOND
    assert root.signals("StateChanged", since)[0] == ["blocking", "paused", "pause"]
    root.wait_signal("StateChanged", "paused", "blocking", "pause-expired", since=since)
    assert root.get("Deadline") == 0
    assert ground.ours() == before


@pytest.mark.parametrize("by, reason", (("Resume", "resume"), ("Engage", None)))
def test_a_pause_is_ended_early(ground, root, by, reason):
    root.call("Engage")
    before, since = ground.ours(), root.mark()
    root.call("Pause", 60 * SECOND)
    root.call(by)
    root.wait_signal("StateChanged", "paused", "blocking", reason, since=since)
    assert root.state()[0] == "blocking" and root.get("Deadline") == 0
    assert ground.ours() == before


def test_a_second_pause_starts_the_time_again(root):
    root.call("Engage")
    root.call("Pause", 60 * SECOND)
    first = root.get("Deadline")
    root.call("Pause", 120 * SECOND)
    assert root.get("Deadline") > first + 30 * SECOND


def test_release_ends_a_pause(ground, root):
    root.call("Engage")
    root.call("Pause", 60 * SECOND)
    root.call("Release")
    assert root.state()[0] == "off" and root.get("Deadline") == 0
    ground.assert_nothing_left()


@pytest.mark.parametrize("how", ("kill", "stop"))
def test_a_pause_goes_on_and_ends_over_a_restart(ground, root, how):
    root.call("Engage")
    before = ground.ours()
    root.call("Pause", 2 * SECOND)
    deadline = root.get("Deadline")
    getattr(ground.daemon, how)()
    since = root.mark()
    ground.daemon.start()
    assert root.state()[0] == "paused"
    assert abs(root.get("Deadline") - deadline) < SECOND / 2
    root.wait_signal("StateChanged", "paused", "blocking", "pause-expired", since=since)
    assert ground.ours() == before


def test_a_pause_that_ends_while_the_service_is_dead(ground, root):
    root.call("Engage")
    before = ground.ours()
    root.call("Pause", SECOND)
    deadline = root.get("Deadline")
    ground.daemon.kill()
    passed(deadline)
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert ground.ours() == before


@pytest.mark.parametrize("member, state", (("Engage", "blocking"), ("Release", "off")))
def test_stopping_and_starting_changes_nothing(ground, root, member, state):
    root.call("Engage")
    root.call(member)
    before, changed = ground.ours(), root.get("Since")
    for end in (ground.daemon.stop, ground.daemon.kill):
        end()
        assert ground.ours() == before
        ground.daemon.start()
        assert root.state()[0] == state
        assert ground.ours() == before
    assert changed
