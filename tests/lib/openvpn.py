# SPDX-License-Identifier: GPL-2.0-or-later
"""A real OpenVPN: its server in the vpn namespace, its client on the host as Debian's unit starts it."""

import os
import re
import shlex

from . import proc, recipes
from .internet import VPN_SERVER
from .journey import Vpn

PORT = 1194
CLIENT_CONF = "/etc/openvpn/client/office.conf"
UNIT = "/usr/lib/systemd/system/openvpn-client@.service"
READY = "Initialization Sequence Completed"


def certificate(name):
    """A self-signed certificate and its key, and the fingerprint that the other side knows it by."""
    base = f"{proc.LAB}/openvpn-{name}"
    if not os.path.exists(f"{base}.crt"):
        proc.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-days", "30", "-subj", f"/CN={name}", "-keyout", f"{base}.key", "-out", f"{base}.crt")
    told = proc.run("openssl", "x509", "-in", f"{base}.crt", "-noout", "-fingerprint", "-sha256")
    return f"{base}.crt", f"{base}.key", told.strip().split("=")[1]


def inline(tag, path):
    with open(path, encoding="ascii") as file:
        return f"<{tag}>\n{file.read()}</{tag}>\n"


def unit_command(instance):
    """ExecStart= of the distribution's unit, as systemd runs it."""
    with open(UNIT, encoding="utf-8") as file:
        line = re.search(r"^ExecStart=(.*)$", file.read(), re.M)[1]
    return shlex.split(line.replace("%t", "/run").replace("%i", instance))


class OpenVpn(Vpn):
    """proto and family of the transport; lines are what the recipe adds to the provider's file, drop_in what
    it adds to the unit; pushed are the server's options."""

    def __init__(self, ground, proto="udp", family=4, lines="", drop_in="", pushed=()):
        super().__init__(ground)
        self.proto = proto
        self.pushed = pushed
        self.drop_in = dict(re.findall(r"^(\w+)=(.+)$", drop_in, re.M))
        match = "ip6 daddr" if family == 6 else "ip daddr"
        self.transport = (f"{match} {VPN_SERVER[family]} {proto} dport {PORT}",)
        self._client_files(family, lines)

    def _client_files(self, family, lines):
        """What a provider hands out, and behind it what the recipe wants."""
        crt, key, _ = certificate("client")
        os.makedirs(os.path.dirname(CLIENT_CONF), exist_ok=True)
        with open(CLIENT_CONF, "w", encoding="ascii") as file:
            file.write(f"client\nproto {self.proto}{family if family == 6 else ''}\nremote {VPN_SERVER[family]} {PORT}\n"
                       f"peer-fingerprint {certificate('server')[2]}\ndisable-dco\nverb 3\n"
                       "connect-retry 1 1\nconnect-timeout 3\n"
                       f"{inline('cert', crt)}{inline('key', key)}{lines}")
        directory = f"{proc.LAB}/openvpn-ccd"
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/client", "w", encoding="ascii") as file:
            file.write(f"ifconfig-push {self.address[4]} 255.255.255.0\nifconfig-ipv6-push {self.address[6]}/64 fd08::1\n")

    def serve(self):
        crt, key, _ = certificate("server")
        argv = ["openvpn", "--dev", "ovs", "--dev-type", "tun", "--server", "10.8.0.0", "255.255.255.0",
                "--server-ipv6", "fd08::/64", "--topology", "subnet", "--dh", "none", "--cert", crt, "--key", key,
                "--peer-fingerprint", certificate("client")[2], "--proto", f"{self.proto}6", "--port", str(PORT),
                "--client-config-dir", f"{proc.LAB}/openvpn-ccd", "--keepalive", "1", "6", "--disable-dco", "--verb", "3"]
        for option in self.pushed:
            argv += ["--push", option]
        self.server = self.far.spawn("openvpn-server", argv)
        proc.until(lambda: READY in self.server.log() or not self.server.running(), "the OpenVPN server")
        assert self.server.running(), self.server.log()

    def start(self):
        argv = unit_command("office")
        if "User" in self.drop_in:
            capability = self.drop_in["AmbientCapabilities"].removeprefix("CAP_").lower()
            argv = ["setpriv", "--reuid", self.drop_in["User"], "--regid", self.drop_in["User"], "--clear-groups",
                    f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}",
                    f"--bounding-set=-all,+{capability}", "--", *argv]
        self.client = self.host.spawn("openvpn", ["env", "--chdir", os.path.dirname(CLIENT_CONF), *argv])

    def connections(self):
        return self.client.log().count(READY)

    def noticed(self):
        return "process restarting" in self.client.log()
