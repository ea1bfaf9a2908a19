# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAN while engaged: reachable or not as the setting says, and never a way for DNS."""

import pytest

from lib.ground import BY_MARK
from lib.internet import HOST, HOST_ULA, LAN_HOST, LAN_HOST_GLOBAL6
from lib.senders import patient
from lib.wireguard import CLIENT

SEEN = {4: HOST[4], 6: HOST_ULA}


@pytest.fixture(params=("vpn", "no-vpn"))
def root(ground, request):
    ground.connect()
    caller = ground.serve(BY_MARK)
    caller.call("Engage")
    if request.param == "no-vpn":
        ground.vpn.kill()
        caller.wait_state("blocking")
    return caller


def lan(family, **fields):
    return {"kind": "udp", "to": LAN_HOST[family], "port": 7, **fields}


def assert_lan(ground, reachable):
    for family in (4, 6):
        for kind in ("udp", "tcp"):
            before = ground.uplink.snapshot()
            if reachable:
                result, = ground.probe(patient(**lan(family, kind=kind)))
                assert result["reply"] == SEEN[family], result
            else:
                result, device = ground.probe(lan(family, kind=kind), lan(family, kind=kind, device="eth0"))
                # Through the VPN it may get there, for whom the VPN carries it.
                assert result["reply"] in (None, CLIENT[family]) and device["reply"] is None
                ground.uplink.settle()
                assert ground.uplink.since(before)[f"lan{family}"] == 0
            assert ground.uplink.leaks(before) == {}


def assert_no_dns(ground):
    at_lan = ground.internet.at_lan.read()
    before = ground.uplink.snapshot()
    for family in (4, 6):
        ground.probe(*(lan(family, kind=kind, port=port, device=device, wait=0)
                       for kind in ("udp", "tcp") for port in (53, 853) for device in ("", "eth0")))
    ground.uplink.settle()
    assert ground.uplink.since(before)["dns_lan"] == 0
    assert ground.internet.at_lan.since(at_lan)["dns"] == 0


def test_lan_access(ground, root):
    assert_lan(ground, reachable=True)
    assert_no_dns(ground)
    root.call("SetLan", "none")
    assert_lan(ground, reachable=False)
    assert_no_dns(ground)
    root.call("SetLan", "all")
    assert_lan(ground, reachable=True)
    assert_no_dns(ground)
    root.call("SetLan", "private")
    assert_lan(ground, reachable=True)
    root.call("Release")
    for family in (4, 6):
        assert ground.probe(patient(**lan(family, port=53)))[0]["reply"] == SEEN[family]


def test_dns_to_the_lan_when_it_is_asked_for(ground, root):
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nLanDns=yes\n")
    root.call("Reload")
    for family in (4, 6):
        assert ground.probe(patient(**lan(family, port=53)))[0]["reply"] == SEEN[family]


def test_a_public_prefix_on_the_link_is_no_lan(ground, root):
    """The network may claim what it wants: 2001:db8:77::/64 is on the link, and public."""
    before = ground.uplink.snapshot()
    ground.probe({"kind": "udp", "to": LAN_HOST_GLOBAL6, "port": 7},
                 {"kind": "udp", "to": LAN_HOST_GLOBAL6, "port": 7, "device": "eth0"})
    assert ground.uplink.leaks(before) == {}
    root.call("Release")
    assert ground.probe(patient(kind="udp", to=LAN_HOST_GLOBAL6, port=7))[0]["reply"] == HOST[6]


def test_a_public_network_is_lan_when_it_is_named(ground, root):
    """LanPrefixes= with its marker; DNS doesn't go there either, nor anything to its neighbours."""
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nLanPrefixes=public:{LAN_HOST_GLOBAL6}\n")
    root.call("Reload")
    assert ground.probe(patient(kind="udp", to=LAN_HOST_GLOBAL6, port=7))[0]["reply"] == HOST[6]
    before = ground.uplink.snapshot()
    ground.probe(*({"kind": "udp", "to": to, "port": port, "device": device, "wait": 0} for device in ("", "eth0")
                   for to, port in ((LAN_HOST_GLOBAL6, 53), (LAN_HOST_GLOBAL6, 853), ("2001:db8:77::1", 7))))
    assert ground.uplink.leaks(before) == {}
    assert root.call("Audit")[0]


