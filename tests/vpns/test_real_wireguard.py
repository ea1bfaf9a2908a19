# SPDX-License-Identifier: GPL-2.0-or-later
"""WireGuard in user space by its recipes: wg-quick, and wireguard-go alone."""

import pytest

from lib import recipes
from lib.ground import Ground
from lib.journey import Journey, over_a_running_one
from lib.wgquick import CHAPTER, WgQuick, WireGuardGo

pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def shared(machine):
    ground = Ground(machine)
    ground.internet.serve()
    root = ground.serve(recipes.section(CHAPTER, "home") + recipes.section(CHAPTER, "hand"))
    yield ground, root
    ground.close()


@pytest.fixture
def journey(shared, request):
    ground, root = shared
    vpn = request.param(ground, family=6 if request.param is WireGuardGo else 4)
    yield Journey(ground, root, vpn)
    root.call("Release")
    vpn.close()


@pytest.mark.parametrize("journey", (WgQuick,), indirect=True)
def test_connects_and_comes_back_while_engaged(journey):
    journey.walk()


# It is the same program, and takes a quarter of a minute for a server that is gone.
@pytest.mark.parametrize("journey", (WireGuardGo,), indirect=True)
def test_connects_while_engaged(journey):
    journey.walk(loses_server=False)


@pytest.mark.parametrize("journey", (WgQuick, WireGuardGo), indirect=True)
def test_goes_on_when_engaged_over_it(journey):
    over_a_running_one(journey)
