# SPDX-License-Identifier: GPL-2.0-or-later
"""The ground itself: probes arrive, counters count, the tunnel carries. Nothing else proves anything otherwise."""

import pytest

from lib import wireguard
from lib.internet import HOST, HOST_ULA, LAN_HOST, PUBLIC_SERVER, UPLINK, VPN_SERVER
from lib.senders import Flood, patient, probe
from lib.wireguard import CLIENT, WireGuard


@pytest.mark.parametrize("family", (4, 6))
def test_every_way_out_arrives_and_is_counted(internet, machine, family):
    public = PUBLIC_SERVER[family]
    ways = [{"kind": "udp"}, {"kind": "tcp"}, {"kind": "icmp"},
            {"kind": "udp", "device": UPLINK}, {"kind": "tcp", "device": UPLINK}, {"kind": "udp", "pktinfo": UPLINK},
            {"kind": "udp", "unicast_if": UPLINK}, {"kind": "udp", "source": HOST[family]},
            {"kind": "udp", "sport": wireguard.PORT}, {"kind": "tcp", "sport": wireguard.PORT}]
    for way in ways:
        before = internet.uplink.snapshot()
        at_public = internet.at_public.read()
        result = probe(internet.host, patient(to=public, port=7, **way))[0]
        assert result["reply"] == (public if way["kind"] == "icmp" else HOST[family]), (way, result)
        assert result["errors"] == []
        leaks = internet.uplink.leaks(before)
        assert list(leaks) == [f"other{family}"] and leaks[f"other{family}"] >= 3, (way, leaks)
        assert internet.at_public.since(at_public)[f"direct{family}"] >= 3, way
        assert any(public in line for line in internet.uplink.caught())


def test_kinds_are_told_apart(internet, machine):
    before = internet.uplink.snapshot()
    at_lan = internet.at_lan.read()
    results = probe(internet.host,
                    patient(kind="udp", to=LAN_HOST[4], port=7), patient(kind="udp", to=LAN_HOST[6], port=7),
                    patient(kind="udp", to=LAN_HOST[4], port=53), patient(kind="tcp", to=LAN_HOST[6], port=853),
                    {"kind": "udp", "to": "224.0.0.251", "port": 5353, "multicast_if": UPLINK},
                    {"kind": "udp", "to": "ff02::fb", "port": 5353, "multicast_if": UPLINK},
                    {"kind": "udp", "to": "255.255.255.255", "port": 9, "broadcast": True, "device": UPLINK})
    assert [result["errors"] for result in results] == [[]] * 7
    assert [result["reply"] for result in results[:4]] == [HOST[4], HOST_ULA, HOST[4], HOST_ULA]
    assert internet.uplink.leaks(before) == {}
    counted = internet.uplink.since(before)
    assert counted["lan4"] >= 3 and counted["lan6"] >= 3 and counted["dns_lan"] >= 6, counted
    assert counted["multicast4"] == 6 and counted["multicast6"] >= 3, counted
    internet.at_lan.until("multicast6", at_lan["multicast6"] + 3)
    assert internet.at_lan.since(at_lan)["unicast4"] >= 3


def test_transport_is_told_apart(internet, machine):
    before = internet.uplink.snapshot()
    for family in (4, 6):
        probe(internet.host, {"kind": "udp", "to": VPN_SERVER[family], "port": wireguard.SERVER_PORT,
                              "sport": wireguard.PORT, "mark": wireguard.MARK, "count": 5}, user="root")
    assert internet.uplink.leaks(before) == {}
    counted = internet.uplink.since(before)
    assert (counted["transport4"], counted["transport6"]) == (5, 5)


def test_a_search_for_a_foreign_neighbour_is_a_leak(internet, machine):
    """A route straight onto the link, as a hostile network pushes it: the host asks for the address itself."""
    internet.host.ips(f"""
        route add {PUBLIC_SERVER[4]}/32 dev {UPLINK}
        route add {PUBLIC_SERVER[6]}/128 dev {UPLINK}""")
    for family in (4, 6):
        before = internet.uplink.snapshot()
        result = probe(internet.host, patient(kind="udp", to=PUBLIC_SERVER[family], port=7))[0]
        assert result["reply"] == HOST[family]
        leaks = internet.uplink.leaks(before)
        assert leaks["arp_foreign" if family == 4 else "nd_foreign"] >= 1, leaks


@pytest.mark.parametrize("endpoint", (4, 6))
def test_tunnel_carries(internet, machine, endpoint):
    vpn = WireGuard(internet, endpoint=endpoint)
    vpn.up()
    first = internet.host.ifindex(vpn.link)
    internet.host.ips(f"""
        route add {PUBLIC_SERVER[4]} dev {vpn.link}
        route add {PUBLIC_SERVER[6]} dev {vpn.link}""")
    before = internet.uplink.snapshot()
    for family in (4, 6):
        assert probe(internet.host, patient(kind="udp", to=PUBLIC_SERVER[family], port=7))[0]["reply"] == CLIENT[family]
    assert internet.uplink.leaks(before) == {}
    assert internet.uplink.since(before)[f"transport{endpoint}"] > 0
    assert vpn.at_server.read()["vpn4"] >= 3 and vpn.at_server.read()["wrong4"] == 0
    vpn.delete()
    assert internet.host.ifindex(vpn.link) is None
    vpn.up()
    second = internet.host.ifindex(vpn.link)
    assert second not in (None, first)
    vpn.kill()
    assert internet.host.ifindex(vpn.link) is None
    vpn.up()
    vpn.link_down()
    vpn.link_up()
    vpn.wait()
    vpn.stop()


def test_flood_is_counted_to_the_last_packet(internet, machine):
    flood = Flood(internet.host, (PUBLIC_SERVER[4],), (PUBLIC_SERVER[6],), (PUBLIC_SERVER[4], UPLINK),
                  (PUBLIC_SERVER[6], UPLINK))
    flood.pass_round()
    counts = flood.stop()
    internet.uplink.settle()
    counted = internet.uplink.read()
    for family in (4, 6):
        address = PUBLIC_SERVER[family]
        sent = sum(counts[label][1] for label in (address, f"{address}%{UPLINK}"))
        assert sent > 100
        assert counted[f"other{family}"] == sent
