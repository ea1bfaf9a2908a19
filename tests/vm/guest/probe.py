#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Send one packet by each of many ways and say what came of it.

probe.py ask            for each line of JSON, by kinds: what the public server saw or which error stopped it; among
                        the variables REFUSED says that nothing is expected to come back, SERVER which address
                        the VPN's server is thought to have. The kind "flood" goes on until the next line
probe.py serve PORT     be the public server: answer with the sender's address
probe.py record LINK FILE   write down what arrives
"""
import errno
import json
import os
import select
import socket
import struct
import sys
import time

LIMIT = 20
PATIENCE = 5
PORT = 7777
LINK = os.environ.get("LINK", "uplink0")
SERVER_PORT = 51821
ADDRESSES = {
    "public": {4: "203.0.113.9", 6: "2001:db8:cb::9"},
    "server": {4: "198.51.100.2", 6: "2001:db8:51::2"},
    "own": {4: "192.168.7.2", 6: "2001:db8:7::2"},
    "router": {4: "192.168.7.1", 6: "2001:db8:7::1"},
}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
IP_PKTINFO, IP_UNICAST_IF, IPV6_UNICAST_IF = 8, 50, 76
MARK = 0xCA6C
WAYS = ("udp", "tcp", "device", "tcpdevice", "info", "unicast", "own", "port", "server")
EVERY_WAY = tuple(f"{way}{version}" for way in WAYS for version in (4, 6))


def make(way, version):
    """A socket prepared the way's way; None where the way is refused already."""
    kind = socket.SOCK_STREAM if way.startswith("tcp") else socket.SOCK_DGRAM
    sock = socket.socket(FAMILY[version], kind)
    sock.settimeout(LIMIT)
    index = socket.if_nametoindex(LINK)
    if way.endswith("device") or way in ("port", "server"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, LINK.encode() + b"\0")
    if way == "unicast":
        if version == 4:
            sock.setsockopt(socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack("!I", index))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_IF, struct.pack("!I", index))
    if way == "mark":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    if way == "own":
        sock.bind((ADDRESSES["own"][version], 0))
    if way in ("port", "server"):
        sock.bind(("", int(os.environ.get("SOURCE_PORT", "51820"))))
    return sock


def insist(sock):
    """Send until an answer comes: of what waits for WireGuard's handshake, a flood pushes the oldest out."""
    sock.settimeout(PATIENCE)
    for attempts in range(LIMIT // PATIENCE, 0, -1):
        sock.send(b"hello")
        try:
            return sock.recv(200).decode()
        except TimeoutError:
            if attempts == 1:
                raise
    return None


def send(sock, way, version):
    """Send, wait for the answer where there will be one, and return it."""
    target = (ADDRESSES["router" if way == "lan" else "public"][version], PORT)
    if way == "server":
        sock.sendto(b"hello", (ADDRESSES[os.environ.get("SERVER", "server")][version], SERVER_PORT))
        return "sent"
    if way == "tcpdevice" and "REFUSED" in os.environ:
        # The refusal comes back over lo, where a socket bound to the uplink doesn't hear it.
        sock.setblocking(False)
        sock.connect(target)
    elif way.startswith("tcp"):
        sock.connect(target)
    elif way == "info":
        index = socket.if_nametoindex(LINK)
        if version == 4:
            info = (socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", index, b"", b""))
        else:
            info = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16sI", b"", index))
        sock.sendmsg([b"hello"], [info], 0, target)
        return sock.recv(200).decode()
    else:
        sock.connect(target)        # so that a refusal by ICMP shows as an error
    if way.startswith("tcp"):
        return sock.recv(200).decode()
    if "REFUSED" in os.environ:
        sock.send(b"hello")
        return sock.recv(200).decode()
    return insist(sock)


def attempt(kind):
    """One way, as what the server saw or the error that stopped it."""
    way, version = kind[:-1], int(kind[-1])
    try:
        with make(way, version) as sock:
            return {"seen": send(sock, way, version)}
    except TimeoutError:
        return {"error": "timeout"}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def flood():
    """Send plainly, bound to the device and imitating the VPN, thousands a second, until a line comes in."""
    ways = []
    for version in (4, 6):
        for way in ("udp", "device"):
            sock = make(way, version)
            sock.setblocking(False)
            ways.append((sock, (ADDRESSES["public"][version], PORT)))
    sent = 0
    print("ready", flush=True)
    while not sent or not select.select([sys.stdin], [], [], 0.001)[0]:
        for sock, target in ways:
            try:
                sock.sendto(b"hello", target)
            except OSError:
                pass
            sent += 1
        for version in (4, 6):
            # Works in the moment in which the VPN has let go of its port.
            attempt(f"server{version}")
            sent += 1
    sys.stdin.readline()
    print(sent)


def ask():
    """Do what each line asks for, in a process of its own, of which nothing stays; a Python would take a second to start."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            request = json.loads(line)
            os.environ.update(request["variables"])
            if request["kinds"] == ["flood"]:
                flood()
            else:
                ways = [way for word in request["kinds"] for way in (EVERY_WAY if word == "all" else (word,))]
                print(json.dumps({way: attempt(way) for way in ways}))
            sys.exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit("it has failed")


def record(link, path):
    """Write down what arrives on a link but for the VPN's transport, as hexadecimal."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as sock, \
            open(path, "w", encoding="ascii") as file:
        sock.bind((link, 3))
        print("ready", flush=True)
        transport = struct.pack("!H", SERVER_PORT)
        while True:
            data, (_, protocol, kind, *_) = sock.recvfrom(200)
            if kind == socket.PACKET_OUTGOING or len(data) > 60 and transport in (data[22:24], data[42:44]):
                continue
            file.write(f"{time.monotonic():.3f} {protocol:04x} {data[:60].hex()}\n")
            file.flush()


def serve(port):
    """Answer everything on UDP and TCP with the address that it came from."""
    sockets = {}
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_INET6, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sockets[sock] = kind
    print("ready", flush=True)
    while True:
        for sock in select.select(list(sockets), [], [])[0]:
            if sockets[sock] == socket.SOCK_DGRAM:
                _, sender = sock.recvfrom(200)
                sock.sendto(sender[0].removeprefix("::ffff:").encode(), sender)
            else:
                client, sender = sock.accept()
                with client:
                    client.settimeout(LIMIT)
                    client.send(sender[0].removeprefix("::ffff:").encode())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    if sys.argv[1] == "record":
        record(*sys.argv[2:])
    if sys.argv[1] == "ask":
        ask()
