# SPDX-License-Identifier: GPL-2.0-or-later
"""A real strongSwan, IKEv2 with ESP in user space (kernel-libipsec): a tun link, and UDP on the wire."""

import os

from . import proc, recipes
from .internet import VPN_SERVER
from .journey import Vpn

DAEMON = "/usr/sbin/charon-systemd"
CHAPTER = "strongSwan in user space"
OPTIONS = "/etc/strongswan.d/killswitch.conf"
CONNECTION = "/etc/swanctl/conf.d/office.conf"
# That the other end is gone is found out in seconds; by default in minutes.
HASTE = """
charon {
  retransmit_tries = 1
  retransmit_timeout = 3
  retransmit_base = 1
  filelog { stderr { default = 1 } }
}
"""
# The group is too weak for anything but an emulated processor, which takes its time over a strong one.
PROPOSAL = "aes128-sha256-modp1024"
SERVER_OPTIONS = """
charon {
  filelog { stderr { default = 1 } }
  load_modular = yes
  plugins {
    include /etc/strongswan.d/charon/*.conf
    kernel-libipsec { load = yes }
    vici { socket = unix://%(lab)s/server.vici }
  }
}
"""
SERVER = """
connections {
  clients {
    pools = four, six
    proposals = %(proposal)s
    local { auth = psk
      id = server }
    remote { auth = psk }
    children {
      net {
        local_ts = 0.0.0.0/0, ::/0
        esp_proposals = aes128-sha256
      }
    }
  }
}
pools {
  four { addrs = 10.8.0.2-10.8.0.9 }
  six { addrs = fd08::2-fd08::9 }
}
secrets { ike-any { secret = "correct horse" } }
""" % {"proposal": PROPOSAL}
CLIENT = """
connections {
  office {
    version = 2
    proposals = %(proposal)s
    remote_addrs = %(server)s
    vips = 0.0.0.0, ::
    keyingtries = 0
    dpd_delay = 1s
    local { auth = psk
      id = client }
    remote { auth = psk
      id = server }
    children {
      office {
        remote_ts = 0.0.0.0/0, ::/0
        esp_proposals = aes128-sha256
        start_action = start
        dpd_action = restart
        close_action = start
      }
    }
  }
}
secrets { ike-office { secret = "correct horse" } }
"""


def client(server):
    """The connection as a provider hands it out."""
    return CLIENT % {"server": server, "proposal": PROPOSAL}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


class StrongSwan(Vpn):
    """Both ends with their own files; the host's are where the distribution has them."""

    def __init__(self, ground, family=4):
        super().__init__(ground)
        match = "ip6 daddr" if family == 6 else "ip daddr"
        self.transport = (f"{match} {VPN_SERVER[family]} udp dport {{ 500, 4500 }}",)
        write("/etc/strongswan.d/haste.conf", HASTE)
        write(OPTIONS, recipes.file(CHAPTER, OPTIONS))
        write(CONNECTION, client(VPN_SERVER[family]))
        write(f"{proc.LAB}/server.conf", SERVER_OPTIONS % {"lab": proc.LAB})
        write(f"{proc.LAB}/server-swanctl.conf", SERVER)

    @staticmethod
    def _daemon(space, label, socket, env=(), load=()):
        if os.path.exists(socket):
            os.unlink(socket)
        process = space.spawn(label, ["env", *env, DAEMON])

        def loaded():
            assert process.running(), process.log()
            return os.path.exists(socket) and proc.run("swanctl", "--load-all", "--noprompt", "--uri", f"unix://{socket}",
                                                       *load, check=False).returncode == 0
        proc.until(loaded, f"{label} to take its connections", 60)
        return process

    def serve(self):
        # Before it knows its connections it would refuse the client, who takes that for the last word.
        self.far.nft("table inet closed { chain in { type filter hook input priority 0; udp dport { 500, 4500 } drop; }; }")
        self.server = self._daemon(self.far, "strongswan-server", f"{proc.LAB}/server.vici",
                                   [f"STRONGSWAN_CONF={proc.LAB}/server.conf"],
                                   ["--file", f"{proc.LAB}/server-swanctl.conf"])
        self.far.run("nft", "delete", "table", "inet", "closed")

    def start(self):
        self.client = self._daemon(self.host, "strongswan", "/run/charon.vici")

    def connections(self):
        return self.client.log().count("established with SPIs")

    def noticed(self):
        return "giving up after" in self.client.log()