def test_pushed_routes_lead_nowhere(ground, root):
    """TunnelVision: the DHCP server's routes to public addresses, from /0 to /32."""
    ground.host.ips("""
        route add 0.0.0.0/1 via 192.168.77.1
        route add 128.0.0.0/1 via 192.168.77.1
        route add 203.0.113.0/24 via 192.168.77.1
        route add 203.0.113.9/32 via 192.168.77.1
        route add 2001:db8:113::/64 via 2001:db8:77::1
        route add 2001:db8:113::9/128 via 2001:db8:77::1""")
    for mode in ("private", "none", "all"):
        if mode != "all":
            root.call("SetLan", mode)
            for family, address in ((4, "203.0.113.9"), (6, "2001:db8:113::9")):
                leaks, _ = ground.attempt({"kind": "udp", "to": address, "port": 7},
                                          {"kind": "tcp", "to": address, "port": 7},
                                          {"kind": "udp", "to": address, "port": 7, "device": "eth0"})
                assert leaks == {}, (mode, family)
    if root.state()[0] == "protecting":
        assert ground.seen_as(family=4) == "10.8.0.2" and ground.seen_as(family=6) == "fd08::2"
    root.call("Release")
    assert ground.seen_as(family=4) == HOST[4]


@pytest.mark.parametrize("mode", ("private", "none", "all"))
def test_a_dhcp_client_can_set_its_routes(ground, root, mode):
    """By a gateway on the link, private and public; or no VPN could ever connect. They lead nowhere else."""
    if mode != "private":
        root.call("SetLan", mode)
    ground.host.ips("""
        address add 192.0.2.2/24 dev eth0
        route delete default
        route add default via 192.168.77.1 dev eth0
        route add 198.18.0.0/24 via 192.168.77.1 dev eth0
        route add 198.18.1.0/24 via 192.0.2.1 dev eth0
        route add default via 192.0.2.1 dev eth0 metric 5
        route add 2001:db8:18::/64 via 2001:db8:77::1 dev eth0""")
    before = ground.uplink.snapshot()
    ground.probe(*({"kind": kind, "to": to, "port": 7} for kind in ("udp", "tcp") for to in
                   (("203.0.113.9", "2001:db8:113::9") if mode == "all" else ("198.18.0.9", "198.18.1.9", "203.0.113.9"))))
    assert ground.uplink.leaks(before) == {}
    root.call("Release")
    before = ground.uplink.snapshot()
    ground.probe({"kind": "udp", "to": "198.18.0.9", "port": 7})
    assert ground.uplink.leaks(before) != {}


def test_multicast_only_with_the_lan_and_only_fixed_groups(ground, root):
    groups = ({"kind": "udp", "to": "239.1.2.3", "port": 9, "multicast_if": "eth0"},
              {"kind": "udp", "to": "ff05::1:2345", "port": 9, "multicast_if": "eth0"},
              {"kind": "udp", "to": "255.255.255.255", "port": 9, "broadcast": True, "device": "eth0"})
    mdns = ({"kind": "udp", "to": "224.0.0.251", "port": 5353, "multicast_if": "eth0"},
            {"kind": "udp", "to": "ff02::fb", "port": 5353, "multicast_if": "eth0"})

    def left(*probes):
        before = ground.uplink.snapshot()
        ground.probe(*probes)
        ground.uplink.settle()
        counted = ground.uplink.since(before)
        return counted["multicast4"], counted["multicast6"]
    assert left(*groups) == (0, 0)
    assert left(*mdns) == (3, 3)
    root.call("SetLan", "none")
    assert left(*groups, *mdns) == (0, 0)
    root.call("Release")
    assert left(*groups) == (6, 3)


def test_a_network_of_the_vpn_stays_its_own_when_it_is_gone(ground, root):
    """The LAN claims the network behind the tunnel; nobody else shall hear what is said to it."""
    ground.host.ips("""
        route add 10.8.0.1/32 via 192.168.77.1
        route add fd08::1/128 via 2001:db8:77::1""")
    probes = [{"kind": "udp", "to": address, "port": 7, **way} for address in ("10.8.0.1", "fd08::1")
              for way in ({}, {"device": "eth0"})]

    def left():
        before = ground.uplink.snapshot()
        ground.probe(*probes)
        ground.uplink.settle()
        counted = ground.uplink.since(before)
        return sum(counted[kind] for kind in ("lan4", "lan6", "other4", "other6"))
    assert left() == 0
    if root.state()[0] == "protecting":
        ground.vpn.kill()
        root.wait_state("blocking")
        assert left() == 0
    ground.daemon.kill()
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert left() == 0
    root.call("Release")
    assert left() > 0
