# SPDX-License-Identifier: GPL-2.0-or-later
"""A real WireGuard in user space: its server in the vpn namespace, its client on the host."""

import os
import signal

from . import proc
from .internet import VPN_SERVER
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

    def __init__(self, internet, link="wg0", mark=MARK, endpoint=4):
        self.internet = internet
        self.link = link
        self.mark = mark
        self.endpoint = f"[{VPN_SERVER[6]}]" if endpoint == 6 else VPN_SERVER[4]
        self.private, self.public = generate_key()
        self.process = None
        self._server()

    def _server(self):
        space = self.internet.vpn
        private, self.server_public = generate_key()
        os.makedirs("/run/wireguard", exist_ok=True)
        self.server = launch(space, SERVER_LINK)
        self._set(space, SERVER_LINK, private, "listen-port", str(SERVER_PORT), "peer", self.public,
                  "allowed-ips", "0.0.0.0/0,::/0")
        space.ips(f"""
            address add {SERVER[4]}/24 dev {SERVER_LINK}
            address add {SERVER[6]}/64 dev {SERVER_LINK} nodad
            link set {SERVER_LINK} up""")
        self.at_server = Meter(space, SERVER_LINK, TUNNEL, TUNNEL_KINDS)

    @staticmethod
    def _set(space, link, private, *settings):
        space.run("wg", "set", link, "private-key", "/dev/stdin", *settings, text=private)

    def create(self):
        """The link with its keys, but down and without an address."""
        self.process = launch(self.internet.host, self.link)
        mark = ["fwmark", hex(self.mark)] if self.mark else []
        self._set(self.internet.host, self.link, self.private, "listen-port", str(PORT), *mark,
                  "peer", self.server_public, "endpoint", f"{self.endpoint}:{SERVER_PORT}",
                  "allowed-ips", "0.0.0.0/0,::/0", "persistent-keepalive", "1")

    def raise_link(self):
        self.internet.host.ips(f"""
            address replace {CLIENT[4]}/24 dev {self.link}
            address replace {CLIENT[6]}/64 dev {self.link} nodad
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
