# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods at full speed through a hundred transitions: nothing leaves while engaged."""

import pytest

from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER, UPLINK
from lib.senders import Flood

CYCLES = 100
WAYS = tuple((PUBLIC_SERVER[family], device) for family in (4, 6) for device in ("", UPLINK))


@pytest.fixture
def flood(ground):
    flood = Flood(ground.host, *WAYS)
    yield flood
    flood.stop()


def counted(ground, flood):
    """A snapshot once every send that had begun earlier is through."""
    flood.pass_round()
    return ground.uplink.snapshot()


@pytest.mark.watchdog(400)
@pytest.mark.parametrize("vpn", (False, True))
def test_engage_and_release(ground, flood, vpn):
    if vpn:
        ground.connect()
    root = ground.serve(BY_MARK)
    released = {4: 0, 6: 0}
    for cycle in range(CYCLES):
        before = counted(ground, flood)
        root.call("Engage")
        engaged = counted(ground, flood)
        for family in (4, 6):
            released[family] += engaged[f"other{family}"] - before[f"other{family}"]
        attempts = sum(sender.counts()[0] for sender in flood.senders)
        flood.pass_round()
        leaks = ground.uplink.leaks(engaged)
        assert leaks == {}, f"cycle {cycle}: {leaks}\n" + "\n".join(ground.uplink.caught())
        assert sum(sender.counts()[0] for sender in flood.senders) > attempts
        root.call("Release")
    # The control: between the engaged spells the same flood did get out.
    before = counted(ground, flood)
    flood.pass_round()
    leaks = ground.uplink.leaks(before)
    assert leaks.get("other4", 0) > 0 and leaks.get("other6", 0) > 0
    assert released[4] > CYCLES and released[6] > CYCLES
    ground.assert_nothing_left()


@pytest.mark.watchdog(400)
def test_vpn_flaps(ground, flood):
    vpn = ground.connect()
    root = ground.serve(BY_MARK)
    control = ground.uplink.read()
    flood.pass_round()
    assert ground.uplink.leaks(control) != {}
    root.call("Engage")
    before = counted(ground, flood)
    for cycle in range(CYCLES):
        how = ("link_down", "link_down", "kill", "link_down", "delete")[cycle % 5]
        getattr(vpn, how)()
        root.wait_state("blocking")
        if how == "link_down":
            vpn.link_up()
        else:
            vpn.up()
        root.wait_state("protecting")
        leaks = ground.uplink.leaks(before)
        assert leaks == {}, f"flap {cycle}, {how}: {leaks}\n" + "\n".join(ground.uplink.caught())
    # The control: in between, the flood did go through the VPN, and only with the VPN's address.
    tunnel = vpn.at_server.read()
    assert tunnel["vpn4"] > CYCLES and tunnel["vpn6"] > CYCLES
    assert (tunnel["wrong4"], tunnel["wrong6"]) == (0, 0)
    assert root.state()[1]["Degraded"] == []
