# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers behind a bridge of the host: out through the VPN or not at all, and at home all the time."""

import pytest

from lib import proc
from lib.containers import ADDRESS, BRIDGE, GATEWAY, Containers
from lib.ground import BY_MARK, BY_PORT
from lib.internet import HOST, HOST_ULA, LAN_HOST, PUBLIC_SERVER, UPLINK, VPN_SERVER
from lib.senders import patient, probe
from lib.wireguard import CLIENT, MARK, PORT, SERVER_PORT

KINDS = ("udp", "tcp", "icmp")


@pytest.fixture
def containers(ground):
    containers = Containers(ground.host)
    containers.serve("c1", "c2")
    yield containers
    containers.delete()


@pytest.fixture
def root(ground, containers):
    """Root's connection; the VPN is up, the kill switch off, and no setting names the bridge."""
    ground.connect()
    return ground.serve(BY_MARK)


def to_public(**fields):
    return [{"kind": kind, "to": PUBLIC_SERVER[family], "port": 7, **fields} for family in (4, 6) for kind in KINDS]


def replies(space, probes, **options):
    return [result["reply"] for result in probe(space, *(patient(**one) for one in probes), **options)]


def expected(probes, addresses):
    """An echo is answered by the far side itself; else it tells whom it saw."""
    return [one["to"] if one["kind"] == "icmp" else addresses[6 if ":" in one["to"] else 4] for one in probes]


def assert_at_home(ground, containers):
    """Host and containers, and containers among themselves, in both directions; DNS too."""
    for family in (4, 6):
        for kind in KINDS:
            for source, target, seen in (
                    (ground.host, ADDRESS["c1"], GATEWAY), (containers["c1"], ADDRESS["c2"], ADDRESS["c1"])):
                ways = [{"kind": kind, "to": target[family], "port": port} for port in (7, 53)]
                assert replies(source, ways) == expected(ways, seen), (family, kind, target)
        # The host answers too: with an echo, and with a refusal, which is an answer as well.
        assert replies(containers["c2"], [{"kind": "icmp", "to": GATEWAY[family]}]) == [GATEWAY[family]]
        refused, = probe(containers["c2"], patient(kind="tcp", to=GATEWAY[family], port=4))
        assert refused["errors"] == ["ECONNREFUSED"]


def assert_stays_in(ground, containers, *probes, user="tester"):
    before = ground.uplink.snapshot()
    results = probe(containers["c1"], *probes, user=user)
    assert ground.uplink.leaks(before) == {}, "\n".join(ground.uplink.caught())
    assert [result["reply"] for result in results] == [None] * len(probes)


def assert_direct(ground, containers):
    before = ground.uplink.snapshot()
    probes = to_public()
    assert replies(containers["c1"], probes) == expected(probes, HOST)
    left = ground.uplink.leaks(before)
    assert left["other4"] >= 3 and left["other6"] >= 3, left


def is_local(ground):
    return f'"{BRIDGE}"' in ground.host.run("nft", "list", "set", "inet", "killswitch", "host_link")


def test_containers_out_through_the_vpn_or_not_at_all(ground, containers, root):
    assert_direct(ground, containers)
    root.call("Engage")
    assert root.state()[0] == "protecting" and root.state()[1]["Degraded"] == []

    before, arrived = ground.uplink.snapshot(), ground.internet.at_public.read()
    probes = to_public() + [{"kind": "udp", "to": PUBLIC_SERVER[family], "port": 53} for family in (4, 6)]
    assert replies(containers["c1"], probes) == expected(probes, CLIENT)
    assert ground.uplink.leaks(before) == {}, "\n".join(ground.uplink.caught())
    came = ground.internet.at_public.since(arrived)
    assert came["vpn4"] >= 3 and came["vpn6"] >= 3 and came["direct4"] == came["direct6"] == 0, came
    assert_at_home(ground, containers)

    ground.vpn.kill()
    root.wait_state("blocking")
    assert_stays_in(ground, containers, *to_public(wait=1), {"kind": "udp", "to": PUBLIC_SERVER[4], "port": 53})
    assert_at_home(ground, containers)

    ground.vpn.up()
    root.wait_state("protecting")
    assert replies(containers["c1"], probes) == expected(probes, CLIENT)
    root.call("Release")
    assert_direct(ground, containers)


