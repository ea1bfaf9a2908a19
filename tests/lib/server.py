# SPDX-License-Identifier: GPL-2.0-or-later
"""A server of the small internet: tells every caller, by UDP and TCP, the address it is seen as."""

import selectors
import signal
import socket
import sys

PORTS = (7, 53, 853)


def listeners():
    for port in PORTS:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                sock = socket.socket(family, kind)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                else:
                    sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
                sock.bind((address, port))
                if kind == socket.SOCK_STREAM:
                    sock.listen(64)
                sock.setblocking(False)
                yield sock


def datagram(sock):
    """Answers from the address that was asked."""
    data, ancillary, _, peer = sock.recvmsg(2048, 256)
    reply = []
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == 8:
            target = value[8:12]
            if 224 <= target[0] <= 239 or target == b"\xff" * 4:
                continue
            reply.append((level, kind, bytes(4) + target + bytes(4)))
        elif level == socket.IPPROTO_IPV6 and value[0] != 0xFF and value[:2] != b"\xfe\x80":
            reply.append((level, socket.IPV6_PKTINFO, value[:16] + bytes(4)))
    sock.sendmsg([peer[0].encode() + b" " + data[:64]], reply, 0, peer)


def main():
    selector = selectors.DefaultSelector()
    waiting = set()
    for sock in listeners():
        selector.register(sock, selectors.EVENT_READ)
        waiting.add(sock)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            try:
                if sock not in waiting:
                    data = sock.recv(2048)
                    if data:
                        sock.send(sock.getpeername()[0].encode() + b" " + data[:64])
                    else:
                        selector.unregister(sock)
                        sock.close()
                elif sock.type == socket.SOCK_DGRAM:
                    datagram(sock)
                else:
                    connection, _ = sock.accept()
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ)
            except OSError as error:
                if sock not in waiting:
                    selector.unregister(sock)
                    sock.close()
                else:
                    print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
