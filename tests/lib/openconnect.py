# SPDX-License-Identifier: GPL-2.0-or-later
"""A real OpenConnect as a service of its own user, and ocserv at the other end."""

import os
import re
import shlex

from . import proc, recipes
from .internet import VPN_SERVER
from .journey import Vpn
from .openvpn import certificate

CHAPTER = "OpenConnect"
UNIT = "/etc/systemd/system/work.service"
SERVER_CONF = """
auth = "plain[passwd={base}.passwd]"
tcp-port = 443
udp-port = 443
run-as-user = nobody
run-as-group = nogroup
socket-file = {base}.socket
isolate-workers = false
server-cert = {crt}
server-key = {key}
max-clients = 4
max-same-clients = 4
dpd = 3
keepalive = 60
cookie-timeout = 300
device = vpns
ipv4-network = 10.8.0.0/24
ipv6-network = fd08::/64
config-per-user = {base}-users
use-occtl = false
pid-file = {base}.pid
max-ban-score = 0
"""
USER = "explicit-ipv4 = 10.8.0.2\nexplicit-ipv6 = fd08::2\n"


def pin(path):
    """The hash that the client knows the server's key by."""
    return "pin-sha256:" + proc.run("sh", "-c", f"openssl x509 -in {path} -noout -pubkey | openssl pkey -pubin -outform der | "
                                                "openssl dgst -sha256 -binary | openssl base64").strip()


class OpenConnect(Vpn):
    """The user and the command line are the unit's of the recipe."""

    def __init__(self, ground):
        super().__init__(ground)
        base = f"{proc.LAB}/ocserv"
        self.crt, key, _ = certificate("ocserv")
        self.transport = tuple(f"ip daddr {VPN_SERVER[4]} {protocol} dport 443" for protocol in ("tcp", "udp"))
        self.unit = recipes.file(CHAPTER, UNIT)
        os.makedirs(f"{base}-users", exist_ok=True)
        for path, text in ((f"{base}.conf", SERVER_CONF.format(base=base, crt=self.crt, key=key)),
                           (f"{base}-users/alice", USER)):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        proc.run("ocpasswd", "-c", f"{base}.passwd", "alice", text="secret\nsecret\n")

    def unit_value(self, key):
        return re.search(rf"^{key}=(.*)$", self.unit, re.M)[1]

    def serve(self):
        """Once it runs it stays: its host is cut off from the network instead, so that it remembers its clients."""
        if self.server:
            self.far.run("nft", "delete", "table", "inet", "cut")
            return
        self.server = self.far.spawn("ocserv", ["ocserv", "--foreground", "--debug", "2", "--config", f"{proc.LAB}/ocserv.conf"])
        proc.until(lambda: "listening" in self.server.log() or not self.server.running(), "ocserv to listen")

    def lose(self):
        self.far.nft("table inet cut { chain in { type filter hook input priority 0; iif eth0 drop; }; }")

    def start(self):
        user, capability = self.unit_value("User"), self.unit_value("AmbientCapabilities").removeprefix("CAP_").lower()
        os.makedirs(f"/run/{self.unit_value('RuntimeDirectory')}", exist_ok=True)
        proc.run("chown", user, f"/run/{self.unit_value('RuntimeDirectory')}")
        argv = [*shlex.split(self.unit_value("ExecStart")), "--servercert", pin(self.crt)]
        password = self.unit_value("StandardInput").removeprefix("file:")
        os.makedirs(os.path.dirname(password), exist_ok=True)
        with open(password, "w", encoding="ascii") as file:
            file.write("secret\n")
        self.client = self.host.spawn("openconnect", [
            "sh", "-c", f'exec "$@" <{password}', "sh", "setpriv", "--reuid", user, "--regid", user, "--clear-groups",
            f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}", "--", *argv])

    def connections(self):
        return self.client.log().count("CSTP connected.")

    def noticed(self):
        return "CSTP Dead Peer Detection detected dead peer" in self.client.log()
