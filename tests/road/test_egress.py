# SPDX-License-Identifier: GPL-2.0-or-later
"""T34: what passes the IP layer by. Without EgressGuard= it leaves; with it, not one packet, and the VPN, the LAN and
address configuration go on."""

import json
import os
import re

import pytest

from lib import frames, proc
from lib.ground import BY_MARK, BY_PORT
from lib.internet import HOST, LAN_HOST, PUBLIC_SERVER, ROUTER, UPLINK
from lib.meter import Meter
from lib.netns import Namespace
from lib.senders import patient, probe
from lib.ways import INSISTENT, PLAIN, assert_inside, assert_through_vpn
from lib.wireguard import MARK, PORT, SERVER, SERVER_PORT

EGRESS_GUARD = "[Killswitch]\nEgressGuard={}\n"
GUEST = {4: "192.168.77.30", 6: "2001:db8:77::30"}
GUEST_ULA = "fd00:77::30"


def engage(ground, guard="yes", vpn=BY_MARK, **options):
    ground.connect(**options)
    caller = ground.serve(EGRESS_GUARD.format(guard) + vpn)
    caller.call("Engage")
    state, details = caller.state()
    assert (state, details["Degraded"]) == ("protecting", [])
    return caller


def hooked(ground):
    """The interfaces that the egress table is hooked to."""
    return sorted(re.findall(r'device "(.*?)"', ground.egress()))


def left(ground, action):
    """What left by the uplink meanwhile, and must not."""
    before = ground.uplink.snapshot()
    action()
    return ground.uplink.leaks(before)


# By packet sockets

def frames_out(family):
    """Frames to the public server, each another way to write one."""
    packet, kind = frames.to_public(family), frames.KIND[family]
    whole = frames.frame(packet, kind)
    yield "plain", {"data": whole}
    yield "claimed to be ARP", {"data": whole, "claim": frames.ETH_P_ARP}
    yield "claimed to be 802.1X", {"data": whole, "claim": 0x888E}
    yield "past the queue", {"data": whole, "bypass": True}
    yield "without a header", {"data": packet, "claim": kind, "whole": False}
    yield "a later fragment", {"data": frames.frame(frames.to_public(family, fragment=64), kind)}
    yield "in a VLAN", {"data": frames.frame(packet, frames.ETH_P_8021Q, 5, kind)}
    yield "in a VLAN, claimed to be IP", {"data": frames.frame(packet, frames.ETH_P_8021Q, 0x4505, kind), "claim": kind}
    yield "of another type", {"data": frames.frame(packet, 0x8864)}
    # What the VPN itself would send, to somebody else.
    own = frames.frame(frames.to_public(family, sport=PORT, dport=SERVER_PORT), kind)
    yield "as the VPN", {"data": own, "mark": MARK}


@pytest.mark.parametrize("vpn", (BY_MARK, BY_PORT), ids=("mark", "port"))
@pytest.mark.parametrize("guard", ("yes", "no"))
def test_packet_sockets(ground, guard, vpn):
    root = engage(ground, guard, vpn, mark=MARK if vpn == BY_MARK else None)
    for family in (4, 6):
        for way, fields in frames_out(family):
            blocked = root.state()[1]["Blocked"]
            leaks = left(ground, lambda fields=fields: frames.send(ground.host, UPLINK, **fields))
            if guard == "no":
                assert sum(leaks.values()) == 1, (family, way, leaks)
            else:
                assert leaks == {}, (family, way, leaks, ground.uplink.caught())
                assert root.state()[1]["Blocked"] > blocked, (family, way)
    assert_through_vpn(ground)


def test_packet_sockets_to_the_lan(ground):
    """What the LAN may have from programs it may have from packet sockets; DNS it may not."""
    engage(ground)
    for family in (4, 6):
        kind = frames.KIND[family]
        for port, passes in ((9, True), (53, False), (853, False)):
            before = ground.uplink.snapshot()
            frames.send(ground.host, UPLINK, frames.frame(frames.to_lan(family, LAN_HOST[family], dport=port), kind))
            ground.uplink.settle()
            counted = ground.uplink.since(before)
            assert (counted[f"lan{family}"], counted["dns_lan"]) == (int(passes), 0), (family, port, counted)


