# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenVPN by its recipe: UDP and TCP, over either family, by its mark and by its user, with and without redirect-gateway."""

import re

import pytest

from lib import recipes
from lib.ground import Ground
from lib.journey import Journey, account, over_a_running_one
from lib.openvpn import CLIENT_CONF, OpenVpn

CHAPTER = "OpenVPN"
BY_MARK = recipes.section(CHAPTER, "office")
BY_USER = recipes.section(CHAPTER, "office-user")
LINES = recipes.file(CHAPTER, CLIENT_CONF)
DROP_IN = recipes.file(CHAPTER, "/etc/systemd/system/openvpn-client@office.service.d/user.conf")
DEF1 = ("redirect-gateway def1 ipv6",)
VARIANTS = {
    "udp4-mark": {"settings": BY_MARK, "lines": LINES},
    "tcp4-mark-def1": {"settings": BY_MARK, "lines": LINES, "proto": "tcp", "pushed": DEF1},
    "udp6-user-def1": {"settings": BY_USER, "family": 6, "pushed": DEF1},
    "tcp6-user": {"settings": BY_USER, "proto": "tcp", "family": 6},
}
pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def shared(machine):
    """The ground that all share, and root's connection to the service."""
    with account("openvpn"):
        ground = Ground(machine)
        ground.internet.serve()
        root = ground.serve(BY_MARK)
        yield ground, root
        ground.close()


@pytest.fixture(params=VARIANTS)
def journey(shared, request):
    ground, root = shared
    options = dict(VARIANTS[request.param])
    ground.daemon.configure(options.pop("settings"))
    root.call("Reload")
    if "lines" not in options:
        options |= {"lines": re.sub("^mark .*\n", "", LINES, flags=re.M), "drop_in": DROP_IN}
    vpn = OpenVpn(ground, **options)
    yield Journey(ground, root, vpn)
    vpn.close()
    root.call("Release")


def test_connects_and_comes_back_while_engaged(journey):
    journey.walk()


def test_goes_on_when_engaged_over_it(journey):
    over_a_running_one(journey)
