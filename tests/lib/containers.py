# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers on the host: namespaces behind veths on a bridge, forwarded and masqueraded as docker does.

    c1 172.17.0.2 fd17::2 ──┐
                            ├── br-c0 172.17.0.1 fd17::1 on the host
    c2 172.17.0.3 fd17::3 ──┘
"""

from . import proc
from .internet import HERE
from .netns import Namespace

BRIDGE = "br-c0"
GATEWAY = {4: "172.17.0.1", 6: "fd17::1"}
ADDRESS = {"c1": {4: "172.17.0.2", 6: "fd17::2"}, "c2": {4: "172.17.0.3", 6: "fd17::3"}}

# Foreign to the kill switch: NAT alone, by the bridge's name.
NAT = f"""
table inet containers {{
    chain published {{
        type nat hook prerouting priority -100
        iifname != "{BRIDGE}" tcp dport 8007 dnat ip to {ADDRESS["c1"][4]}:7
        iifname != "{BRIDGE}" tcp dport 8007 dnat ip6 to [{ADDRESS["c1"][6]}]:7
    }}
    chain leaving {{
        type nat hook postrouting priority 100
        oifname != "{BRIDGE}" ip saddr 172.17.0.0/16 masquerade
        oifname != "{BRIDGE}" ip6 saddr fd17::/64 masquerade
    }}
}}
"""


class Containers:
    def __init__(self, host):
        self.host = host
        self.spaces = {name: Namespace(name) for name in ADDRESS}
        self.servers = []
        host.write("net/ipv4/ip_forward", 1)
        host.write("net/ipv6/conf/all/forwarding", 1)
        host.ips(f"""
            link add {BRIDGE} type bridge forward_delay 0 mcast_snooping 0
            link set {BRIDGE} up
            address add {GATEWAY[4]}/16 dev {BRIDGE}
            address add {GATEWAY[6]}/64 dev {BRIDGE} nodad""")
        for name, space in self.spaces.items():
            host.ips(f"""
                link add v-{name} type veth peer name eth0 netns {name}
                link set v-{name} master {BRIDGE}
                link set v-{name} up""")
            space.ips(f"""
                link set lo up
                link set eth0 up
                address add {ADDRESS[name][4]}/16 dev eth0
                address add {ADDRESS[name][6]}/64 dev eth0 nodad
                route add default via {GATEWAY[4]}
                route add default via {GATEWAY[6]}""")
        host.nft(NAT)

    def __getitem__(self, name):
        return self.spaces[name]

    def serve(self, *names):
        """Starts the server that tells who calls, in these containers."""
        for name in names:
            server = self.spaces[name].spawn(f"server-{name}", [proc.PYTHON, "-u", f"{HERE}/server.py"])
            self.servers.append(server)
        for server in self.servers:
            proc.until(lambda server=server: "ready" in server.log(), "the servers in the containers to listen")

    def delete(self):
        for server in self.servers:
            server.kill()
        for space in self.spaces.values():
            space.delete()
