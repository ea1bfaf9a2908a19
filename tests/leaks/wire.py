# SPDX-License-Identifier: GPL-2.0-or-later
"""Ears on the links of the small internet: every packet that arrives there, taken apart."""

import os
import socket
import struct
import time
from typing import NamedTuple

from lib import proc
from lib.meter import ETH_P_ALL, MARKER_ETHERTYPE

SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
OUTGOING = 4
PORTED = (6, 17, 136)
ARP, IP4, IP6 = 0x0806, 0x0800, 0x86DD
WIREGUARD = (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0", b"\4\0\0\0")
OWN_LINK = ("192.168.77.", "fd00:77:", "2001:db8:77:", "fe80:")


class Packet(NamedTuple):
    kind: int               # ethertype
    mac: str                # who gets it on the link
    protocol: int
    source: str
    target: str
    sport: int
    dport: int
    data: bytes             # behind the IP header

    def __str__(self):
        ports = f" ports {self.sport} -> {self.dport}" if self.protocol in PORTED else ""
        return f"ethertype {self.kind:#06x} protocol {self.protocol} {self.source} -> {self.target}{ports} {self.data[:8].hex()}"


def parse(kind, frame, mac):
    """Takes a frame apart behind its link header."""
    protocol, source, target, data = 0, "", "", frame
    if kind == IP4 and len(frame) >= 20:
        protocol, source, target = frame[9], socket.inet_ntoa(frame[12:16]), socket.inet_ntoa(frame[16:20])
        data = frame[(frame[0] & 15) * 4:]
    elif kind == IP6 and len(frame) >= 40:
        protocol, data = frame[6], frame[40:]
        source, target = (socket.inet_ntop(socket.AF_INET6, frame[at:at + 16]) for at in (8, 24))
        # Hop-by-hop options, routing, fragment, destination options.
        while protocol in (0, 43, 44, 60) and len(data) >= 8:
            protocol, data = data[0], data[8 if protocol == 44 else 8 + data[1] * 8:]
    elif kind == ARP and len(frame) >= 28:
        protocol, source, target = frame[7], socket.inet_ntoa(frame[14:18]), socket.inet_ntoa(frame[24:28])
    sport, dport = struct.unpack_from("!HH", data) if protocol in PORTED and kind != ARP and len(data) >= 4 else (0, 0)
    return Packet(kind, mac, protocol, source, target, sport, dport, data)


class Tap:
    """What arrives at one end of a link, from the moment on that the tap exists."""

    def __init__(self, space, link, header=14, sent=False):
        """header: of the link; sent: what leaves by this end instead of what arrives."""
        self.space = space
        self.sent = sent
        self.link = link
        self.header = header
        with space.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((link, ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.socket.setblocking(False)
        self.kept = []

    def _drain(self):
        while True:
            try:
                frame, address = self.socket.recvfrom(65536)
            except BlockingIOError:
                break
            if (address[2] == OUTGOING) == self.sent:
                mac = frame[:6].hex(":") if self.header else ""
                self.kept.append(parse(address[1], frame[self.header:], mac))
        _, lost = struct.unpack("@II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        assert lost == 0, f"{lost} packets were not heard at {self.link}"

    def take(self):
        """All that arrived since the last look."""
        self._drain()
        packets, self.kept = self.kept, []
        return packets

    def clear(self):
        """Nothing that arrived until now matters, not even whether all of it was heard."""
        try:
            self.take()
        except AssertionError:
            self.clear()
        self.kept = []

    def wait(self, wanted, what, limit=proc.LIMIT):
        """The packets since the last look that are wanted, as soon as there is one."""
        end = time.monotonic() + limit
        while True:
            found = [packet for packet in self.take() if wanted(packet)]
            if found:
                return found
            if time.monotonic() > end:
                raise proc.TimedOut(f"waited {limit:g} s in vain at {self.link}: {what}")
            proc.until(self._arrived, f"anything to arrive at {self.link}", max(end - time.monotonic(), 0.01))

    def _arrived(self):
        self._drain()
        return bool(self.kept)

    def close(self):
        self.socket.close()


class Wire(Tap):
    """The host's uplink, at its far end."""

    def __init__(self, internet):
        super().__init__(internet.router, "h0")
        self.processors = sorted(os.sched_getaffinity(0))
        with internet.host.entered():
            self.marker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.marker.bind(("eth0", MARKER_ETHERTYPE))
        self.number = 0

    def settle(self):
        """Returns when all that the host has sent is here: a marked frame from each processor goes the same
        way, behind what is queued there."""
        self.number += 1
        text = f"mark {self.number} ".encode()
        try:
            for processor in self.processors:
                os.sched_setaffinity(0, {processor})
                self.marker.send(bytes.fromhex("020000007701020000007702") + struct.pack("!H", MARKER_ETHERTYPE) +
                                 text.ljust(46))
        finally:
            os.sched_setaffinity(0, self.processors)

        def all_here():
            self._drain()
            return sum(packet.kind == MARKER_ETHERTYPE and packet.data.startswith(text)
                       for packet in self.kept) == len(self.processors)
        proc.until(all_here, "the marked frames to pass the uplink")

    def link_was_down(self):
        """Takes note of the error that the socket has kept since then."""
        self.marker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def forget(self):
        """What is under way until now is of no interest."""
        self.settle()
        self.take()

    def heard(self):
        """Everything that the host sent since the last look, but for what a host says to its own link
        of its own accord, and the VPN's own packets."""
        self.settle()
        return [packet for packet in self.take() if not background(packet)]

    def close(self):
        super().close()
        self.marker.close()


def background(packet):
    """The markers; who has which address on this link; group membership; WireGuard's packets to its server."""
    if packet.kind == MARKER_ETHERTYPE:
        return True
    if packet.kind == ARP:
        return packet.target.startswith(OWN_LINK) or packet.protocol == 2
    if packet.protocol == 2:
        return True
    if packet.kind == IP6 and packet.protocol == 58 and packet.data:
        kind = packet.data[0]
        asked = socket.inet_ntop(socket.AF_INET6, packet.data[8:24]) if kind == 135 and len(packet.data) >= 24 else ""
        # What a host and its router have to say to each other by the link's own addresses leads nowhere else.
        return kind in (131, 132, 133, 136, 143) or asked.startswith(OWN_LINK) or \
            packet.source.startswith("fe80:") and packet.target.startswith("fe80:")
    return packet.protocol == 17 and (packet.sport, packet.dport) == (51820, 51821) and packet.data[8:12] in WIREGUARD
