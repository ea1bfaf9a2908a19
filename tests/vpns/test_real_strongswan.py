# SPDX-License-Identifier: GPL-2.0-or-later
"""strongSwan by its recipe, with ESP in user space: known by its mark, over either family."""

import pytest

from lib import recipes, strongswan
from lib.ground import Ground
from lib.journey import Journey
from lib.strongswan import StrongSwan

pytestmark = pytest.mark.watchdog(300)


@pytest.fixture
def journey(machine, request):
    ground = Ground(machine)
    ground.internet.serve()
    root = ground.serve(recipes.section(strongswan.CHAPTER, "office"))
    vpn = StrongSwan(ground, family=request.param)
    yield Journey(ground, root, vpn)
    vpn.close()
    ground.close()


@pytest.mark.parametrize("journey", (4,), indirect=True)
def test_connects_and_comes_back_while_engaged(journey):
    journey.walk()


@pytest.mark.parametrize("journey", (6,), indirect=True)
def test_connects_while_engaged(journey):
    journey.walk(loses_server=False)
