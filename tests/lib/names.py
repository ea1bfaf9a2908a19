# SPDX-License-Identifier: GPL-2.0-or-later
"""Names on the ground: the internet's DNS, the machine's resolver, and killswitch-resolve as the bus starts it."""

import json
import os
import subprocess

from . import proc
from .bus import NAME
from .machine import DAEMON_USER, environment
from .wireguard import PORT, SERVER_PORT, WireGuard, launch

HERE = os.path.dirname(os.path.abspath(__file__))
DNS = "203.0.113.53"
ZONE = f"{proc.LAB}/zone"
VPN = "vpn.example.org"
HOSTS = "/run/killswitch/names/hosts"
RESOLVER = f"{NAME}.Resolver"
ACTIVATION = f"/usr/share/dbus-1/system-services/{RESOLVER}.service"
PROGRAM = "/usr/libexec/killswitch-resolve"


def bus_call(*arguments, user=None):
    """busctl to the bus itself or to a service that it may start; the finished process."""
    return proc.run("busctl", "call", *arguments, user=user, env=environment(), check=False)


class Names:
    def __init__(self, ground):
        self.ground = ground
        public, router = ground.internet.public, ground.internet.router
        public.ip("address", "add", f"{DNS}/24", "dev", "eth0")
        router.ips(f"neighbour replace {DNS} lladdr 02:00:00:01:13:09 dev p0 nud permanent")
        self.zone({})
        with open("/etc/resolv.conf.new", "w", encoding="ascii") as file:
            file.write(f"nameserver {DNS}\n")
        os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")
        self._activation()
        self.server = public.spawn("dns", [proc.PYTHON, "-u", f"{HERE}/dns.py", DNS, ZONE])
        proc.until(lambda: "ready" in self.server.log(), "the DNS server to listen")

    def _activation(self):
        """The bus isn't in the host's network; what it starts has to be. As its own user, as installed."""
        with open(ACTIVATION, encoding="ascii") as file:
            text = file.read()
        assert f"Exec={PROGRAM}\nUser={DAEMON_USER}-resolve\n" in text or "nsenter" in text
        user = f"{DAEMON_USER}-resolve"
        command = (f"/usr/bin/nsenter --net=/run/netns/{self.ground.host.name} -- /usr/bin/setpriv --reuid {user} "
                   f"--regid {user} --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- {PROGRAM}")
        with open(f"{ACTIVATION}.new", "w", encoding="ascii") as file:
            file.write(f"[D-BUS Service]\nName={RESOLVER}\nExec={command}\nUser=root\n")
        os.rename(f"{ACTIVATION}.new", ACTIVATION)
        done = bus_call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
        assert done.returncode == 0, done.stderr

    @staticmethod
    def zone(names):
        with open(f"{ZONE}.new", "w", encoding="ascii") as file:
            json.dump(names, file)
        os.rename(f"{ZONE}.new", ZONE)

    def asked(self):
        """How often the name was asked for."""
        return sum(line.split()[0] == VPN for line in self.server.log().splitlines() if line)

    def resolver(self):
        """The process id of killswitch-resolve, None when none has the name."""
        done = bus_call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                        "GetConnectionUnixProcessID", "s", RESOLVER)
        return int(done.stdout.split()[1]) if done.returncode == 0 else None

    def close(self):
        pid = self.resolver()
        if pid:
            subprocess.run(["kill", str(pid)], check=False)
            proc.until(lambda: not self.resolver(), "killswitch-resolve to leave the bus")
        self.server.kill()


class NamedWireGuard(WireGuard):
    """Its client is told the server by name, and finds that in the hosts file that is bound over its /etc/hosts."""

    def create(self):
        self.process = launch(self.internet.host, self.link)
        self._set(self.internet.host, self.link, self.private, "listen-port", str(PORT), "fwmark", hex(self.mark),
                  "peer", self.server_public, "allowed-ips", "0.0.0.0/0,::/0")
        self.aim()

    def aim(self):
        """wg itself looks the name up, as in a unit with BindReadOnlyPaths=/run/killswitch/names/hosts:/etc/hosts."""
        self.internet.host.run(
            "unshare", "--mount", "--propagation", "private", "sh", "-ec",
            f"mount --bind {HOSTS} /etc/hosts; exec wg set {self.link} peer '{self.server_public}' "
            f"endpoint {VPN}:{SERVER_PORT} persistent-keepalive 1", env={**environment(), "WG_ENDPOINT_RESOLUTION_RETRIES": "0"})
