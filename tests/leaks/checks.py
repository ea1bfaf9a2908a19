# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows that need more than one program: a network that is hostile, guests, links and redirects.

Each check takes a lab and a scene, has its control, and returns what left and what was seen."""

import contextlib
import socket
import struct

from lib import proc
from lib.internet import HOST, LAN_HOST, PUBLIC_SERVER, ROUTER, UPLINK, VPN_SERVER
from lib.wireguard import CLIENT, MARK, PORT, SERVER_PORT

from leaks.lab import Scene
from leaks.report import Control, Leak
from leaks.wire import Tap

HOST_MAC, ROUTER_MAC, LAN_MAC = (bytes.fromhex(f"0200000077{last}") for last in ("02", "01", "10"))
ROUTER_LOCAL, LAN_LOCAL = "fe80::ff:fe00:7701", "fe80::ff:fe00:7710"


def total(data):
    """The Internet checksum, RFC 1071."""
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return ~value & 0xFFFF


def number(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ip_packet(protocol, source, target, body, hops=64):
    """An IP packet; the checksums of ICMPv6 and UDP are filled in."""
    if ":" in source:
        pseudo = number(source) + number(target) + struct.pack("!I3xB", len(body), protocol)
        at = {58: 2, 17: 6}[protocol]
        body = body[:at] + struct.pack("!H", total(pseudo + body)) + body[at + 2:]
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + number(source) + number(target) + body
    if protocol == 1:
        body = body[:2] + struct.pack("!H", total(body)) + body[4:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, hops, protocol, 0) + number(source) + number(target)
    return head[:10] + struct.pack("!H", total(head)) + head[12:] + body


def udp(sport, dport, data):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def from_router(lab, *packets, mac=HOST_MAC):
    """The network sends IP packets straight to the host."""
    with lab.internet.router.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("h0", 0))
    with sock:
        for packet in packets:
            kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
            sock.send(mac + ROUTER_MAC + struct.pack("!H", kind) + packet)


def let_out(lab, target, far="public", user="tester", **fields):
    """The control of one try: it arrives. Returns the number of packets."""
    tag = next(lab.tags)
    lab.listen()
    told = lab.tell("try", user, **{"kind": "udp", "family": 6 if ":" in target else 4, "port": 7, "tag": tag,
                                    "to": target, **fields})
    return lab.arrives(far, lambda packet: packet.target == target.split("%")[0] and
                       (tag.encode() in packet.data or packet.protocol == 6), f"{fields} to {target} ({told})")


def kept_in(lab, target, user="tester", **fields):
    """One try that must not leave; returns the 0 packets."""
    lab.listen()
    told = lab.tell("try", user, **{"kind": "udp", "family": 6 if ":" in target else 4, "port": 7,
                                    "tag": next(lab.tags), "to": target, **fields})
    return lab.refuse(f"{fields} to {target} ({told})")


# T6

def mark_by_user(lab, scene):
    lab.engage(scene)
    told = lab.tell("try", kind="udp", family=4, to=VPN_SERVER[4], port=SERVER_PORT, mark=MARK)
    if told["errors"] != ["EPERM"]:
        raise Leak(f"a program set the mark: {told}")
    return lab.refuse("a program with the mark"), lab.vpn_speaks()


# T9

def advertisement():
    """A router advertisement: default router, a public prefix on the link, a route to it."""
    prefix = number("2001:db8:113::")
    options = struct.pack("!BBBBIII", 3, 4, 64, 0x80, 3600, 3600, 0) + prefix + \
        struct.pack("!BBBBI", 24, 3, 64, 0x08, 3600) + prefix + struct.pack("!BB", 1, 1) + ROUTER_MAC
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 1800, 0, 0) + options
    return ip_packet(58, ROUTER_LOCAL, "ff02::1", body, 255)


@contextlib.contextmanager
def advertised(lab):
    lab.host.write(f"net/ipv6/conf/{UPLINK}/accept_ra_rt_info_max_plen", 64)
    lab.host.write(f"net/ipv6/conf/{UPLINK}/accept_ra", 2)
    from_router(lab, advertisement(), mac=bytes.fromhex("333300000001"))
    try:
        proc.until(lambda: "2001:db8:113::/64" in lab.host.ip("-6", "route", "show", "proto", "ra") +
                   lab.host.ip("-6", "route", "show", "proto", "kernel"), "the advertised routes")
        yield
    finally:
        lab.host.write(f"net/ipv6/conf/{UPLINK}/accept_ra", 0)
        for kind in ("ra", "kernel"):
            lab.host.run("ip", "-6", "route", "flush", "2001:db8:113::/64", "proto", kind, check=False)
        lab.host.run("ip", "-6", "route", "flush", "default", "proto", "ra", check=False)


def router_advertisements(lab, scene):
    lab.release(scene)
    target, ways = PUBLIC_SERVER[6], ({}, {"device": UPLINK}, {"pktinfo": UPLINK})
    with advertised(lab):
        seen = sum(let_out(lab, target, **way) for way in ways)
    lab.engage(scene)
    with advertised(lab):
        packets = sum(kept_in(lab, target, **way) for way in (*ways, {"kind": "tcp"}))
    return packets, seen + lab.vpn_speaks(6)


# T11

def network_stays_the_vpns(lab, scene):
    """The VPN was up when its network became known, and goes; the LAN claims the network."""
    gone, places = scene._replace(vpn="gone"), (("10.8.0.1", ROUTER[4]), ("fd08::1", ROUTER[6]))
    lines = [f"route add {address} via {router}" for address, router in places]
    lab.release(gone)
    with lab.route_to(*lines):
        seen = sum(let_out(lab, address, "server") for address, _ in places)
    lab.engage(scene)
    lab.vpn.kill()
    lab.root.wait_state("blocking")
    lab.scene = gone
    with lab.route_to(*lines):
        packets = sum(kept_in(lab, address, **way) for address, _ in places for way in ({}, {"device": UPLINK}))
    return packets, seen + lab.vpn_speaks()


# T7

def transport_without_a_way(lab, scene):
    """No route to the server: the VPN's own packets go nowhere, least of all into the VPN."""
    lab.engage(scene)
    seen = lab.vpn_speaks()
    tap, tag = Tap(lab.host, "wg0", header=0, sent=True), next(lab.tags)
    lab.host.ip("route", "delete", "default")
    try:
        lab.listen()
        lab.tell("try", "root", kind="udp", family=4, to=VPN_SERVER[4], port=SERVER_PORT, mark=MARK, tag=tag)
        packets = lab.refuse("transport without a route")
        inside = [packet for packet in tap.take() if tag.encode() in packet.data]
        if inside:
            # They go round and round, wrapped once more each time.
            lab.vpn.kill()
            raise Leak(f"the VPN's own packets inside the VPN: {inside[0]}")
    finally:
        tap.close()
        lab.host.ip("route", "add", "default", "via", ROUTER[4])
    return packets, seen + lab.vpn_speaks()