def test_a_flow_from_before_keeps_no_address_of_the_uplink(ground, containers, root):
    """NAT remembers the uplink's address for a flow; nothing with it may enter the tunnel."""
    flow = [{"kind": "udp", "to": PUBLIC_SERVER[family], "port": 7, "sport": 4007} for family in (4, 6)]
    assert replies(containers["c1"], flow) == [HOST[4], HOST[6]]
    root.call("Engage")
    before, inside = ground.uplink.snapshot(), ground.vpn.at_server.read()
    assert replies(containers["c1"], flow) == [CLIENT[4], CLIENT[6]]
    assert ground.uplink.leaks(before) == {}
    counted = ground.vpn.at_server.since(inside)
    assert counted["wrong4"] == counted["wrong6"] == 0, counted


@pytest.mark.parametrize("settings", (BY_MARK, BY_PORT), ids=("mark", "port"))
def test_nothing_of_a_container_passes_for_transport(ground, containers, settings):
    """The VPN's port, the server's port and address, the host's own address, as root in the container."""
    ground.connect()
    root = ground.serve(settings)
    imitations = [{"kind": "udp", "to": VPN_SERVER[family], "port": SERVER_PORT, "sport": PORT, **more}
                  for family in (4, 6) for more in ({}, {"mark": MARK})]
    containers["c1"].ips(f"""
        address add {HOST[4]}/32 dev eth0
        address add {HOST[6]}/128 dev eth0 nodad""")
    imitations += [one | {"source": HOST[6 if ":" in one["to"] else 4]} for one in imitations]
    # Released, they do get out; NAT may have to give them another port.
    ground.vpn.kill()
    before = ground.uplink.snapshot()
    probe(containers["c1"], *imitations, user="root")
    ground.uplink.settle()
    counted = ground.uplink.since(before)
    for family in (4, 6):
        assert counted[f"transport{family}"] + counted[f"other{family}"] > 0, counted

    root.call("Engage")
    assert root.state()[0] == "blocking"
    before = ground.uplink.snapshot()
    probe(containers["c1"], *imitations, user="root")
    assert ground.uplink.leaks(before) == {}
    counted = ground.uplink.since(before)
    assert counted["transport4"] == counted["transport6"] == 0, counted
    # With the VPN's own connection open, whose mark and addresses they would be found under.
    ground.vpn.up()
    root.wait_state("protecting")
    before, server = ground.uplink.snapshot(), ground.vpn.at_server.read()
    assert_stays_in(ground, containers, *imitations, user="root")
    assert ground.uplink.leaks(before) == {}
    assert sum(ground.vpn.at_server.since(server).values()) > 0


def test_the_lan_is_the_hosts_alone(ground, containers, root):
    """A container may not reach the LAN, whatever Lan= allows the host; and nobody a published port."""
    lan = [{"kind": kind, "to": LAN_HOST[family], "port": 7} for family in (4, 6) for kind in KINDS]
    published = [{"kind": "tcp", "to": address, "port": 8007} for address in (HOST[4], HOST_ULA, HOST[6])]
    assert replies(containers["c1"], lan) == expected(lan, {4: HOST[4], 6: HOST_ULA})
    assert None not in replies(ground.internet.lan, published)
    root.call("Engage")
    for mode in ("private", "all", "none"):
        root.call("SetLan", mode)
        before = ground.uplink.snapshot()
        # What main has a route for on the link is LAN with "all": a refusal may go there.
        asked = [one for one in published if mode != "all" or one["to"] != HOST[6]]
        assert {result["reply"] for result in probe(ground.internet.lan, *(one | {"wait": 1} for one in asked))} == {None}
        probe(containers["c1"], *lan)
        assert ground.uplink.leaks(before) == {}
        if mode == "none":
            counted = ground.uplink.since(before)
            assert counted["lan4"] == counted["lan6"] == 0, counted
    assert_at_home(ground, containers)
    root.call("Release")
    assert None not in replies(ground.internet.lan, published)


