# SPDX-License-Identifier: GPL-2.0-or-later
"""Each system call fails once: out of memory, of descriptors, of space, interrupted, ... An answer with a
sentence, a sound state, and a service that goes on working; or it ends, and starts again as after a kill."""

import signal

import pytest

from crash.aftermath import ENDS, Aftermath, assert_sentence
from crash.operations import Engage, Pause, Release, RepairSteering, Restore, Start
from crash.rounds import COUNTING, strike_all
from crash.striking import Ended, Struck

# From what is too low to load a library to what is enough for everything.
FIRST_LIMIT, LAST_LIMIT = 3, 32


def fail_all(operation, say):
    scene, aftermath = operation.scene, Aftermath(operation)
    struck = strike_all(operation, lambda call: list(range(len(scene.struck.errors(call)))), aftermath.check)
    scene.assert_inside("at the end")
    say(f"{sum(struck.values())} calls failed, and {aftermath.ends} times it ended:",
        " ".join(f"{call}={struck[call]}" for call in sorted(struck)))


@pytest.mark.watchdog(600)
@pytest.mark.parametrize("operation", (Engage, Release, Pause, RepairSteering, Start, Restore))
def test_errors(scene, say, operation):
    fail_all(operation(scene), say)


@pytest.mark.watchdog(600)
def test_out_of_descriptors(scene, say):
    """Started with ever more descriptors, until there are enough: it says why, or ends; and never leaves
    anything behind that the next start doesn't put right."""
    plenty, outcomes = scene.struck, []
    for limit in range(FIRST_LIMIT, LAST_LIMIT):
        scene.be_off()
        plenty.kill()
        # The other one has the socket for READY=1.
        plenty.pause()
        scene.struck = Struck(scene.build, scene.ground.daemon, ("prlimit", f"--nofile={limit}:{limit}"))
        try:
            scene.struck.start()
            # It may serve without having been able to say so: READY=1 takes a descriptor, too.
            scene.struck.ready(scene.answers)
            scene.struck.arm()
            error = scene.ask("Engage", strike=COUNTING)
            outcomes.append("refused" if error else "engaged")
            if error:
                assert_sentence(error)
            assert scene.disk() == ("off" if error else "up"), (limit, error)
            scene.struck.kill()
        except Ended as ended:
            # GLib ends with a trap when it can't make an event loop.
            assert ended.status in ENDS | {128 + signal.SIGTRAP}, (limit, ended)
            outcomes.append("ended")
        scene.struck.close()
        scene.struck = plenty
        plenty.resume()
        scene.start_again(f"{limit} descriptors")
    assert outcomes[0] == "ended" and outcomes[-1] == "engaged", outcomes
    say(", ".join(f"{outcomes.count(kind)} times {kind}" for kind in sorted(set(outcomes))))