# T1, T14: what is allowed, so that the refusals mean something

def dhcp_renewal(lab, scene):
    lab.engage(scene)
    lab.listen()
    tag = next(lab.tags)
    lab.tell("try", "service", kind="udp", family=4, to=PUBLIC_SERVER[4], sport=68, port=67, tag=tag)
    return 0, lab.arrives("public", lambda packet: tag.encode() in packet.data, "a DHCP client's renewal")


def lan_is_reached(lab, scene):
    lab.engage(scene)
    return 0, sum(let_out(lab, LAN_HOST[family], "lan") for family in (4, 6)) + \
        let_out(lab, "224.0.0.251", "lan", port=5353, multicast_if=UPLINK) + \
        let_out(lab, "ff02::fb", "lan", port=5353, multicast_if=UPLINK)


# T16

@contextlib.contextmanager
def guest(lab):
    """A container behind a routed link; its link on the host is guest0."""
    from lib.netns import Namespace
    space = Namespace("guest")
    lab.host.ips("""
        link add guest0 type veth peer name eth0 netns guest
        address add 172.31.0.1/24 dev guest0
        link set guest0 up""")
    space.ips("""
        link set eth0 up
        address add 172.31.0.2/24 dev eth0
        route add default via 172.31.0.1""")
    lab.host.write("net/ipv4/ip_forward", 1)
    try:
        yield space
    finally:
        for key in [key for key in lab.probers if key[0] == "guest"]:
            lab.probers.pop(key).process.kill()
        lab.host.write("net/ipv4/ip_forward", 0)
        lab.host.ip("link", "delete", "guest0")
        space.delete()


