# SPDX-License-Identifier: GPL-2.0-or-later
"""One real VPN program's way through everything that happens to it, by packets on the far side of the uplink."""

import contextlib
import os

from . import proc
from .internet import HOST, PUBLIC_SERVER, UPLINK
from .senders import Flood
from .ways import INSISTENT, PLAIN, assert_direct, assert_inside

LIMIT = 60


class Vpn:
    """A server in the vpn namespace and a client on the host. The public server sees `address` of it;
    `transport` says in nft's words what its own packets look like on the uplink."""

    address = {4: "10.8.0.2", 6: "fd08::2"}
    transport = ()

    def __init__(self, ground):
        self.ground = ground
        self.host, self.far = ground.internet.host, ground.internet.vpn
        self.server = self.client = None

    def serve(self):
        """Starts the server."""
        raise NotImplementedError

    def start(self):
        """Starts the client as the recipe says, and doesn't wait."""
        raise NotImplementedError

    def stop(self):
        """Ends the client as its user would."""
        self.client.end()

    def lose(self):
        """The server goes away without a word."""
        self.server.kill()

    def connections(self):
        """How often the client has connected."""
        raise NotImplementedError

    def noticed(self):
        """True once the client has noticed that its server is gone; its log tells."""
        raise NotImplementedError

    def close(self):
        for process in (self.client, self.server):
            if process and process.running():
                process.kill()


def count_transport(uplink, *matches):
    """Counts what looks so as transport, ahead of everything else. Each begins with its family: ip or ip6."""
    for match in matches:
        kind = "transport6" if match.startswith("ip6 ") else "transport4"
        uplink.namespace.nft(f"insert rule netdev tally in {match} counter name n_{kind} accept")


@contextlib.contextmanager
def account(user):
    """A system user that a VPN's program runs as, who may open /dev/net/tun, as udev lets everybody."""
    device = f"{proc.LAB}/tun-{user}"
    proc.run("useradd", "--system", user)
    os.mknod(device, 0o020666, os.makedev(10, 200))
    os.chmod(device, 0o666)
    proc.run("mount", "--bind", device, "/dev/net/tun")
    try:
        yield
    finally:
        proc.run("umount", "/dev/net/tun")


class Journey:
    """Engage with nothing there, connect, lose the server, get it back, stop, release."""

    def __init__(self, ground, root, vpn, families=(4, 6)):
        self.ground, self.root, self.vpn, self.families = ground, root, vpn, families
        self.before = None
        count_transport(ground.uplink, *vpn.transport)

    def transported(self):
        counted = self.ground.uplink.since(self.before)
        return counted["transport4"] + counted["transport6"]

    def leaks(self):
        leaks = self.ground.uplink.leaks(self.before)
        return leaks and (leaks, self.ground.uplink.caught())

    def carried(self):
        """What programs send arrives as the VPN, and by its transport alone; all of it in one go, once it is through."""
        transport, arrived = self.transported(), self.ground.internet.at_public.read()
        proc.until(lambda: self._answers() == self._wanted(), f"traffic through {self.vpn.address}", LIMIT)
        came = self.ground.internet.at_public.since(arrived)
        for family in self.families:
            assert came[f"vpn{family}"] >= len(PLAIN), came
        assert came["direct4"] == came["direct6"] == 0, came
        assert self.transported() >= transport + len(PLAIN)
        assert self.leaks() == {}

    def _answers(self):
        probes = [{"to": PUBLIC_SERVER[family], **way, "wait": 4} for family in self.families for way in PLAIN]
        return [result["reply"] for result in self.ground.probe(*probes)]

    def _wanted(self):
        return [PUBLIC_SERVER[family] if way["kind"] == "icmp" else self.vpn.address[family]
                for family in self.families for way in PLAIN]

    def engage(self, device=""):
        """With programs that send without a pause, plainly and by the uplink: all arrive, and then none does."""
        flood = Flood(self.ground.host, (PUBLIC_SERVER[4], device), (PUBLIC_SERVER[6], UPLINK))
        before = self.ground.uplink.snapshot()
        flood.pass_round()
        left = self.ground.uplink.leaks(before)
        assert left["other4"] > 0 and left["other6"] > 0, left
        self.root.call("Engage")
        self.before = self.ground.uplink.snapshot()
        return flood

    def lose_server(self):
        """It goes, and comes back; the client is left alone."""
        self.vpn.lose()
        proc.until(self.vpn.noticed, "the client to notice that its server is gone", LIMIT)
        assert self.leaks() == {}
        self.vpn.serve()
        self.root.wait_state("protecting", LIMIT)
        self.carried()

    def walk(self, loses_server=True):
        flood = self.engage()
        assert self.root.state()[0] == "blocking"
        self.vpn.serve()
        self.vpn.start()
        self.root.wait_state("protecting", LIMIT)
        self.carried()
        if loses_server:
            self.lose_server()
        flood.stop()
        assert_inside(self.ground, INSISTENT[:4])
        self.vpn.stop()
        self.root.wait_state("blocking", LIMIT)
        assert_inside(self.ground, PLAIN[:2], INSISTENT[:2])
        assert self.leaks() == {}
        assert self.root.state()[1]["Degraded"] == []
        self.root.call("Release")
        assert_direct(self.ground, PLAIN[:2], INSISTENT[:2])


def over_a_running_one(journey):
    """Engaged while the VPN's tunnel stands: it goes on, without connecting again."""
    vpn, root = journey.vpn, journey.root
    vpn.serve()
    vpn.start()
    proc.until(vpn.connections, "the client to connect", LIMIT)
    since = vpn.connections()
    # Plainly they may be in the tunnel already.
    journey.engage(UPLINK).stop()
    assert root.state()[0] == "protecting"
    journey.carried()
    assert vpn.connections() == since
    root.call("Release")
    assert HOST[4] == journey.ground.seen_as(device=UPLINK)
