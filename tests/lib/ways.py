# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways out that a normal user's programs have, and what has to become of each."""

from lib.internet import HOST, PUBLIC_SERVER, UPLINK, VPN_SERVER
from lib.senders import patient
from lib.wireguard import CLIENT, MARK, PORT, SERVER_PORT

# Programs that do nothing special: their traffic belongs into the VPN.
PLAIN = ({"kind": "udp", "port": 7}, {"kind": "tcp", "port": 7}, {"kind": "icmp"}, {"kind": "udp", "port": 53},
         {"kind": "tcp", "port": 853})

# Programs that insist on the uplink: while engaged they get nowhere.
INSISTENT = (
    {"kind": "udp", "port": 7, "device": UPLINK},
    {"kind": "tcp", "port": 7, "device": UPLINK},
    {"kind": "icmp", "device": UPLINK},
    {"kind": "udp", "port": 53, "device": UPLINK},
    {"kind": "udp", "port": 7, "pktinfo": UPLINK},
    {"kind": "udp", "port": 7, "unicast_if": UPLINK},
    {"kind": "udp", "port": 7, "source": "own"},
    {"kind": "tcp", "port": 7, "source": "own"},
    {"kind": "udp", "port": 7, "source": "own", "device": UPLINK},
)
# The port that the VPN sends from, free to be taken once the VPN is gone.
PORT_TAKEN = (
    {"kind": "udp", "port": 7, "sport": PORT},
    {"kind": "tcp", "port": 7, "sport": PORT},
    {"kind": "udp", "port": 7, "sport": PORT, "device": UPLINK},
    {"kind": "tcp", "port": 7, "sport": PORT, "device": UPLINK},
)


def towards(way, family):
    """The probe for a way: to the public server, from the host's own address where it says so."""
    probe = {"to": PUBLIC_SERVER[family], **way}
    if way.get("source") == "own":
        probe["source"] = HOST[family]
    return probe


def expected(way, family, address):
    """What a probe that arrives tells: the server's address for an echo, else the sender's as seen there."""
    return PUBLIC_SERVER[family] if way["kind"] == "icmp" else address


def every(groups):
    """All ways of these groups in both families, with their probes."""
    return [(family, way, towards(way, family)) for family in (4, 6) for group in groups for way in group]


def assert_inside(ground, *groups):
    """Not one packet of these ways leaves by the uplink, and no program hangs."""
    ways = every(groups)
    # A connection is given time, to show that it doesn't need it.
    probes = [probe | ({"wait": 20} if way["kind"] == "tcp" else {}) for _, way, probe in ways]
    leaks, results = ground.attempt(*probes)
    assert leaks == {}, f"left by the uplink: {leaks}, {culprits(ground, probes)}"
    for probe, result in zip(probes, results):
        assert result["reply"] is None, (probe, result)
        if probe["kind"] == "tcp":
            assert result["errors"] and result["errors"] != ["EINPROGRESS"], (probe, result)
            assert result["seconds"] < 10, (probe, result)
        else:
            assert result["sent"] == 0 and len(result["errors"]) == 3, (probe, result)


def culprits(ground, probes):
    """Which of the probes get out when each is tried alone, for the message."""
    ground.uplink.caught()
    return [(probe, ground.uplink.caught()[:3]) for probe in probes if ground.attempt(probe)[0]]


def assert_through_vpn(ground):
    """Everything plain arrives at the public server, as the VPN, and by the transport alone."""
    ways = every([PLAIN])
    before, arrived = ground.uplink.snapshot(), ground.internet.at_public.read()
    results = ground.probe(*(patient(**probe) for _, _, probe in ways))
    leaks = ground.uplink.leaks(before)
    assert leaks == {}, f"left by the uplink: {leaks}\n" + "\n".join(ground.uplink.caught())
    for (family, way, _), result in zip(ways, results):
        assert result["reply"] == expected(way, family, CLIENT[family]), (way, family, result)
    came = ground.internet.at_public.since(arrived)
    assert came["vpn4"] >= len(PLAIN) and came["vpn6"] >= len(PLAIN), came
    assert came["direct4"] == came["direct6"] == 0, came


def assert_direct(ground, *groups):
    """The positive control: let go, the very same ways arrive at the far side, by the uplink."""
    ways = every(groups)
    before = ground.uplink.snapshot()
    results = ground.probe(*(patient(**probe) for _, _, probe in ways))
    for (family, way, _), result in zip(ways, results):
        assert result["reply"] == expected(way, family, HOST[family]), (way, family, result)
    left = ground.uplink.leaks(before)
    for family in (4, 6):
        assert left.get(f"other{family}", 0) >= len(ways) / 2, left


def assert_transport_passes(ground):
    """The VPN's own packets: root, its mark, its port. And nobody else's to the same server."""
    link_up = ground.vpn.process.running()
    for family in (4, 6):
        probe = {"kind": "udp", "to": VPN_SERVER[family], "port": SERVER_PORT, "count": 5}
        # While WireGuard lives, its port is its own.
        own = {"mark": MARK} | ({} if link_up else {"sport": PORT})
        before = ground.uplink.snapshot()
        result, = ground.probe(probe | own, user="root")
        ground.uplink.settle()
        counted = ground.uplink.since(before)
        assert result["sent"] == 5 and result["errors"] == [], result
        assert counted[f"transport{family}" if not link_up else f"other{family}"] >= 5, counted
    assert_server_is_no_way_out(ground)


def assert_server_is_no_way_out(ground):
    """Any other program to the VPN server's address and port stays inside."""
    running = ground.vpn.process.running()
    for family in (4, 6):
        for own in ({"device": UPLINK}, {"source": HOST[family]}) + (() if running else ({"sport": PORT},)):
            before = ground.uplink.snapshot()
            ground.probe({"kind": "udp", "to": VPN_SERVER[family], "port": SERVER_PORT, **own})
            ground.uplink.settle()
            counted = ground.uplink.since(before)
            assert ground.uplink.leaks(before) == {}, own
            if not running:
                assert counted["transport4"] == counted["transport6"] == 0, (own, counted)
