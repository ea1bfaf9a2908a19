# SPDX-License-Identifier: GPL-2.0-or-later
"""Times what a program notices when the first of two WireGuards is deleted under it: from the request to delete the
link until the first packet arrives at the other end of the second one, with what leaked meanwhile, which is nothing."""

import os
import socket
import struct
import sys
import threading
import time

from measure import Broken, Series, ground, head, row, run
from lib import proc
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER
from lib.wireguard import Second

ROUNDS = 15
SECOND = f"\n[VPN second]\nInterface=wg1\nMark={0xCA6D:#x}\n"
ETH_P_IP, RTM_DELLINK, REQUEST_ACK = 0x0800, 17, 5
NSEC_PER_MSEC = 1e6


class Sender(threading.Thread):
    """A program that sends its time to the public server, without a rest, until it is stopped."""

    def __init__(self, space):
        super().__init__(daemon=True)
        with space.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.failed, self.stopped = 0, False

    def run(self):
        pause = threading.Event()
        while not self.stopped:
            try:
                self.socket.sendto(struct.pack("!Q", time.monotonic_ns()), (PUBLIC_SERVER[4], 9))
            except OSError:
                self.failed += 1
            pause.wait(0.0002)
        self.socket.close()


def delete(space, link):
    """Asks the kernel to delete a link. Returns the times of the request and of its end."""
    with space.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        index = socket.if_nametoindex(link)
        begun = time.monotonic_ns()
        netlink.send(struct.pack("=IHHII BxHiII", 32, RTM_DELLINK, REQUEST_ACK, 1, 0, 0, 0, index, 0, 0))
        answer = netlink.recv(4096)
    if struct.unpack_from("=i", answer, 16)[0] != 0:
        raise Broken(f"the link can't be deleted: {answer}")
    return begun, time.monotonic_ns()


def listen(space, link):
    """A socket that hears what comes out of the tunnel at its far end."""
    with space.entered():
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        heard.bind((link, ETH_P_IP))
    heard.settimeout(proc.LIMIT)
    return heard


def first_through(heard, public):
    """When the first of the sender's packets came, and when it had been sent."""
    while True:
        packet = heard.recv(256)
        if packet[16:20] == public and packet[9] == socket.IPPROTO_UDP and len(packet) == 36:
            return time.monotonic_ns(), struct.unpack_from("!Q", packet, 28)[0]


def one_round(place, root, times):
    heard = listen(place.internet.vpn, Second.server_link)
    sender = Sender(place.host)
    sender.start()
    try:
        begun, ended = delete(place.host, place.vpn.link)
        arrived, sent = first_through(heard, socket.inet_aton(PUBLIC_SERVER[4]))
    finally:
        sender.stopped = True
        sender.join()
        heard.close()
    if root.state()[0] != "protecting":
        raise Broken(f"it is {root.state()}")
    for name, since in (("deleted", ended), ("sent", sent), ("arrived", arrived)):
        times.add(name, (since - begun) / NSEC_PER_MSEC)
    times.add("failed", sender.failed)
    place.vpn.process.wait()
    proc.until(lambda: not both_up(root), "the service to notice")
    place.vpn.up()


def both_up(root):
    return all(vpn["Up"] for vpn in root.state()[1]["Vpns"])


def main():
    times = Series()
    with ground() as place:
        second = Second(place.internet)
        second.up()
        root = place.serve(BY_MARK + SECOND)
        root.call("Engage")
        before = place.uplink.snapshot()
        for _ in range(ROUNDS):
            proc.until(lambda: both_up(root), "both to be up")
            one_round(place, root, times)
        leaks = place.uplink.leaks(before)
        root.call("Release")
        second.stop()
    print(f"\n{ROUNDS} rounds, in ms from the request to delete the first link; load average {os.getloadavg()[0]:.1f}.")
    head("", "least", "median", "most")
    row("the kernel has deleted the link", *times.spread("deleted"))
    row("the first packet that takes the second was sent", *times.spread("sent"))
    row("and is out of the tunnel at its far end", *times.spread("arrived"))
    row("sends that failed meanwhile (number)", *times.spread("failed"))
    print(f"\n  Packets on the uplink besides the VPNs' own: {sum(leaks.values())}.\n")
    if leaks:
        raise Broken(f"leaked: {leaks}")


if __name__ == "__main__":
    sys.exit(run(main))
