# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN's program reduced to what can be seen of it: a tun device and a socket towards a server.

tunnel.py LINK KIND [KEY=VALUE...], where KIND is udp or tcp, and the keys are mark, port (the own
one), to (the server's address and port) and user (whom it becomes when all is open)."""

import fcntl
import os
import pwd
import socket
import struct
import sys
import threading

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def main():
    link, kind, *rest = sys.argv[1:]
    keys = dict(word.split("=", 1) for word in rest)
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", link.encode(), IFF_TUN | IFF_NO_PI))
    address, _, port = keys.get("to", "").rpartition(":")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    transport = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if "mark" in keys:
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(keys["mark"], 0))
    if "port" in keys:
        transport.bind(("", int(keys["port"])))
    if address:
        transport.setblocking(kind == "udp")
        transport.connect_ex((address.strip("[]"), int(port)))
    # What a management interface looks like; it has nothing to do with the server.
    console = socket.create_server(("127.0.0.1", 0))
    assert console.fileno() >= 0
    if "user" in keys:
        os.setresuid(*[pwd.getpwnam(keys["user"]).pw_uid] * 3)
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