def forwarded(lab, scene):
    lab.release(scene)
    orders = [{"to": PUBLIC_SERVER[4]}, {"to": PUBLIC_SERVER[4], "sport": PORT}, {"to": LAN_HOST[4]}]
    with guest(lab) as space:
        def send(order):
            tag = next(lab.tags)
            lab.listen()
            lab.prober("tester", space).tell("try", kind="udp", family=4, port=7, tag=tag, **order)
            return tag
        space.write("net/ipv4/ip_unprivileged_port_start", 0)
        seen = 0
        for order in orders:
            tag = send(order)
            seen += lab.arrives("lan" if order["to"] == LAN_HOST[4] else "public",
                                lambda packet, tag=tag: tag.encode() in packet.data, f"a guest's packet {order}")
        lab.engage(scene)
        packets = 0
        # Steering alone lets a guest reach what the LAN's setting allows.
        for order in orders[:2] if scene.layers != "both" else orders:
            send(order)
            packets += lab.refuse(f"a guest's packet {order}")
        seen += lab.vpn_speaks()
        lab.release(scene._replace(layers="both"))
    return packets, seen


def guest_is_reached(lab, scene):
    """HostInterfaces=guest0: what stays on this host needs no LAN."""
    lab.release(scene)
    with guest(lab) as space:
        lab.root.call("Reload")
        lab.engage(scene)
        tap = Tap(space, "eth0")
        lab.tell("try", kind="udp", family=4, to="172.31.0.2", port=7, tag=next(lab.tags))
        try:
            seen = len(tap.wait(lambda packet: packet.target == "172.31.0.2", "the guest's packet", 3))
        except proc.TimedOut as error:
            raise Control(f"the host does not reach its guest: {error}") from None
        finally:
            tap.close()
            lab.release(scene)
    return 0, seen


# T18

def another_link(lab, scene, index=""):
    """A link of another kind named as the VPN, with its address; what is sent by it is heard at its other end."""
    lab.host.ips(f"""
        link add wg0 {f'index {index}' if index else ''} type veth peer name fake
        address add {CLIENT[4]}/24 dev wg0
        address add {CLIENT[6]}/64 dev wg0 nodad
        link set wg0 up
        link set fake up
        neighbour add {PUBLIC_SERVER[4]} lladdr 02:00:00:00:00:09 dev wg0""")
    return Tap(lab.host, "fake")


def sent_by_it(lab, tap):
    lab.wire.settle()
    tag = next(lab.tags)
    lab.tell("try", kind="udp", family=4, to=PUBLIC_SERVER[4], port=7, tag=tag, device="wg0")
    lab.tell("try", kind="udp", family=4, to=PUBLIC_SERVER[4], port=7, tag=tag, device="wg0", source=CLIENT[4])
    lab.wire.settle()
    return [packet for packet in tap.take() if tag.encode() in packet.data]


def name_taken(lab, scene):
    """While the service watches."""
    lab.release(scene)
    tap = another_link(lab, scene)
    try:
        seen = len(sent_by_it(lab, tap))
        if not seen:
            raise Control("nothing arrived by the other link")
        lab.root.call("Engage")
        lab.engaged = True
        lab.listen()
        packets = sent_by_it(lab, tap)
        if packets or lab.root.state()[0] != "blocking":
            raise Leak(f"by another link that is named as the VPN: {packets}, {lab.root.state()[0]}")
        packets = lab.refuse("by another link that is named as the VPN")
    finally:
        tap.close()
        lab.host.ip("link", "delete", "wg0")
    return packets, seen + lab.vpn_speaks()