def test_source_routes_by_packet_sockets(ground):
    """A neighbour on the LAN is no relay: it would pass on what it is told to."""
    root = engage(ground)

    def arrived(family):
        packet = frames.source_routed(family, LAN_HOST[family], PUBLIC_SERVER[family])
        before = ground.uplink.snapshot()
        frames.send(ground.host, UPLINK, frames.frame(packet, frames.KIND[family]))
        ground.uplink.settle()
        return ground.uplink.since(before)[f"lan{family}"]
    assert [arrived(family) for family in (4, 6)] == [0, 0]
    root.call("Release")
    assert [arrived(family) for family in (4, 6)] == [1, 1]


# By other links of the host

def attach(guest, link):
    """The guest's end of a link: its addresses, and the router for all else."""
    guest.ips(f"""
        link set lo up
        link set {link} up
        address add {GUEST[4]}/24 dev {link}
        address add {GUEST[6]}/64 dev {link} nodad
        address add {GUEST_ULA}/64 dev {link} nodad
        route add default via {ROUTER[4]}
        route add default via {ROUTER[6]}""")


@pytest.fixture
def guest():
    space = Namespace("guest")
    yield space
    space.delete()


def assert_guest(ground, guest, guard):
    """A guest on the uplink gets out when it isn't guarded, and to the LAN in any case."""
    for family in (4, 6):
        ways = [{"kind": kind, "to": PUBLIC_SERVER[family], "port": 7} for kind in ("udp", "tcp", "icmp")]
        ways += [{"kind": "udp", "to": PUBLIC_SERVER[family], "port": SERVER_PORT, "sport": PORT}]
        for way in ways:
            before = ground.uplink.snapshot()
            answered = guard == "no" and way["port"] == 7
            result, = probe(guest, patient(**way) if answered else way, user="root")
            leaks = ground.uplink.leaks(before)
            if guard == "no":
                assert result["reply"] or not answered, (way, result)
                assert leaks, way
            else:
                assert (leaks, result["reply"]) == ({}, None), (way, ground.uplink.caught())
        result, = probe(guest, patient(kind="udp", to=LAN_HOST[family], port=7), user="root")
        assert result["reply"] in (GUEST[4], GUEST_ULA), result
        before = ground.uplink.snapshot()
        probe(guest, {"kind": "udp", "to": LAN_HOST[family], "port": 53}, user="root")
        ground.uplink.settle()
        assert (ground.uplink.since(before)["dns_lan"] > 0) == (guard == "no")


@pytest.mark.parametrize("guard", ("yes", "no"))
def test_macvlan(ground, guest, guard):
    engage(ground, guard)
    ground.host.ips(f"link add mv0 link {UPLINK} netns {guest.name} type macvlan mode bridge")
    attach(guest, "mv0")
    assert_guest(ground, guest, guard)
    assert_through_vpn(ground)
    # A fragment's later pieces have no ports to tell them by.
    size = ("-M", "dont", "-c", "1", "-W", "1", "-s", "4000")
    leaks = left(ground, lambda: guest.run("ping", *size, PUBLIC_SERVER[4], check=False))
    assert (leaks == {}) == (guard == "yes"), leaks


def bridge(ground):
    """The uplink as a hypervisor has it: a port of a bridge that has the host's addresses."""
    # As where the module br_netfilter isn't loaded; with it the forward chain stops guests already.
    for tables in ("iptables", "ip6tables"):
        if os.path.exists(f"/proc/sys/net/bridge/bridge-nf-call-{tables}"):
            ground.host.write(f"net/bridge/bridge-nf-call-{tables}", 0)
    ground.host.ip("-6", "route", "flush", "dev", UPLINK)
    ground.host.ips(f"""
        link add br0 address 02:00:00:00:77:02 type bridge forward_delay 0 mcast_snooping 0
        address flush dev {UPLINK}
        link set {UPLINK} master br0
        link set br0 up
        address add {HOST[4]}/24 dev br0
        address add {HOST[6]}/64 dev br0 nodad
        address add fd00:77::2/64 dev br0 nodad
        route add default via {ROUTER[4]}
        route add default via {ROUTER[6]}""")
    proc.until(lambda: json.loads(ground.host.ip("-j", "link", "show", "br0"))[0]["operstate"] == "UP", "br0 to forward")


