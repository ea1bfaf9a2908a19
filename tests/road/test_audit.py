# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit: silent on a sound machine, and every defect that is really there is named with its remedy."""

import pytest

from lib.ground import BY_MARK, BY_PORT


@pytest.mark.parametrize("lan", ("private", "none", "all"))
@pytest.mark.parametrize("settings", (BY_MARK, BY_PORT), ids=("mark", "port"))
def test_a_sound_machine_has_no_findings(ground, settings, lan):
    ground.connect(**({} if settings == BY_MARK else {"mark": 0}))
    root = ground.serve(settings)
    root.call("Engage")
    root.call("SetLan", lan)
    assert root.state()[0] == "protecting"
    assert root.call("Audit") == [True, []]
    assert root.state()[1]["Degraded"] == []
    ground.vpn.kill()
    root.wait_state("blocking")
    assert root.call("Audit") == [True, []]
    assert root.state()[1]["Degraded"] == []