def index_taken(lab, scene):
    """While the service has stopped: name, index and address are the VPN's, the type is not."""
    gone = scene._replace(vpn="gone")
    lab.release(gone)
    tap = another_link(lab, scene)
    seen = len(sent_by_it(lab, tap))
    tap.close()
    lab.host.ip("link", "delete", "wg0")
    if not seen:
        raise Control("nothing arrived by the other link")
    lab.engage(scene)
    seen += lab.vpn_speaks()
    index = lab.host.ifindex("wg0")
    lab.stop()
    try:
        lab.vpn.kill()
        tap = another_link(lab, scene, index)
        try:
            packets = sent_by_it(lab, tap)
        finally:
            tap.close()
            lab.host.ip("link", "delete", "wg0")
    finally:
        lab.go_on()
    lab.scene = gone
    if packets:
        raise Leak(f"by a link with the VPN's name, index and address: {packets[0]}")
    return len(packets), seen


# T30

def no_ipv6(lab, scene):
    """The VPN has no IPv6 address; the uplink has."""
    lab.release(scene)
    ways = ({}, {"kind": "tcp"}, {"kind": "icmp"}, {"device": UPLINK}, {"source": HOST[6]})
    seen = sum(let_out(lab, PUBLIC_SERVER[6], **way) for way in ways)
    lab.host.ip("address", "delete", f"{CLIENT[6]}/64", "dev", "wg0")
    try:
        lab.engage(scene)
        packets = sum(kept_in(lab, PUBLIC_SERVER[6], **way) for way in ways)
        return packets, seen + lab.vpn_speaks(4)
    finally:
        lab.host.ip("address", "add", f"{CLIENT[6]}/64", "dev", "wg0", "nodad")


# T31

def for_the_vpns_address(lab, scene):
    """The network sends to the VPN's address: nobody gets it, and nothing is answered."""
    lab.release(scene)
    lab.tell("open", name="ear4", kind="udp", family=4, sport=7777)
    lab.tell("open", name="ear6", kind="udp", family=6, sport=7777)
    try:
        seen = 0
        for family in (4, 6):
            seen += heard(lab, family, "released")
        lab.engage(scene)
        for family in (4, 6):
            lab.listen()
            hostile(lab, family, "hostile")
            told = lab.tell("receive", name=f"ear{family}", wait=0)
            # One to a port where nobody listens: an answer would betray the address.
            from_router(lab, ip_packet(17, PUBLIC_SERVER[family], CLIENT[family], udp(9, 9999, b"closed")))
            packets = lab.refuse("an answer to a packet for the VPN's address")
            if told["reply"]:
                raise Leak(f"a packet from the uplink for the VPN's address was received: {told}")
            seen += lab.vpn_speaks(family)
    finally:
        for family in (4, 6):
            lab.tell("close", name=f"ear{family}")
    return packets, seen


def hostile(lab, family, text):
    from_router(lab, ip_packet(17, PUBLIC_SERVER[family], CLIENT[family], udp(9, 7777, text.encode())))
    lab.wire.settle()


def heard(lab, family, text):
    hostile(lab, family, text)
    told = lab.tell("receive", name=f"ear{family}", wait=3000)
    if told["reply"] != text:
        raise Control(f"a packet from the uplink for the VPN's address was not even received when let: {told}")
    return 1


# T32

def redirect(family, port):
    """The router tells the host to send by the LAN host from now on what it sends to the VPN server."""
    original = ip_packet(17, HOST[family], VPN_SERVER[family], udp(port, SERVER_PORT, b"redirect"))
    if family == 4:
        return ip_packet(1, ROUTER[4], HOST[4], struct.pack("!BBH", 5, 1, 0) + number(LAN_HOST[4]) + original)
    options = struct.pack("!BB", 2, 1) + LAN_MAC
    return ip_packet(58, ROUTER_LOCAL, HOST[6], struct.pack("!BBHI", 137, 0, 0, 0) + number(LAN_LOCAL) +
                     number(VPN_SERVER[6]) + options, 255)


