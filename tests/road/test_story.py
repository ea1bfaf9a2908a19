# SPDX-License-Identifier: GPL-2.0-or-later
"""The story by packet counts, in both families: VPN up, VPN gone, VPN back, released."""

import pytest

from lib.ground import BY_MARK, BY_PORT
from lib.internet import HOST, UPLINK, VPN_SERVER
from lib.senders import patient
from lib.ways import (INSISTENT, PLAIN, PORT_TAKEN, assert_direct, assert_inside, assert_through_vpn,
                  assert_transport_passes)
from lib.wireguard import MARK, PORT

GONE = ("delete", "link_down", "kill")


@pytest.fixture(params=("mark", "port"))
def settings(request):
    return {"mark": BY_MARK, "port": BY_PORT}[request.param]


@pytest.fixture
def told(ground):
    """Root's connection; the VPN's tunnel stands, the service is off and knows it by its mark."""
    ground.connect()
    return ground.serve(BY_MARK)


def test_released_everything_arrives(ground, told):
    """The control of all others: what is stopped below could have arrived."""
    assert told.state()[0] == "off"
    ground.vpn.kill()
    assert_direct(ground, PLAIN, INSISTENT, PORT_TAKEN)


@pytest.mark.watchdog(240)
def test_vpn_up(ground, settings):
    ground.connect()
    root = ground.serve(settings)
    assert_direct(ground, PLAIN[:2])
    root.call("Engage")
    state, details = root.state()
    assert (state, details["Degraded"]) == ("protecting", [])
    assert_through_vpn(ground)
    assert_inside(ground, INSISTENT)
    assert_through_vpn(ground)
    root.call("Release")
    assert_direct(ground, PLAIN[:2], INSISTENT)


@pytest.mark.watchdog(300)
@pytest.mark.parametrize("how", GONE)
def test_vpn_gone_and_back(ground, settings, how):
    vpn = ground.connect()
    root = ground.serve(settings)
    root.call("Engage")
    assert root.state()[0] == "protecting"
    assert_through_vpn(ground)
    old = ground.host.ifindex(vpn.link)

    before, since = ground.uplink.snapshot(), root.mark()
    getattr(vpn, how)()
    root.wait_signal("StateChanged", "protecting", "blocking", "vpn-down", since=since)
    assert ground.uplink.leaks(before) == {}
    assert_inside(ground, PLAIN, INSISTENT, PORT_TAKEN if how != "link_down" else ())

    since = root.mark()
    if how == "link_down":
        vpn.link_up()
    else:
        vpn.up()
    root.wait_signal("StateChanged", "blocking", "protecting", "vpn-up", since=since)
    assert (ground.host.ifindex(vpn.link) == old) == (how == "link_down")
    assert_through_vpn(ground)
    assert_inside(ground, INSISTENT)
    assert ground.uplink.leaks(before) == {}

    root.call("Release")
    assert root.state()[0] == "off"
    ground.assert_nothing_left()
    assert_direct(ground, PLAIN, INSISTENT)


@pytest.mark.parametrize("endpoint", (4, 6))
def test_transport_passes_in_each_engaged_state(ground, endpoint):
    vpn = ground.connect(endpoint=endpoint)
    root = ground.serve(BY_MARK)
    root.call("Engage")
    assert root.state()[0] == "protecting"
    assert_transport_passes(ground)
    # The VPN really uses it: a new handshake through the uplink, in each of the states.
    vpn.kill()
    root.wait_state("blocking")
    assert_transport_passes(ground)
    before = ground.uplink.snapshot()
    vpn.up()
    root.wait_state("protecting")
    assert ground.uplink.since(before)[f"transport{endpoint}"] > 0
    assert ground.uplink.leaks(before) == {}
    root.call("Pause", 60_000_000)
    assert_direct(ground, PLAIN[:1])
    root.call("Resume")
    assert root.state()[0] == "protecting"
    assert_transport_passes(ground)
    assert_through_vpn(ground)


@pytest.mark.parametrize("filtering", (0, 1, 2))
@pytest.mark.parametrize("settings", (BY_MARK, BY_PORT), ids=("mark", "port"))
def test_transport_gets_its_answers(ground, settings, filtering):
    """With any reverse path filter, loose as Debian sets it or strict, and with no VPN link in sight."""
    ground.connect()
    ground.vpn.kill()
    ground.internet.serve(ground.internet.vpn)
    for key in ("all", UPLINK):
        ground.host.write(f"net/ipv4/conf/{key}/rp_filter", filtering)
    own = {"mark": MARK} if settings == BY_MARK else {"sport": PORT}
    probes = [patient(kind="udp", to=VPN_SERVER[family], port=7, **own) for family in (4, 6)]
    root = ground.serve(settings)
    root.call("Engage")
    assert root.state()[0] == "blocking"
    assert [result["reply"] for result in ground.probe(*probes, user="root")] == [HOST[4], HOST[6]]
    ground.vpn.up()
    root.wait_state("protecting")
    if settings == BY_MARK:
        assert [result["reply"] for result in ground.probe(*probes, user="root")] == [HOST[4], HOST[6]]


def test_paused_lets_go_and_comes_back(ground, told):
    ground.vpn.kill()
    told.call("Engage")
    assert_inside(ground, PLAIN[:3], INSISTENT[:2])
    since = told.mark()
    told.call("Pause", 4_000_000)
    before = ground.uplink.snapshot()
    assert [ground.seen_as(family=family) for family in (4, 6)] == ["192.168.77.2", "2001:db8:77::2"]
    assert ground.uplink.leaks(before) != {}
    told.wait_signal("StateChanged", "paused", "blocking", "pause-expired", since=since)
    assert_inside(ground, PLAIN[:3], INSISTENT[:2])


def test_vpn_that_is_ipv4_only_does_not_let_ipv6_out(ground, told):
    ground.host.ip("address", "delete", "fd08::2/64", "dev", "wg0")
    told.call("Engage")
    assert told.state()[0] == "protecting"
    assert ground.seen_as(family=4) == "10.8.0.2"
    before = ground.uplink.snapshot()
    leaks, results = ground.attempt(*({"kind": kind, "to": "2001:db8:113::9", "port": 7, "device": device}
                                      for kind in ("udp", "tcp") for device in ("", "eth0")))
    assert leaks == {}
    assert all(result["errors"] for result in results)
    assert ground.uplink.leaks(before) == {}
    told.call("Release")
    assert ground.seen_as(family=6) == "2001:db8:77::2"


def test_blocked_is_counted(ground, told):
    ground.vpn.kill()
    told.call("Engage")
    before = told.get("Blocked")
    ground.attempt({"kind": "udp", "to": "203.0.113.9", "port": 7, "device": "eth0", "count": 10})
    assert told.get("Blocked") >= before + 10


def test_a_connection_from_before_is_not_carried_on_outside(ground, told):
    """A socket that was opened and used before Engage, without the VPN."""
    import socket
    ground.vpn.kill()
    with ground.host.entered():
        sock = socket.create_connection(("203.0.113.9", 7), 10)
    with sock:
        sock.sendall(b"before")
        assert sock.recv(100).startswith(b"192.168.77.2")
        told.call("Engage")
        before = ground.uplink.snapshot()
        sock.settimeout(1)
        try:
            sock.sendall(b"after")
            sock.recv(100)
            answered = True
        except OSError:
            answered = False
        assert not answered
        assert ground.uplink.leaks(before) == {}
