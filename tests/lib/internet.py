# SPDX-License-Identifier: GPL-2.0-or-later
"""A small internet in network namespaces, in IPv4 and IPv6:

    host ──┐                    ┌── vpn     198.51.100.10  2001:db8:51::10
           ├── router (bridge) ─┤
    lan  ──┘                    └── public  203.0.113.9    2001:db8:113::9

    192.168.77.0/24, fd00:77::/64 and 2001:db8:77::/64: router .1, host .2, lan .10
"""

import os

from . import proc
from .meter import LAN, LAN_KINDS, PUBLIC, PUBLIC_KINDS, Meter, Uplink
from .netns import Namespace

HERE = os.path.dirname(os.path.abspath(__file__))
UPLINK = "eth0"
HOST = {4: "192.168.77.2", 6: "2001:db8:77::2"}
HOST_ULA = "fd00:77::2"
ROUTER = {4: "192.168.77.1", 6: "2001:db8:77::1"}
LAN_HOST = {4: "192.168.77.10", 6: "fd00:77::10"}
LAN_HOST_GLOBAL6 = "2001:db8:77::10"
VPN_SERVER = {4: "198.51.100.10", 6: "2001:db8:51::10"}
PUBLIC_SERVER = {4: "203.0.113.9", 6: "2001:db8:113::9"}
VPN_NET = {4: "10.8.0.0/24", 6: "fd08::/64"}

NAMES = ("host", "router", "vpn", "public", "lan")


class HostAlone:
    """The host with its uplink and addresses, and a router at the other end that answers nothing:
    enough where no packet is sent."""

    def __init__(self):
        self.spaces = {name: Namespace(name) for name in ("host", "router")}
        self.host, self.router = self.spaces.values()
        self.uplink = None
        self.router.ips("""
            link add h0 type veth peer name eth0 address 02:00:00:00:77:02 netns host
            link set h0 up""")
        self.host.ips("""
            link set lo up
            link set eth0 up
            address add 192.168.77.2/24 dev eth0
            address add 2001:db8:77::2/64 dev eth0 nodad
            address add fd00:77::2/64 dev eth0 nodad
            route add default via 192.168.77.1
            route add default via 2001:db8:77::1""")

    def delete(self):
        for space in self.spaces.values():
            space.delete()