def way_of(lab, family, name):
    """To whom on the link the transport's packets go."""
    lab.listen()
    lab.tell("send", "root", name=name, to=VPN_SERVER[family], port=SERVER_PORT, tag=next(lab.tags))
    lab.wire.settle()
    return {packet.mac for packet in lab.wire.take() if packet.target == VPN_SERVER[family]}


def redirected(lab, family, port):
    name = f"redirect{family}-{port}"
    lab.tell("open", "root", name=name, kind="udp", family=family, source=HOST[family], sport=port, mark=MARK)
    try:
        before = way_of(lab, family, name)
        from_router(lab, redirect(family, port))
        lab.wire.settle()
        after = way_of(lab, family, name)
    finally:
        lab.tell("close", "root", name=name)
    if before != {ROUTER_MAC.hex(":")}:
        raise Control(f"transport did not go by the router before: {before}")
    return after


def redirects(lab, scene):
    for key in (f"ipv4/conf/{UPLINK}/accept_redirects", "ipv4/conf/all/accept_redirects",
                f"ipv6/conf/{UPLINK}/accept_redirects"):
        lab.host.write(f"net/{key}", 1)
    lab.host.ips(f"""
        route delete default via {ROUTER[6]}
        route add default via {ROUTER_LOCAL} dev {UPLINK}
        neighbour replace {ROUTER_LOCAL} lladdr 02:00:00:00:77:01 dev {UPLINK} nud permanent""")
    try:
        lab.engage(scene)
        for family in (4, 6):
            if redirected(lab, family, 40000 + family) != {ROUTER_MAC.hex(":")}:
                raise Leak(f"the network redirected the transport, IPv{family}")
        seen = lab.vpn_speaks()
        lab.release(scene)
        for family in (4, 6):
            if redirected(lab, family, 40010 + family) != {LAN_MAC.hex(":")}:
                raise Control(f"a redirect had no effect even when let, IPv{family}")
            seen += 1
        return 0, seen
    finally:
        lab.host.ips(f"""
            route flush cache
            route delete default via {ROUTER_LOCAL} dev {UPLINK}
            route add default via {ROUTER[6]} dev {UPLINK}""")


# T33

def strict_filter(lab, scene):
    """The answers to transport get in."""
    if not any("vpn" in server.name for server in lab.internet.servers):
        lab.internet.serve(lab.internet.vpn)
    for key in ("all", UPLINK):
        lab.host.write(f"net/ipv4/conf/{key}/rp_filter", 1)
    try:
        lab.engage(scene)
        own = {"mark": MARK} if scene.settings == "mark" else {"sport": PORT}
        user = "service" if scene.settings == "service" else "root"
        seen = 0
        for family in (4, 6):
            told = lab.tell("try", user, kind="udp", family=family, to=VPN_SERVER[family], port=7, wait=2000, **own)
            if not (told["reply"] or "").startswith(HOST[family]):
                raise Control(f"transport had no answer, IPv{family}: {told}")
            seen += 1
        return 0, seen
    finally:
        lab.host.write("net/ipv4/conf/all/rp_filter", 0)
        lab.host.write(f"net/ipv4/conf/{UPLINK}/rp_filter", 2)


def packet_socket_of_root(lab, scene):
    """Root's frames, which pass the IP layer by."""
    def sent(how):
        return sum(how(lab, PUBLIC_SERVER[family], user="root", kind="packet", link=UPLINK, **{"from": HOST[family]})
                   for family in (4, 6))
    lab.release(scene)
    seen = sent(let_out)
    lab.engage(scene)
    return sent(kept_in), seen


UP, GONE = Scene("up"), Scene("gone")
