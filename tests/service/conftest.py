# SPDX-License-Identifier: GPL-2.0-or-later
"""What the service suite shares: the service running in an otherwise empty host, and the users' connections."""

import pytest

from lib.ground import BY_MARK, Ground
from lib.internet import HostAlone


@pytest.fixture
def ground(machine):
    """As everywhere, but with nothing around the host: no packet is sent in this suite."""
    ground = Ground(machine, HostAlone)
    yield ground
    ground.close()


@pytest.fixture
def root(ground):
    """Root's connection to the service, which is off and has one VPN section."""
    return ground.serve(BY_MARK)


@pytest.fixture
def tester(ground, root):
    """A normal user without any right, after the service has started."""
    assert root.user == "root"
    return ground.caller("tester")