class Internet:
    """Builds everything; every neighbour is known from the start, so that no packet waits for one."""

    def __init__(self):
        self.spaces = {name: Namespace(name) for name in NAMES}
        self.host, self.router, self.vpn, self.public, self.lan = self.spaces.values()
        self.servers = []
        self._links()
        self._addresses()
        self._neighbours()
        self.uplink = Uplink(self.router, "h0", self.host, UPLINK)
        self.at_public = Meter(self.public, "eth0", PUBLIC, PUBLIC_KINDS)
        self.at_lan = Meter(self.lan, "eth0", LAN, LAN_KINDS)

    def _links(self):
        router, host = self.router, self.host
        router.ips("""
            link set lo up
            link add br0 address 02:00:00:00:77:01 type bridge forward_delay 0 mcast_snooping 0
            link add h0 type veth peer name eth0 address 02:00:00:00:77:02 netns host
            link add l0 type veth peer name eth0 address 02:00:00:00:77:10 netns lan
            link add v0 address 02:00:00:00:51:01 type veth peer name eth0 address 02:00:00:00:51:10 netns vpn
            link add p0 address 02:00:00:01:13:01 type veth peer name eth0 address 02:00:00:01:13:09 netns public
            link set h0 master br0
            link set l0 master br0""")
        router.write("net/ipv4/ip_forward", 1)
        router.write("net/ipv6/conf/all/forwarding", 1)
        for key in ("ipv4/conf/br0/proxy_arp", "ipv6/conf/br0/proxy_ndp"):
            router.write(f"net/{key}", 1)
        for family in ("ipv4", "ipv6"):
            router.write(f"net/{family}/neigh/br0/proxy_delay", 0)
            # Or a neighbour that was met before Engage is asked for seconds later, amid another test.
            host.write(f"net/{family}/neigh/{UPLINK}/ucast_solicit", 0)
        host.write("net/ipv4/conf/all/rp_filter", 0)
        host.write("net/ipv4/conf/default/rp_filter", 2)
        host.write(f"net/ipv4/conf/{UPLINK}/rp_filter", 2)
        router.ips("\n".join(f"link set {link} up" for link in ("br0", "h0", "l0", "v0", "p0")))

    def _addresses(self):
        self.router.ips("""
            address add 192.168.77.1/24 dev br0
            address add 2001:db8:77::1/64 dev br0 nodad
            address add fd00:77::1/64 dev br0 nodad
            address add 198.51.100.1/24 dev v0
            address add 2001:db8:51::1/64 dev v0 nodad
            address add 203.0.113.1/24 dev p0
            address add 2001:db8:113::1/64 dev p0 nodad
            route add 10.8.0.0/24 via 198.51.100.10
            route add fd08::/64 via 2001:db8:51::10""")
        # Whoever looks for these on the host's link finds the router there: a leaked packet arrives.
        self.router.ips("\n".join(f"neighbour add proxy {address} dev br0"
                                  for address in (PUBLIC_SERVER[6], VPN_SERVER[6])))
        for space, last in ((self.host, "2"), (self.lan, "10")):
            space.ips(f"""
                link set lo up
                link set eth0 up
                address add 192.168.77.{last}/24 dev eth0
                address add 2001:db8:77::{last}/64 dev eth0 nodad
                address add fd00:77::{last}/64 dev eth0 nodad
                route add default via 192.168.77.1
                route add default via 2001:db8:77::1""")
        for space, four, six in ((self.vpn, "198.51.100", "2001:db8:51"), (self.public, "203.0.113", "2001:db8:113")):
            last = "10" if space is self.vpn else "9"
            space.ips(f"""
                link set lo up
                link set eth0 up
                address add {four}.{last}/24 dev eth0
                address add {six}::{last}/64 dev eth0 nodad
                route add default via {four}.1
                route add default via {six}::1""")
        self.vpn.write("net/ipv4/ip_forward", 1)
        self.vpn.write("net/ipv6/conf/all/forwarding", 1)

    def _neighbours(self):
        def known(space, link, mac, *addresses):
            space.ips("\n".join(f"neighbour replace {address} lladdr {mac} dev {link} nud permanent"
                                for address in addresses))
        known(self.host, UPLINK, "02:00:00:00:77:01", ROUTER[4], ROUTER[6], "fd00:77::1")
        known(self.host, UPLINK, "02:00:00:00:77:10", LAN_HOST[4], LAN_HOST[6], LAN_HOST_GLOBAL6)
        known(self.router, "br0", "02:00:00:00:77:02", HOST[4], HOST[6], HOST_ULA)
        known(self.router, "br0", "02:00:00:00:77:10", LAN_HOST[4], LAN_HOST[6], LAN_HOST_GLOBAL6)
        known(self.lan, "eth0", "02:00:00:00:77:02", HOST[4], HOST[6], HOST_ULA)
        known(self.router, "v0", "02:00:00:00:51:10", VPN_SERVER[4], VPN_SERVER[6])
        known(self.vpn, "eth0", "02:00:00:00:51:01", "198.51.100.1", "2001:db8:51::1")
        known(self.router, "p0", "02:00:00:01:13:09", PUBLIC_SERVER[4], PUBLIC_SERVER[6])
        known(self.public, "eth0", "02:00:00:01:13:01", "203.0.113.1", "2001:db8:113::1")

    def serve(self, *spaces):
        """Starts the servers, on the public and the LAN host unless told otherwise."""
        for space in spaces or (self.public, self.lan):
            server = space.spawn(f"server-{space.name}", [proc.PYTHON, "-u", f"{HERE}/server.py"])
            self.servers.append(server)
        for server in self.servers:
            proc.until(lambda server=server: "ready" in server.log(), "the servers to listen")

    def delete(self):
        self.uplink.close()
        for server in self.servers:
            server.kill()
        for space in self.spaces.values():
            space.delete()
