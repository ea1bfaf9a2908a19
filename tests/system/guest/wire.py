#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire out of the booted system, whose far end counts what arrives, and senders that never tire.

This system's end is uplink0, 192.168.7.2 and 2001:db8:7::2; the far end is a network namespace that
has a public server's and a VPN server's address. What is counted outlives this system: it is in files.

wire.py up COUNTS         make it, and count until the end
wire.py send COUNTS       send as a program does: plain and bound to the link, in both families;
                          root also sends the VPN's own packets
"""
import mmap
import os
import socket
import struct
import subprocess
import sys
import time

import guest
from guest import out

LINK = "uplink0"
PUBLIC = {socket.AF_INET: "203.0.113.9", socket.AF_INET6: "2001:db8:cb::9"}
SERVER, SERVER6, SERVER_PORT, MARK = "198.51.100.10", "2001:db8:51::10", 1194, 0x10
SETTINGS = f"""[VPN office]
Interface=tun7
Mark={MARK:#x}
Protocol=udp
Endpoint={SERVER}:{SERVER_PORT}
"""
# As early as a unit may bring an interface up that leaves time for firewalls.
WIRE = """[Unit]
DefaultDependencies=no
After=network-pre.target
Wants=network-pre.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 /share/wire.py up /share/counts-%b
[Install]
WantedBy=sysinit.target
"""
# There before everything; nothing stops it at shutdown, nor kills it for its name.
SEND = """[Unit]
DefaultDependencies=no
[Service]
Type=exec
Nice=10
ExecStart=@/usr/bin/python3 @send /share/wire.py send /share/counts-%b
[Install]
WantedBy=sysinit.target
"""
UNITS = {"wire": WIRE, "send": SEND}
MARKER = 0x888E                 # IEEE 802.1X, which this system may always send, and here does not
UPKEEP = (133, 135, 136, 143)   # kinds of ICMPv6 that keep a link going
KINDS = ("leaked", "transport", "marker", "upkeep", "attempts", "first_leak", "last_leak", "last_transport", "insisted")
PLAIN_PORT, BOUND_PORT = 9, 10


FRAMES, FRAME = 16, 128          # how many of those that leaked are kept, and how much of each


class Counts:
    """Numbers in a file that processes, and boots, share."""

    def __init__(self, path):
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(bytes(8 * len(KINDS)))
            os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 8 * len(KINDS))).cast("Q")

    def __getitem__(self, kind):
        return self._numbers[KINDS.index(kind)]

    def __setitem__(self, kind, number):
        self._numbers[KINDS.index(kind)] = number

    def read(self):
        """All of them, as a dictionary."""
        return dict(zip(KINDS, self._numbers))


def frames(path):
    """The latest frames that leaked, in no order, to be shown."""
    with open(path + "-frames", "rb") as file:
        return [frame.rstrip(b"\0").hex() for frame in iter(lambda: file.read(FRAME), b"")]


def kind_of(frame):
    """What a frame is, as the far end sees it."""
    protocol, = struct.unpack_from("!H", frame, 12)
    if protocol == MARKER:
        return "marker"
    if protocol == 0x0806 and frame[38:42] in map(socket.inet_aton, ("192.168.7.1", "192.168.7.2", SERVER)):
        return "upkeep"
    if protocol == 0x86DD and (frame[20] == 58 and frame[54] in UPKEEP or frame[20] == 0 and frame[62] in UPKEEP):
        return "upkeep"
    if protocol == 0x0800 and frame[23] == 17 and frame[30:34] == socket.inet_aton(SERVER) \
            and frame[36:38] == struct.pack("!H", SERVER_PORT):
        return "transport"
    if protocol == 0x86DD and frame[20] == 17 and frame[38:54] == socket.inet_pton(socket.AF_INET6, SERVER6) \
            and frame[56:58] == struct.pack("!H", SERVER_PORT):
        return "transport"
    return "leaked"


def insisted(frame):
    """Whether it is of an IPv4 socket bound to the link, which the routing alone can't stop: the kernel takes
    every address to be on the link then, and asks there for it."""
    if frame[12:14] == b"\x08\x06":
        return frame[38:42] == socket.inet_aton(PUBLIC[socket.AF_INET])
    return frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == struct.pack("!H", BOUND_PORT)


def receive(sock, counts, kept):
    """Count what arrives, for ever, and keep the latest that leaked in a file."""
    while True:
        frame, address = sock.recvfrom(256)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        kind, now = kind_of(frame), time.monotonic_ns() // 1000
        if kind == "leaked":
            counts["first_leak"] = counts["first_leak"] or now
            counts["last_leak"] = now
            counts["insisted"] += insisted(frame)
            os.pwrite(kept.fileno(), frame[:FRAME].ljust(FRAME, b"\0"), counts["leaked"] % FRAMES * FRAME)
        elif kind == "transport":
            counts["last_transport"] = now
        counts[kind] += 1


def up(path):
    """Make the wire. Its far end is ready and counts before this end is up."""
    out(f"""ip netns add far; ip -n far link set lo up
        ip -n far addr add {PUBLIC[socket.AF_INET]}/32 dev lo; ip -n far addr add {SERVER}/32 dev lo
        ip -n far addr add {PUBLIC[socket.AF_INET6]}/128 dev lo nodad; ip -n far addr add {SERVER6}/128 dev lo nodad
        sysctl -qw net.ipv6.conf.default.accept_dad=0
        ip link add {LINK} type veth peer name far0 netns far
        ip -n far addr add 192.168.7.1/24 dev far0; ip -n far addr add 2001:db8:7::1/64 dev far0 nodad
        ip -n far link set far0 up""")
    # With a name like this it is spared when systemd kills what is left at the end.
    receiver = subprocess.Popen(["ip", "netns", "exec", "far", "bash", "-c", 'exec -a @receive "$@"', "-",
                                 "/usr/bin/python3", __file__, "receive", path], stdout=subprocess.PIPE)
    assert receiver.stdout.readline() == b"ready\n"
    out(f"""ip addr add 192.168.7.2/24 dev {LINK}; ip addr add 2001:db8:7::2/64 dev {LINK} nodad
        ip link set {LINK} up
        ip route add default via 192.168.7.1; ip -6 route add default via 2001:db8:7::1""")


def sender(family, bound=False, server=False):
    """A connected socket of one of the ways, or None where that is refused."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if bound:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, LINK.encode())
        if server:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        sock.connect((SERVER, SERVER_PORT) if server else (PUBLIC[family], BOUND_PORT if bound else PLAIN_PORT))
        return sock
    except OSError:
        sock.close()
        return None


def send(counts):
    """Send by every way, by new sockets and by those that could once be connected, for ever."""
    ways = [(family, bound, False) for family in PUBLIC for bound in (False, True)]
    if os.getuid() == 0:
        ways.append((socket.AF_INET, False, True))
    kept = [None] * len(ways)
    while True:
        for number, way in enumerate(ways):
            kept[number] = kept[number] or sender(*way)
            fresh = sender(*way)
            for sock in filter(None, (kept[number], fresh)):
                try:
                    sock.send(b"hello")
                except OSError:
                    pass
            if fresh:
                fresh.close()
        counts["attempts"] += 1
        time.sleep(0.0005)


def settle(counts):
    """Return when all that was sent before has been counted: a frame from each processor goes behind it."""
    allowed = os.sched_getaffinity(0)
    before = counts["marker"]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((LINK, MARKER))
        for processor in allowed:
            os.sched_setaffinity(0, {processor})
            sock.send(bytes(12) + struct.pack("!H", MARKER) + bytes(46))
    os.sched_setaffinity(0, allowed)
    guest.eventually(lambda: counts["marker"] >= before + len(allowed), "the far end counts")


def main():
    mode, path = sys.argv[1:]
    if mode == "up":
        up(path)
    elif mode == "send":
        send(Counts(path))
    elif mode == "receive":
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
            sock.bind(("far0", 3))
            counts = Counts(path)
            with open(path + "-frames", "wb") as kept:
                print("ready", flush=True)
                receive(sock, counts, kept)


if __name__ == "__main__":
    main()