@pytest.mark.parametrize("guard", ("yes", "no"))
def test_bridge(ground, guest, guard):
    """The guest's frames pass the hook of the port that they leave by."""
    bridge(ground)
    ground.host.ips(f"""
        link add tap0 type veth peer name eth0 netns {guest.name}
        link set tap0 master br0
        link set tap0 up""")
    attach(guest, "eth0")
    engage(ground, guard)
    if guard == "yes":
        assert hooked(ground) == ["br0", "eth0", "tap0"]
    assert_guest(ground, guest, guard)
    assert_through_vpn(ground)
    assert_inside(ground, ({"kind": "udp", "port": 7, "device": "br0"}, {"kind": "tcp", "port": 7, "device": "br0"}))
    for link in ("br0", "eth0"):
        leaks = left(ground, lambda link=link: frames.send(
            ground.host, link, frames.frame(frames.to_public(4), frames.ETH_P_IP)))
        assert (leaks == {}) == (guard == "yes"), (link, leaks)


# What has to go on

@pytest.mark.parametrize("vpn, endpoint", ((BY_MARK, 4), (BY_PORT, 4), (BY_PORT, 6)),
                         ids=("mark", "port", "port-v6"))
def test_the_vpn_carries_all_it_did(ground, vpn, endpoint):
    """Its packets in pieces too, where the uplink takes smaller ones than the tunnel makes."""
    root = engage(ground, vpn=vpn, mark=MARK if vpn == BY_MARK else None, endpoint=endpoint)
    assert_through_vpn(ground)
    assert_inside(ground, INSISTENT)
    for space, link in ((ground.host, UPLINK), (ground.internet.router, "h0")):
        space.ip("link", "set", link, "mtu", "1280")
    before = ground.uplink.snapshot()
    for family in (4, 6):
        ground.host.run("ping", "-c", "3", "-W", "10", "-s", "1340", SERVER[family], user="tester")
    counted = ground.uplink.since(before)
    # The far side counts first pieces by their ports, and takes the others for leaks.
    assert counted[f"transport{endpoint}"] >= 6 and counted[f"other{endpoint}"] >= 6, counted
    ground.vpn.kill()
    root.wait_state("blocking")
    assert_inside(ground, PLAIN[:3], INSISTENT[:3])
    ground.vpn.up()
    root.wait_state("protecting")
    assert_through_vpn(ground)


def test_the_lan_stays_reachable(ground):
    root = engage(ground)
    for family in (4, 6):
        for kind in ("udp", "tcp", "icmp"):
            result, = ground.probe(patient(kind=kind, to=LAN_HOST[family], port=7))
            assert result["reply"], (family, kind, result)
    # And the host stays reachable from there, by neighbours that it has to look for anew.
    ground.host.ip("neighbour", "flush", "dev", UPLINK, "nud", "permanent")
    for target in (HOST[4], "fd00:77::2"):
        ground.internet.lan.run("ping", "-c", "1", "-W", "10", target)
    root.call("SetLan", "none")
    blocked = root.state()[1]["Blocked"]
    leaks = ground.uplink.snapshot()
    frames.send(ground.host, UPLINK, frames.frame(frames.to_lan(4, LAN_HOST[4]), frames.ETH_P_IP))
    ground.uplink.settle()
    assert ground.uplink.since(leaks)["lan4"] == 0
    assert root.state()[1]["Blocked"] > blocked


def test_dhcp_by_packet_socket(ground):
    """A real lease over a packet socket, as root; the same packets of an ordinary user's stay inside."""
    engage(ground)
    directory = f"{proc.LAB}/dhcp"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/script", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n[ \"$1\" != bound ] || echo \"$ip\" > " + directory + "/lease\n")
    os.chmod(f"{directory}/script", 0o755)
    with open(f"{directory}/udhcpd.conf", "w", encoding="ascii") as file:
        file.write(f"start 192.168.77.50\nend 192.168.77.60\ninterface br0\nlease_file {directory}/leases\n"
                   f"pidfile {directory}/pid\noption subnet 255.255.255.0\n")
    with open(f"{directory}/leases", "w", encoding="ascii"):
        pass
    server = ground.internet.router.spawn("udhcpd", ["busybox", "udhcpd", "-f", f"{directory}/udhcpd.conf"])
    ground.host.run("busybox", "udhcpc", "-i", UPLINK, "-n", "-q", "-t", "10", "-T", "1", "-s", f"{directory}/script")
    with open(f"{directory}/lease", encoding="ascii") as file:
        assert file.read().startswith("192.168.77.5")
    server.end()
    assert ground.uplink.read()["dhcp"] >= 2
    for port in (68, 69):
        before = ground.uplink.snapshot()
        frames.send(ground.host, UPLINK, frames.frame(frames.to_public(4, sport=port, dport=67), frames.ETH_P_IP))
        ground.uplink.settle()
        assert ground.uplink.since(before)["dhcp"] == (1 if port == 68 else 0)
        assert (ground.uplink.leaks(before) == {}), port


