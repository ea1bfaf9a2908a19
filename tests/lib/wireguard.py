# SPDX-License-Identifier: GPL-2.0-or-later
"""A real WireGuard in user space: its server in the vpn namespace, its client on the host."""

import os
import signal

from . import proc
from .internet import PUBLIC_SERVER, VPN_SERVER
from .meter import TUNNEL, TUNNEL_KINDS, Meter

MARK = 0xCA6C
PORT = 51820
SERVER_PORT = 51821
SERVER_LINK = "wgs"
ENVIRONMENT = {"PATH": os.environ["PATH"], "WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}
CLIENT = {4: "10.8.0.2", 6: "fd08::2"}
SERVER = {4: "10.8.0.1", 6: "fd08::1"}


def generate_key():
    private = proc.run("wg", "genkey").strip()
    return private, proc.run("wg", "pubkey", text=private).strip()


def launch(space, link):
    socket = f"/run/wireguard/{link}.sock"
    if os.path.exists(socket):
        os.unlink(socket)
    process = space.spawn(f"wireguard-{link}", ["wireguard-go", "-f", link], env=ENVIRONMENT)
    proc.until(lambda: os.path.exists(socket) or not process.running(), f"wireguard-go to make {link}")
    if not process.running():
        raise proc.CommandFailed(f"wireguard-go {link} ended\n{process.log()}")
    return process


class WireGuard:
    """The client's link stands on the host with its addresses; main's default route stays where it is."""
    port, server_port, server_link = PORT, SERVER_PORT, SERVER_LINK
    client, at = CLIENT, VPN_SERVER

    def __init__(self, internet, link="wg0", mark=MARK, endpoint=4):
        self.internet = internet
        self.link = link
        self.mark = mark
        self.endpoint = f"[{self.at[6]}]" if endpoint == 6 else self.at[4]
        self.private, self.public = generate_key()
        self.process = None
        self._server()

    def _far(self):
        """Where the server is."""
        return self.internet.vpn

    def _server(self):
        space = self._far()
        link, last = self.server_link, {family: address[:-1] + "1" for family, address in self.client.items()}
        private, self.server_public = generate_key()
        os.makedirs("/run/wireguard", exist_ok=True)
        self.server = launch(space, link)
        self._set(space, link, private, "listen-port", str(self.server_port), "peer", self.public,
                  "allowed-ips", "0.0.0.0/0,::/0")
        space.ips(f"""
            address add {last[4]}/24 dev {link}
            address add {last[6]}/64 dev {link} nodad
            link set {link} up""")
        self._meter()

    def _meter(self):
        self.at_server = Meter(self._far(), self.server_link, TUNNEL, TUNNEL_KINDS)

    @staticmethod
    def _set(space, link, private, *settings):
        space.run("wg", "set", link, "private-key", "/dev/stdin", *settings, text=private)

    def create(self):
        """The link with its keys, but down and without an address."""
        self.process = launch(self.internet.host, self.link)
        mark = ["fwmark", hex(self.mark)] if self.mark else []
        self._set(self.internet.host, self.link, self.private, "listen-port", str(self.port), *mark,
                  "peer", self.server_public, "endpoint", f"{self.endpoint}:{self.server_port}",
                  "allowed-ips", "0.0.0.0/0,::/0", "persistent-keepalive", "1")

    def raise_link(self):
        self.internet.host.ips(f"""
            address replace {self.client[4]}/24 dev {self.link}
            address replace {self.client[6]}/64 dev {self.link} nodad
            link set {self.link} up""")

    def up(self):
        """The tunnel stands when this returns."""
        self.create()
        self.raise_link()
        self.wait()

    def shaken(self):
        """The time of the latest handshake, 0 before the first."""
        told = self.internet.host.run("wg", "show", self.link, "latest-handshakes").split()
        return int(told[1]) if len(told) > 1 else 0

    def wait(self):
        proc.until(self.shaken, "the WireGuard handshake")

    def link_down(self):
        """The link stays, but down: the kernel takes its routes along."""
        self.internet.host.ip("link", "set", self.link, "down")

    def link_up(self):
        """After link_down: the IPv6 addresses had gone with the link."""
        self.raise_link()

    def delete(self):
        """Somebody deletes the link; wireguard-go ends by itself."""
        self.internet.host.ip("link", "delete", self.link)
        self.process.wait()

    def kill(self):
        """kill -9: the link goes with the process."""
        self.process.end(signal.SIGKILL)
        proc.until(lambda: self.internet.host.ifindex(self.link) is None, f"{self.link} to vanish")

    def stop(self):
        if self.process and self.process.running():
            self.process.kill()
        self.server.kill()


class Second(WireGuard):
    """Another one beside it, with the same machine as its server."""
    port, server_port, server_link = 51822, 51823, "wgs1"
    client = {4: "10.9.0.2", 6: "fd09::2"}

    def __init__(self, internet, link="wg1", mark=MARK + 1, endpoint=4):
        super().__init__(internet, link, mark, endpoint)

    def _server(self):
        self.internet.router.ips(f"""
            route add 10.9.0.0/24 via {VPN_SERVER[4]}
            route add fd09::/64 via {VPN_SERVER[6]}""")
        super()._server()

    def _meter(self):
        """The first one's counts are enough."""


class Inner(Second):
    """One whose server is the public one, to be reached through another VPN. It sets no mark."""
    port, server_port, server_link = 51824, 51825, "wgs2"
    client, at = {4: "10.10.0.2", 6: "fd10::2"}, PUBLIC_SERVER

    def __init__(self, internet, link="wg2", mark=0, endpoint=4):
        super().__init__(internet, link, mark, endpoint)

    def _far(self):
        return self.internet.public

    def _server(self):
        WireGuard._server(self)
