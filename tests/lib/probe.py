# SPDX-License-Identifier: GPL-2.0-or-later
"""Tries a way out as an ordinary program does, and tells what came of it.

Reads a JSON list of probes from standard input, writes a JSON list of results. A probe:
  kind      udp, tcp or icmp
  to, port  where to
  count     datagrams to send (3)
  wait      seconds to wait for an answer; 0: don't
  device    SO_BINDTODEVICE           source, sport   bind to them
  pktinfo   interface for IP_PKTINFO  unicast_if      interface for IP_UNICAST_IF
  multicast_if  interface for IP_MULTICAST_IF, broadcast  SO_BROADCAST
  mark      SO_MARK (needs a right)
A result: sent, errors (names of errno), reply (the address that the server saw) or null."""

import errno
import json
import select
import socket
import struct
import sys
import time

IP_PKTINFO, IP_UNICAST_IF, IPV6_UNICAST_IF = 8, 50, 76


def prepare(probe, sock, six):
    """Sets the socket up; returns the ancillary data of every message."""
    index = {key: socket.if_nametoindex(probe[key])
             for key in ("pktinfo", "unicast_if", "multicast_if") if probe.get(key)}
    if probe.get("mark"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, probe["mark"])
    if probe.get("device"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, probe["device"].encode())
    if probe.get("broadcast"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if "unicast_if" in index:
        level, option = (socket.IPPROTO_IPV6, IPV6_UNICAST_IF) if six else (socket.IPPROTO_IP, IP_UNICAST_IF)
        sock.setsockopt(level, option, struct.pack("!I", index["unicast_if"]))
    if "multicast_if" in index:
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index["multicast_if"])
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", bytes(4), bytes(4),
                                                                                   index["multicast_if"]))
    if probe.get("source") or probe.get("sport"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((probe.get("source") or ("::" if six else "0.0.0.0"), probe.get("sport") or 0))
    if "pktinfo" in index:
        if six:
            return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(16) + struct.pack("@I", index["pktinfo"]))]
        return [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("@I8x", index["pktinfo"]))]
    return []


def echo_request(six, number):
    packet = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 0, number) + b"killswitch"
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    return packet if six else packet[:2] + struct.pack("!H", ~total & 0xFFFF) + packet[4:]


def datagrams(probe, sock, six, ancillary, result):
    """Sends, then once more whenever a fifth of a second passed without an answer."""
    target = (probe["to"], 0 if probe["kind"] == "icmp" else probe["port"])
    wait = probe.get("wait", 0)
    end = time.monotonic() + wait
    number = 0
    while True:
        for _ in range(probe.get("count", 3) if number == 0 else 1):
            number += 1
            try:
                data = echo_request(six, number) if probe["kind"] == "icmp" else b"probe"
                sock.sendmsg([data], ancillary, 0, target)
                result["sent"] += 1
            except OSError as error:
                result["errors"].append(errno.errorcode[error.errno])
        left = end - time.monotonic()
        if wait == 0 or left <= 0:
            return
        while select.select([sock], [], [], min(left, 0.2))[0]:
            try:
                data, peer = sock.recvfrom(2048)
            except OSError as error:
                result["errors"].append(errno.errorcode[error.errno])
                continue
            # Whoever binds the VPN's port also hears what its server still sends there.
            if probe["kind"] != "icmp" and peer[1] != target[1]:
                continue
            result["reply"] = peer[0] if probe["kind"] == "icmp" else data.split()[0].decode()
            return


def connection(probe, sock, result):
    """Connects; a connection that is refused at once ends at once."""
    sock.setblocking(False)
    # Closed with a reset: no address stays taken for a while, and the next probe may have it.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
    begun = time.monotonic()
    end = begun + probe.get("wait", 0)
    status = sock.connect_ex((probe["to"], probe["port"]))
    if status == errno.EINPROGRESS:
        select.select([], [sock], [], max(end - time.monotonic(), 0))
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status == 0 and not select.select([], [sock], [], 0)[1]:
            status = errno.EINPROGRESS
    result["seconds"] = time.monotonic() - begun
    if status:
        result["errors"].append(errno.errorcode[status])
        return
    result["sent"] = 1
    sock.send(b"probe")
    if select.select([sock], [], [], max(end - time.monotonic(), 0))[0]:
        result["reply"] = sock.recv(2048).split()[0].decode()


def attempt(probe):
    result = {"sent": 0, "errors": [], "reply": None}
    six = ":" in probe["to"]
    family = socket.AF_INET6 if six else socket.AF_INET
    try:
        if probe["kind"] == "tcp":
            sock = socket.socket(family, socket.SOCK_STREAM)
        elif probe["kind"] == "icmp":
            sock = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
        else:
            sock = socket.socket(family, socket.SOCK_DGRAM)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with sock:
            ancillary = prepare(probe, sock, six)
            if probe["kind"] == "tcp":
                connection(probe, sock, result)
            else:
                datagrams(probe, sock, six, ancillary, result)
    except OSError as error:
        result["errors"].append(errno.errorcode.get(error.errno, str(error)))
    return result


if __name__ == "__main__":
    json.dump([attempt(probe) for probe in json.load(sys.stdin)], sys.stdout)
