# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends datagrams one way as fast as it can until it is told to stop.

Arguments: a file of four numbers that it shares with the test (attempts, successes, stop, unused),
the target address, and the device to bind to or nothing. Every second socket is connected, because
a connected one remembers its route."""

import mmap
import socket
import sys

PORT = 9


def sockets(target, device):
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    for connected in (False, True):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if connected:
            try:
                sock.connect((target, PORT))
            except OSError:
                continue
        yield (lambda data, sock=sock: sock.send(data)) if connected else \
              (lambda data, sock=sock: sock.sendto(data, (target, PORT)))


def main():
    path, target, device = (sys.argv[1:] + [""])[:3]
    with open(path, "r+b") as file:
        # Numbers are stored whole; struct.pack_into would blank them first.
        shared = memoryview(mmap.mmap(file.fileno(), 32)).cast("Q")
    attempts = successes = 0
    while True:
        # New sockets now and then: one may have been reset, or could not be connected before.
        for send in sockets(target, device):
            for _ in range(64):
                if shared[2]:
                    return
                try:
                    send(b"flood")
                    successes += 1
                except OSError:
                    pass
                attempts += 1
                shared[1] = successes
                shared[0] = attempts


if __name__ == "__main__":
    main()