def test_a_bridge_that_gains_the_uplink_is_no_longer_local(ground, containers, root):
    """Its own addresses stay, and packets to them would now go over the wire."""
    ground.vpn.kill()
    root.call("Engage")
    assert replies(ground.host, [{"kind": "udp", "to": ADDRESS["c1"][4], "port": 7}]) == [GATEWAY[4]]

    assert is_local(ground)
    root.call("SetLan", "none")
    assert replies(ground.host, [{"kind": "udp", "to": ADDRESS["c1"][4], "port": 7}]) == [GATEWAY[4]]
    ground.host.ip("link", "set", UPLINK, "master", BRIDGE)
    proc.until(lambda: not is_local(ground), "the bridge to be no longer local")
    for family in (4, 6):
        for way in ({}, {"device": BRIDGE}):
            result, = ground.probe({"kind": "udp", "to": ADDRESS["c1"][family], "port": 7, **way})
            assert result["sent"] == 0 and len(result["errors"]) == 3, (family, way, result)
    ground.host.ip("link", "set", UPLINK, "nomaster")
    proc.until(lambda: is_local(ground), "the bridge to be local again")
    assert replies(ground.host, [{"kind": "udp", "to": ADDRESS["c1"][4], "port": 7}]) == [GATEWAY[4]]


@pytest.mark.parametrize("family", (4, 6))
def test_a_bridge_that_carries_the_default_route_is_an_uplink(ground, containers, root, family):
    """Also while it has no port but veths: the host's own uplink in a virtual machine or a container."""
    ground.vpn.kill()
    root.call("Engage")
    assert replies(ground.host, [{"kind": "udp", "to": ADDRESS["c1"][family], "port": 7}]) == [GATEWAY[family]]
    root.call("SetLan", "none")
    route = (f"-{family}", "route", "add", "default", "via", ADDRESS["c1"][family], "metric", "4000")
    ground.host.ip(*route)
    target = {"kind": "udp", "to": PUBLIC_SERVER[family], "port": 7, "device": BRIDGE}
    proc.until(lambda: not is_local(ground), "the bridge to be no longer local")
    assert ground.probe(target)[0]["sent"] == 0
    ground.host.ip(*(("delete" if word == "add" else word) for word in route))
    proc.until(lambda: is_local(ground), "the bridge to be local again")


def test_an_uplink_that_is_named_is_not_taken(ground, containers, root):
    ground.daemon.configure(BY_MARK + f"[Killswitch]\nHostInterfaces=auto {UPLINK}\n")
    root.call("Reload")
    root.call("Engage")
    degraded = root.state()[1]["Degraded"]
    assert len(degraded) == 1 and f"HostInterfaces= names {UPLINK}" in degraded[0]
    leaks, results = ground.attempt({"kind": "udp", "to": PUBLIC_SERVER[4], "port": 7, "device": UPLINK})
    assert leaks == {} and results[0]["sent"] == 0
    assert_at_home(ground, containers)


def test_without_it_containers_have_no_network(ground, containers, root):
    ground.daemon.configure(BY_MARK + "[Killswitch]\nHostInterfaces=none\nLan=none\n")
    root.call("Reload")
    root.call("Engage")
    result, = ground.probe({"kind": "udp", "to": ADDRESS["c1"][4], "port": 7, "device": BRIDGE})
    assert result["sent"] == 0
    # What it sends gets into the VPN, and no answer out of it.
    assert_stays_in(ground, containers, *to_public(wait=1))
    ground.daemon.configure(BY_MARK + f"[Killswitch]\nHostInterfaces={BRIDGE}\nLan=none\n")
    root.call("Reload")
    assert replies(containers["c1"], to_public()) == expected(to_public(), CLIENT)
