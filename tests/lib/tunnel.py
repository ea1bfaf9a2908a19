# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN's program reduced to what can be seen of it: a tun device and sockets towards a server.

tunnel.py LINK KIND [KEY=VALUE...], where KIND is udp or tcp, and the keys are mark, port (the own
one), to (the server's address and port) and user (whom it becomes when all is open). KIND, port and
to may be several with commas between them: so many sockets. Then there is what makes it harder to
tell whose device it is: apart=yes makes the device in a user's and network's namespace of its own,
leave=yes goes to one when all is open, child=USER leaves all of it to a child of that user, too."""

import ctypes
import fcntl
import itertools
import os
import pwd
import socket
import struct
import sys
import threading

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def open_device(link):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", link.encode(), IFF_TUN | IFF_NO_PI))


def open_transport(kind, own, to, mark):
    address, _, port = to.rpartition(":")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    transport = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if mark:
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(mark, 0))
    if own:
        transport.bind(("", int(own)))
    if address:
        transport.setblocking(kind == "udp")
        transport.connect_ex((address.strip("[]"), int(port)))
    return transport


def become(user):
    os.setresuid(*[pwd.getpwnam(user).pw_uid] * 3)


def have_child(user):
    """It is of that user when this returns, and ends with its parent."""
    alive, parent = os.pipe()
    done, child = os.pipe()
    if os.fork() == 0:
        os.close(parent)
        become(user)
        os.write(child, b".")
        os.read(alive, 1)
        os._exit(0)
    os.close(child)
    assert os.read(done, 1)
    return parent


def main():
    link, kinds, *rest = sys.argv[1:]
    keys = dict(word.split("=", 1) for word in rest)
    if "apart" not in keys:
        open_device(link)
    several = [keys.get(key, "").split(",") for key in ("port", "to")]
    count = max(map(len, several))
    ends = zip(*(words if len(words) > 1 else words * count for words in several))
    transports = [open_transport(kind, own, to, keys.get("mark"))
                  for kind, (own, to) in zip(itertools.cycle(kinds.split(",")), ends)]
    # What a management interface looks like; it has nothing to do with the server.
    console = socket.create_server(("127.0.0.1", 0))
    assert console.fileno() >= 0 and transports
    if "apart" in keys:
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
        open_device(link)
    if "leave" in keys:
        unshare(CLONE_NEWNET)
    if "user" in keys:
        become(keys["user"])
    held = have_child(keys["child"]) if "child" in keys else None
    print("ready", flush=True)
    threading.Event().wait()
    assert held


if __name__ == "__main__":
    main()