# Its life

def test_uplinks_come_and_go(ground, guest):
    """A telephone is plugged in, out and in again: guarded each time, and nobody has tampered."""
    root = engage(ground)
    since = root.mark()
    for _ in range(3):
        ground.host.ips(f"link add usb0 type veth peer name far0 netns {guest.name}\nlink set usb0 up")
        guest.ip("link", "set", "far0", "up")
        proc.until(lambda: "usb0" in hooked(ground) and f"uplink_{ground.host.ifindex('usb0')} " in ground.egress(),
                   "usb0 to be guarded")
        meter = Meter(guest, "far0", FAR, ("ip", "marker"))
        frames.send(ground.host, "usb0", frames.frame(frames.to_public(4), frames.ETH_P_IP))
        frames.send(ground.host, "usb0", frames.frame(bytes(46), 0x888E))
        meter.until("marker", 1)
        assert meter.read()["ip"] == 0
        guest.run("nft", "delete", "table", "netdev", "tally")
        ground.host.ip("link", "delete", "usb0")
        proc.until(lambda: hooked(ground) == [UPLINK], "usb0 to be forgotten")
    assert root.signals("Repaired", since) == []
    assert_through_vpn(ground)


FAR = """
table netdev tally {
    %(declared)s
    chain in {
        type filter hook ingress device "%(link)s" priority 0
        ether type ip counter name n_ip
        ether type 0x888e counter name n_marker
    }
}
"""


def test_flaps_keep_it_as_it_is(ground):
    root = engage(ground)
    before, since = ground.egress(), root.mark()
    for _ in range(3):
        ground.vpn.kill()
        root.wait_state("blocking")
        ground.vpn.up()
        root.wait_state("protecting")
    assert ground.egress() == before
    assert root.signals("Repaired", since) == []


DAMAGE = ("flush ruleset", "delete table netdev killswitch", "flush chain netdev killswitch frame",
          "insert rule netdev killswitch frame accept")


def test_damage_is_repaired(ground):
    root = engage(ground)
    before = ground.ours()
    for deed in DAMAGE:
        since = root.mark()
        ground.host.run("nft", *deed.split())
        root.wait_signal("Repaired", "guard", None, since=since)
        proc.until(lambda: ground.ours() == before, f"everything to be as before {deed}")
        assert left(ground, lambda: frames.send(
            ground.host, UPLINK, frames.frame(frames.to_public(4), frames.ETH_P_IP))) == {}


def test_restart_release_and_rescue(ground):
    root = engage(ground)
    ground.host.nft("""
        table netdev filter {
            chain out { type filter hook egress device "eth0" priority 10; policy accept; ip daddr 192.0.2.7 drop; }
        }
        table netdev killswitch2 { }""")
    foreign, before = ground.foreign(), ground.ours()
    ground.daemon.kill()
    assert ground.ours() == before
    assert left(ground, lambda: frames.send(
        ground.host, UPLINK, frames.frame(frames.to_public(4), frames.ETH_P_IP))) == {}
    ground.daemon.start()
    assert root.state()[0] == "protecting"
    assert ground.ours() == before
    root.call("Release")
    ground.assert_nothing_left()
    assert left(ground, lambda: frames.send(
        ground.host, UPLINK, frames.frame(frames.to_public(4), frames.ETH_P_IP))) == {"other4": 1}
    root.call("Engage")
    assert ground.egress() == before["egress"]
    ground.daemon.configure(EGRESS_GUARD.format("no") + BY_MARK)
    root.call("Reload")
    assert ground.egress() is None and ground.guard() is not None
    ground.daemon.configure(EGRESS_GUARD.format("yes") + BY_MARK)
    root.call("Reload")
    assert ground.egress() == before["egress"]
    ground.daemon.once("--rescue", root=True)
    proc.until(lambda: root.state()[0] == "off", "the service to notice the rescue")
    ground.assert_nothing_left()
    assert ground.foreign() == foreign
