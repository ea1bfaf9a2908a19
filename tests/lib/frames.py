# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole frames by packet sockets, past the IP layer."""

import socket
import struct

from .internet import HOST, HOST_ULA, PUBLIC_SERVER

ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q = 0x0806, 0x0800, 0x86DD, 0x8100
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
ROUTER_MAC, HOST_MAC = bytes.fromhex("020000007701"), bytes.fromhex("020000007702")
KIND = {4: ETH_P_IP, 6: ETH_P_IPV6}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def udp(family, source, target, sport=4000, dport=9, data=b"past the IP layer", fragment=0):
    """An IP packet. fragment: the later fragment at that offset, whose data begin like a UDP header."""
    payload = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    if family == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, fragment // 8, 64, 17, 0,
                           socket.inet_aton(source), socket.inet_aton(target))
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    if fragment:
        payload = struct.pack("!BBHI", 17, 0, fragment, 1) + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), 44 if fragment else 17, 64) + ends + payload


def source_routed(family, target, onward):
    """A packet that asks its target to pass it on: loose source route, or routing header (RFC 791, RFC 8200)."""
    inner = udp(family, HOST[family], target)
    if family == 4:
        option = struct.pack("!BBB4sB", 131, 7, 4, socket.inet_aton(onward), 0)
        head = bytes([0x47]) + inner[1:2] + struct.pack("!H", len(inner) + len(option)) + inner[4:10] + bytes(2) + \
            inner[12:20] + option
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + inner[20:]
    header = struct.pack("!BBBBI", 17, 2, 0, 1, 0) + socket.inet_pton(socket.AF_INET6, onward)
    return inner[:4] + struct.pack("!HB", len(inner) - 40 + len(header), 43) + inner[7:40] + header + inner[40:]


def to_public(family, **fields):
    return udp(family, HOST[family], PUBLIC_SERVER[family], **fields)


def to_lan(family, target, **fields):
    return udp(family, HOST_ULA if family == 6 else HOST[4], target, **fields)


def frame(packet, *types):
    """With an Ethernet header; types are what stands between the addresses and the packet, 16 bits each."""
    return ROUTER_MAC + HOST_MAC + b"".join(struct.pack("!H", number) for number in types) + packet


def send(space, link, data, claim=0, whole=True, mark=0, bypass=False):
    """Sends the data by a packet socket. claim: the protocol that the kernel is told; 0: it looks for itself.
    whole: the data have their link header. bypass: past the queueing of the link. Returns whether the
    kernel took it."""
    with space.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW if whole else socket.SOCK_DGRAM, 0)
    with sock:
        if mark:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        if bypass:
            sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        try:
            sock.sendto(data, (link, claim, 0, 0, ROUTER_MAC))
        except OSError:
            return False
    return True
