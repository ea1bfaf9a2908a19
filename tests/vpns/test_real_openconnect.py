# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenConnect by its recipe: a service of its own user, TLS and DTLS."""

import pytest

from lib import recipes
from lib.ground import Ground
from lib.journey import Journey, account
from lib.openconnect import CHAPTER, OpenConnect

pytestmark = pytest.mark.watchdog(300)


@pytest.fixture
def journey(machine):
    with account("openconnect"):
        ground = Ground(machine)
        ground.internet.serve()
        root = ground.serve(recipes.section(CHAPTER, "work"))
        vpn = OpenConnect(ground)
        yield Journey(ground, root, vpn)
        vpn.close()
        ground.close()


def test_connects_and_comes_back_while_engaged(journey):
    journey.walk()
