# SPDX-License-Identifier: GPL-2.0-or-later
"""WireGuard in user space as people start it: by wg-quick, and by hand."""

import os
import shlex

from . import proc, recipes
from .internet import VPN_SERVER
from .journey import Vpn
from .wireguard import SERVER_PORT, generate_key, launch

CHAPTER = "WireGuard in user space"
CONF = "/etc/wireguard/home.conf"
SERVER_LINK = "wgs"


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)


class WireGuardVpn(Vpn):
    """The server, and the keys of both."""

    link = "home"

    def __init__(self, ground, family=4):
        super().__init__(ground)
        self.private, self.public = generate_key()
        self.server_private, self.server_public = generate_key()
        self.remote = f"[{VPN_SERVER[6]}]" if family == 6 else VPN_SERVER[4]
        match = "ip6 daddr" if family == 6 else "ip daddr"
        self.transport = (f"{match} {VPN_SERVER[family]} udp dport {SERVER_PORT}",)
        os.makedirs("/run/wireguard", exist_ok=True)

    def peer(self):
        return (f"[Peer]\nPublicKey = {self.server_public}\nEndpoint = {self.remote}:{SERVER_PORT}\n"
                "AllowedIPs = 0.0.0.0/0, ::/0\nPersistentKeepalive = 1\n")

    def serve(self):
        self.server = launch(self.far, SERVER_LINK)
        self.far.run("wg", "set", SERVER_LINK, "private-key", "/dev/stdin", "listen-port", str(SERVER_PORT), "peer",
                     self.public, "allowed-ips", f"{self.address[4]}/32,{self.address[6]}/128", text=self.server_private)
        self.far.ips(f"""
            address add 10.8.0.1/24 dev {SERVER_LINK}
            address add fd08::1/64 dev {SERVER_LINK} nodad
            link set {SERVER_LINK} up""")

    def connections(self):
        """Whether it has at all: WireGuard shakes hands whenever it likes, and nothing is lost by that."""
        told = self.host.run("wg", "show", self.link, "latest-handshakes").split()
        return int(len(told) > 1 and told[1] != "0")

    def close(self):
        if self.host.ifindex(self.link):
            self.stop()
        super().close()

    def noticed(self):
        """It has no word for that; it goes on sending."""
        return not self.server.running()


class WgQuick(WireGuardVpn):
    """wg-quick with wireguard-go, which it takes where the kernel has no WireGuard."""

    def __init__(self, ground, family=4):
        super().__init__(ground, family)
        write(CONF, f"[Interface]\nPrivateKey = {self.private}\nAddress = {self.address[4]}/24, {self.address[6]}/64\n"
                    f"{recipes.file(CHAPTER, CONF)}{self.peer()}")

    def start(self):
        self.host.run("wg-quick", "up", self.link)

    def stop(self):
        self.host.run("wg-quick", "down", self.link)


class WireGuardGo(WireGuardVpn):
    """wireguard-go alone, by the commands of the recipe."""

    link = "wg0"

    def __init__(self, ground, family=4):
        super().__init__(ground, family)
        write("/etc/wireguard/wg0.conf", f"[Interface]\nPrivateKey = {self.private}\n{self.peer()}")

    def start(self):
        for command in recipes.commands(CHAPTER, "sudo wireguard-go wg0\n"):
            self.host.run(*shlex.split(command))

    def stop(self):
        self.host.ip("link", "delete", self.link)
