# SPDX-License-Identifier: GPL-2.0-or-later
"""Packet counters by kind on a segment, read on its far side, and what the uncalled-for packets were."""

import json
import os
import socket
import struct

from . import proc

ETH_P_ALL = 3
# 802.1X, which the host may send and here doesn't.
MARKER_ETHERTYPE = 0x888E

# What the host may send while it is engaged, and what counts as a leak.
UPLINK_QUIET = ("arp", "arp_server", "nd", "mld", "dhcp", "transport4", "transport6", "lan4", "lan6", "multicast4",
                "multicast6", "dns_lan", "marker")
UPLINK_LEAKS = ("arp_foreign", "nd_foreign", "other4", "other6", "other")

UPLINK = """
table netdev tally {
    %(declared)s
    chain in {
        type filter hook ingress device "%(link)s" priority 0
        ether type 0x888e counter name n_marker drop
        ether type arp arp daddr ip 192.168.77.0/24 counter name n_arp accept
        arp operation reply counter name n_arp accept
        # Who asks for the VPN server is its transport: whatever else is sent there ends ahead of this.
        arp daddr ip 198.51.100.10 counter name n_arp_server accept
        ether type arp counter name n_arp_foreign goto leak
        ip daddr 198.51.100.10 udp sport . udp dport { 51820 . 51821, 51822 . 51823 } counter name n_transport4 accept
        ip6 daddr 2001:db8:51::10 udp sport . udp dport { 51820 . 51821, 51822 . 51823 } counter name n_transport6 accept
        udp sport 68 udp dport 67 ether type ip counter name n_dhcp accept
        udp sport 546 udp dport 547 ip6 daddr ff02::1:2 counter name n_dhcp accept
        icmpv6 type nd-neighbor-solicit @th,64,64 0x20010db800770000 counter name n_nd accept
        icmpv6 type nd-neighbor-solicit @th,64,64 0xfd00007700000000 counter name n_nd accept
        icmpv6 type nd-neighbor-solicit @th,64,64 0xfe80000000000000 counter name n_nd accept
        icmpv6 type nd-neighbor-solicit @th,64,128 0x20010db8005100000000000000000010 counter name n_arp_server accept
        icmpv6 type nd-neighbor-solicit counter name n_nd_foreign goto leak
        icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-advert } counter name n_nd accept
        icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } counter name n_mld accept
        ip protocol igmp counter name n_mld accept
        ip daddr 192.168.77.255 counter name n_multicast4 accept
        ip daddr 192.168.77.0/24 meta l4proto { tcp, udp } th dport { 53, 853 } counter name n_dns_lan accept
        ip daddr 192.168.77.0/24 counter name n_lan4 accept
        ip6 daddr { fe80::/10, fd00:77::/64 } meta l4proto { tcp, udp } th dport { 53, 853 } counter name n_dns_lan accept
        ip6 daddr { fe80::/10, fd00:77::/64 } counter name n_lan6 accept
        ip daddr { 224.0.0.0/4, 255.255.255.255 } counter name n_multicast4 accept
        ip6 daddr ff00::/8 counter name n_multicast6 accept
        ether type ip counter name n_other4 goto leak
        ether type ip6 counter name n_other6 goto leak
        counter name n_other goto leak
    }
    chain leak {
        limit rate 200/second burst 50 packets dup to "%(capture)s"
    }
}
"""

PUBLIC_KINDS = ("direct4", "direct6", "vpn4", "vpn6")
PUBLIC = """
table netdev tally {
    %(declared)s
    chain in {
        type filter hook ingress device "%(link)s" priority 0
        ip saddr 192.168.77.0/24 counter name n_direct4
        ip saddr 10.8.0.0/24 counter name n_vpn4
        ip6 saddr { 2001:db8:77::/64, fd00:77::/64 } counter name n_direct6
        ip6 saddr fd08::/64 counter name n_vpn6
        udp dport 9 drop
    }
}
"""

LAN_KINDS = ("unicast4", "unicast6", "dns", "multicast4", "multicast6")
LAN = """
table netdev tally {
    %(declared)s
    chain in {
        type filter hook ingress device "%(link)s" priority 0
        ether saddr != 02:00:00:00:77:02 accept
        ip daddr 192.168.77.10 meta l4proto { tcp, udp } th dport { 53, 853 } counter name n_dns accept
        ip6 daddr fd00:77::10 meta l4proto { tcp, udp } th dport { 53, 853 } counter name n_dns accept
        ip daddr 192.168.77.10 counter name n_unicast4 accept
        ip6 daddr fd00:77::10 counter name n_unicast6 accept
        ip daddr { 224.0.0.0/4, 255.255.255.255, 192.168.77.255 } counter name n_multicast4
        icmpv6 type { mld-listener-report, mld2-listener-report, nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
        ip6 daddr ff00::/8 counter name n_multicast6
    }
}
"""

