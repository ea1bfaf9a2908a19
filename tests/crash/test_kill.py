# SPDX-License-Identifier: GPL-2.0-or-later
"""Killed ahead of every system call of a request, a repair and a start, and started again."""

import signal

import pytest

from crash.operations import Engage, Pause, Release, RepairGuard, RepairSteering, Restore, Start, Tighten
from crash.rounds import KILL, strike_all

# Calls by which what is outside of the process changes; no round may have done without them.
WRITES = {"fsync", "renameat", "sendmsg", "sendto"}
KILLED = 128 + signal.SIGKILL


def kill_all(operation, say, every=False, calls=None, writes=WRITES):
    """Whatever a kill leaves is started from and released; unless every=True, once for each that differs."""
    scene = operation.scene

    def check(what, outcome):
        assert outcome.ended and outcome.ended.status == KILLED, (what, outcome)
        if every or scene.is_new(scene.left()):
            scene.start_again(what)
            scene.release()
    struck = strike_all(operation, lambda call: [KILL] if calls is None or call in calls else [], check)
    scene.assert_inside("at the end")
    say(f"killed ahead of {sum(struck.values())} calls:", " ".join(f"{call}={struck[call]}" for call in sorted(struck)))
    assert writes <= set(struck)


@pytest.mark.watchdog(600)
@pytest.mark.parametrize("request_type", (Engage, Release, Pause))
def test_request(scene, say, request_type):
    kill_all(request_type(scene), say, every=True)


@pytest.mark.watchdog(600)
def test_from_one_engaged_state_to_another(scene, say):
    """Between any two calls that may change something outside."""
    kill_all(Tighten(scene), say, calls=WRITES)


@pytest.mark.watchdog(600)
def test_repair_of_steering(scene, say):
    kill_all(RepairSteering(scene), say, writes={"sendto"})


@pytest.mark.watchdog(600)
def test_repair_of_the_guard(scene, say):
    kill_all(RepairGuard(scene), say, writes={"sendmsg"})


@pytest.mark.watchdog(600)
def test_start(scene, say):
    kill_all(Start(scene), say, writes={"sendmsg"})


@pytest.mark.watchdog(600)
def test_restore(scene, say):
    kill_all(Restore(scene), say, writes={"sendmsg"})
