# SPDX-License-Identifier: GPL-2.0-or-later
"""The small internet's DNS: answers from a JSON file {name: [address, ...]} that is read for every question, and
tells each question. A name with null gets no answer at all.

Usage: dns.py ADDRESS ZONE"""

import ipaddress
import json
import socket
import struct
import sys

TYPES = {1: 4, 28: 6}
NXDOMAIN = 3


def question(data):
    """The name, the type, and where the question ends."""
    labels, place = [], 12
    while data[place]:
        labels.append(data[place + 1:place + 1 + data[place]].decode("ascii", "replace").lower())
        place += 1 + data[place]
    return ".".join(labels), struct.unpack_from("!H", data, place + 1)[0], place + 5


def answer(data, zone):
    name, kind, end = question(data)
    print(name, kind, flush=True)
    if zone.get(name, ()) is None:
        return None
    addresses = [ipaddress.ip_address(text) for text in zone.get(name, ())]
    records = [address.packed for address in addresses if address.version == TYPES.get(kind)]
    flags = 0x8180 | (0 if name in zone else NXDOMAIN)
    head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
    return head + data[12:end] + b"".join(
        struct.pack("!HHHLH", 0xC00C, kind, 1, 1, len(record)) + record for record in records)


def main():
    address, path = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 53))
    print("ready", flush=True)
    while True:
        data, peer = sock.recvfrom(2048)
        with open(path, encoding="ascii") as file:
            reply = answer(data, json.load(file))
        if reply:
            sock.sendto(reply, peer)


if __name__ == "__main__":
    main()