# Inside the tunnel, as the VPN server sees it: by the sender's address.
TUNNEL_KINDS = ("vpn4", "vpn6", "wrong4", "wrong6")
TUNNEL = """
table netdev tally {
    %(declared)s
    chain in {
        type filter hook ingress device "%(link)s" priority 0
        ip saddr 10.8.0.0/24 counter name n_vpn4 accept
        ip6 saddr fd08::/64 counter name n_vpn6 accept
        ip6 saddr fe80::/10 accept
        meta protocol ip counter name n_wrong4
        meta protocol ip6 counter name n_wrong6
    }
}
"""


class Meter:
    """Named counters in a namespace; read() is a dict, since() the difference to an earlier one."""

    def __init__(self, namespace, link, template, kinds, capture=None):
        self.namespace = namespace
        declared = "; ".join(f"counter n_{kind} {{ }}" for kind in kinds)
        namespace.nft(template % {"declared": declared, "link": link, "capture": capture})

    def read(self):
        listed = json.loads(self.namespace.run("nft", "-j", "list", "counters", "table", "netdev", "tally"))
        return {entry["counter"]["name"][2:]: entry["counter"]["packets"]
                for entry in listed["nftables"] if "counter" in entry}

    def since(self, before):
        return {kind: count - before[kind] for kind, count in self.read().items()}

    def until(self, kind, count, limit=proc.LIMIT):
        """Waits for an arrival: until the counter has reached the number."""
        proc.until(lambda: self.read()[kind] >= count, f"{count} packets counted as {kind}", limit)


class Uplink(Meter):
    """Everything that the host puts on its wire, counted where the wire ends."""

    def __init__(self, router, link, host, host_link):
        router.ips("""
            link add leak0 type veth peer name leak1
            link set leak0 up
            link set leak1 up""")
        super().__init__(router, link, UPLINK, UPLINK_QUIET + UPLINK_LEAKS, capture="leak0")
        with router.entered():
            self.sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sniffer.bind(("leak1", ETH_P_ALL))
        self.sniffer.setblocking(False)
        with host.entered():
            self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.sender.bind((host_link, MARKER_ETHERTYPE))

    def settle(self):
        """Returns when all that the host sent before has been counted: a marked frame from each
        processor goes the same way, behind what is queued there."""
        allowed = os.sched_getaffinity(0)
        before = self.read()["marker"]
        frame = bytes.fromhex("020000007701" "020000007702") + struct.pack("!H", MARKER_ETHERTYPE) + bytes(46)
        try:
            for processor in allowed:
                os.sched_setaffinity(0, {processor})
                self.sender.send(frame)
        finally:
            os.sched_setaffinity(0, allowed)
        self.until("marker", before + len(allowed))

    def snapshot(self):
        """The counters once everything under way has arrived; what was caught earlier is forgotten."""
        self.settle()
        self.caught()
        return self.read()

    def caught(self):
        """The first leaked packets since the last look, as text."""
        packets = []
        while True:
            try:
                packets.append(describe(self.sniffer.recv(2048)))
            except BlockingIOError:
                return packets

    def leaks(self, before):
        """What left since the snapshot that must not while engaged; empty when nothing did."""
        self.settle()
        return {kind: count for kind, count in self.since(before).items()
                if kind in UPLINK_LEAKS and count}

    def close(self):
        self.sniffer.close()
        self.sender.close()


def describe(frame):
    """One line about an Ethernet frame."""
    kind, = struct.unpack_from("!H", frame, 12)
    if kind == 0x0806:
        return f"arp who-has {socket.inet_ntoa(frame[38:42])}"
    if kind == 0x0800:
        protocol, source, target = frame[23], socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
        ports = struct.unpack_from("!HH", frame, 14 + (frame[14] & 15) * 4) if protocol in (6, 17) else ()
    elif kind == 0x86DD:
        protocol = frame[20]
        source = socket.inet_ntop(socket.AF_INET6, frame[22:38])
        target = socket.inet_ntop(socket.AF_INET6, frame[38:54])
        ports = struct.unpack_from("!HH", frame, 54) if protocol in (6, 17) else ()
    else:
        return f"ethertype {kind:#06x}, {len(frame)} bytes"
    return f"protocol {protocol} {source} -> {target} {'ports %d -> %d' % ports if ports else ''}".rstrip()
