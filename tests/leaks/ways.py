# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways out that one program may try by itself: a table, and what has to come of each."""

from dataclasses import dataclass, field, replace

from lib.internet import HOST, LAN_HOST, PUBLIC_SERVER, ROUTER, UPLINK, VPN_SERVER
from lib.wireguard import CLIENT, MARK, PORT, SERVER, SERVER_PORT

from leaks.lab import Scene
from leaks.report import Control, Leak

FAMILIES = (4, 6)
PROTOCOLS = {"udp": 17, "tcp": 6, "udplite": 136, "packet": 253}
LAN_LINK_LOCAL = "fe80::ff:fe00:7710"


@dataclass(frozen=True)
class Way:
    row: str
    name: str
    family: int
    to: str
    order: dict
    scene: Scene
    user: str = "tester"
    far: str = "public"      # where it arrives when it is let out
    inside: str = ""         # where it arrives by the VPN while that is up; "": nowhere
    terrain: tuple = field(default=())
    origin: str = ""         # of one that is tried against a layer alone: the row that it is from

    def __str__(self):
        parts = [self.name, str(self.family), self.scene.vpn]
        if self.scene.lan != "private":
            parts.append(f"lan-{self.scene.lan}")
        if self.scene.settings != "mark":
            parts.append(f"by-{self.scene.settings}")
        if self.scene.layers != "both":
            parts.append(f"{self.scene.layers}-alone")
        return "-".join(parts)

    @property
    def key(self):
        """What its control is known by: that has nothing to do with layers."""
        return self.origin or self.row, self.name, self.family, self.scene._replace(layers="both")

    @property
    def protocol(self):
        if self.order.get("header"):
            return 253
        if self.order["kind"] == "icmp":
            return 58 if ":" in self.to else 1
        return PROTOCOLS.get(self.order["kind"]) or int(self.order["protocol"])

    def fields(self, tag):
        return {"port": 7, "tag": tag, "family": self.family, **self.order, "to": self.to}

    def recognise(self, tag):
        """Whether a packet is this probe's."""
        target = self.to.split("%")[0]
        bare = self.protocol == 6 and not self.order.get("fastopen")

        def mine(packet):
            return packet.protocol == self.protocol and packet.target == target and \
                (bare or tag.encode() in packet.data)
        return mine


def control(lab, way):
    """Released, it arrives at the far side by the uplink; returns the number of packets."""
    tag = next(lab.tags)
    lab.listen()
    told = lab.tell("try", way.user, **way.fields(tag))
    return lab.arrives(way.far, way.recognise(tag), f"{way}, let out ({told})")


def negative(lab, way):
    """Engaged, nothing of it leaves by the uplink; by the VPN what belongs there, and as the VPN."""
    tag = next(lab.tags)
    lab.listen()
    told = lab.tell("try", way.user, **way.fields(tag))
    packets = lab.refuse(f"{way}, engaged ({told})")
    inside = way.inside if way.scene.vpn == "up" else ""
    seen = 0
    if inside:
        seen = lab.arrives(inside, lambda packet: way.recognise(tag)(packet) and
                           packet.source in (CLIENT[4], CLIENT[6]), f"{way}, by the VPN ({told})")
    seen += lab.vpn_speaks(6 if ":" in way.to else 4)
    for tap in ("tunnel", way.far):
        stray = [packet for packet in lab.taps[tap].take()
                 if way.recognise(tag)(packet) and packet.source not in (CLIENT[4], CLIENT[6])]
        if stray:
            raise Leak(f"{way}: not as the VPN at {tap}: {stray[0]}")
    return packets, seen


def tried(lab, way, record):
    """The whole try; controls of a scene are done together, ahead of Engage."""
    scene = way.scene._replace(layers="both")
    if way.key not in lab.controls:
        for other in WAYS:
            if other.scene == scene:
                lab.release(scene)
                with lab.route_to(*other.terrain):
                    try:
                        lab.controls[other.key] = control(lab, other)
                    except Control as error:
                        lab.controls[other.key] = error
    if isinstance(lab.controls[way.key], Control):
        raise lab.controls[way.key]
    lab.engage(way.scene)
    with lab.route_to(*way.terrain):
        packets, seen = negative(lab, way)
    record(packets, lab.controls[way.key] + seen, way.name)


def check(lab, way, **scene):
    """One way alone, control and all, in a scene that differs in what is given."""
    way = replace(way, scene=way.scene._replace(**scene))
    lab.release(way.scene._replace(layers="both"))
    with lab.route_to(*way.terrain):
        seen = control(lab, way)
    lab.engage(way.scene)
    with lab.route_to(*way.terrain):
        packets, more = negative(lab, way)
    return packets, seen + more


# The table

def own(order, family):
    """The host's own address where an order asks for it."""
    return {key: HOST[family] if value == "own" else value for key, value in order.items()}


def spread(row, ways, to=PUBLIC_SERVER, families=FAMILIES, vpn=("up", "gone"), lan=("private",), settings=("mark",),
           **options):
    """Each way in each family and scene; to: an address a family."""
    return [Way(row, name, family, to[family], own(order, family), Scene(state, mode, known), **options)
            for known in settings for mode in lan for state in vpn for family in families if family in to
            for name, order in ways.items()]


UDP, TCP, ICMP = {"kind": "udp"}, {"kind": "tcp"}, {"kind": "icmp"}
GRE = {"kind": "raw", "protocol": 47}
PLAIN = {
    "udp": UDP, "tcp": TCP, "icmp": ICMP, "udp-53": UDP | {"port": 53}, "tcp-853": TCP | {"port": 853},
    "udp-443": UDP | {"port": 443}, "udp-connected": UDP | {"connected": 1},
    "tcp-fast-open": TCP | {"fastopen": 1}, "zero-copy": UDP | {"zerocopy": 1, "zerocopy_now": 1, "size": 1200},
    "segmented": UDP | {"segment": 100, "size": 1000},
}
PLAIN_ROOT = {"gre": GRE, "sctp": GRE | {"protocol": 132}, "esp": GRE | {"protocol": 50},
              "any-protocol": GRE | {"protocol": 253}}
OWN_HEADER = {"own-header": {"kind": "raw", "header": 1, "from": "own"}}
BOUND = {
    "udp": UDP, "tcp": TCP, "icmp": ICMP, "udp-53": UDP | {"port": 53}, "udp-connected": UDP | {"connected": 1},
    "tcp-fast-open": TCP | {"fastopen": 1}, "segmented": UDP | {"segment": 100, "size": 1000},
}
BOUND_ROOT = {"gre": GRE, "own-header": {"kind": "raw", "header": 1, "from": "own"}}


def bound(ways, **option):
    return {name: order | option for name, order in ways.items()}


TOLD = {
    "pktinfo": UDP | {"pktinfo": UPLINK}, "pktinfo-icmp": ICMP | {"pktinfo": UPLINK},
    "pktinfo-source": UDP | {"pktinfo": UPLINK, "from": "own"}, "unicast-if": UDP | {"unicast_if": UPLINK},
    "unicast-if-icmp": ICMP | {"unicast_if": UPLINK}, "unicast-if-tcp": TCP | {"unicast_if": UPLINK},
}
SOURCE = {
    "udp": UDP | {"source": "own"}, "tcp": TCP | {"source": "own"}, "icmp": ICMP | {"source": "own"},
    "pktinfo": UDP | {"from": "own"}, "device": UDP | {"source": "own", "device": UPLINK},
}
TAKEN = {
    "udp": UDP | {"sport": PORT}, "tcp": TCP | {"sport": PORT}, "udp-device": UDP | {"sport": PORT, "device": UPLINK},
    "tcp-device": TCP | {"sport": PORT, "device": UPLINK}, "udp-pktinfo": UDP | {"sport": PORT, "pktinfo": UPLINK},
}
TO_SERVER = {"udp": UDP | {"port": SERVER_PORT}, "tcp": TCP | {"port": SERVER_PORT}}
TO_SERVER_INSISTENT = {
    "udp-device": UDP | {"port": SERVER_PORT, "device": UPLINK},
    "udp-source": UDP | {"port": SERVER_PORT, "source": "own"}, "icmp-device": ICMP | {"device": UPLINK},
}
DNS = {"udp-53": UDP | {"port": 53}, "tcp-53": TCP | {"port": 53}, "udp-853": UDP | {"port": 853},
       "tcp-853": TCP | {"port": 853}}
DNS_INSISTENT = {"udp-53-device": UDP | {"port": 53, "device": UPLINK},
                 "tcp-53-device": TCP | {"port": 53, "device": UPLINK},
                 "udp-53-pktinfo": UDP | {"port": 53, "pktinfo": UPLINK},
                 "udp-53-dontroute": UDP | {"port": 53, "dontroute_now": 1}}
ON_LAN = {"udp": UDP, "tcp": TCP, "icmp": ICMP}
ON_LAN_INSISTENT = {"udp-device": UDP | {"device": UPLINK}, "udp-dontroute": UDP | {"dontroute": 1, "device": UPLINK}}
GROUP = {"multicast_if": UPLINK, "hops": 4}
PLACE = {4: LAN_HOST[4], 6: LAN_HOST[6]}


def pushed(name, *routes, **options):
    """Routes to public addresses that lead to the network's own router."""
    ways = {f"{name}-{kind}": order for kind, order in (("udp", UDP), ("tcp", TCP), ("icmp", ICMP))}
    insistent = {f"{name}-device": UDP | {"device": UPLINK}}
    family = 6 if ":" in routes[0] else 4
    # onlink: the kernel asks the rules for the way to a gateway, and they refuse it with Lan=none.
    terrain = tuple(f"route add {route} via {ROUTER[family]} dev {UPLINK} onlink" for route in routes)
    return spread("T8", ways, families=(family,), terrain=terrain, inside="public", **options) + \
        spread("T8", insistent, families=(family,), terrain=terrain, **options)


def claimed(name, ways, inside="", **options):
    """A prefix that is not the network's, and that it gives the host an address of."""
    terrain = {4: ("address add 203.0.113.200/24 dev eth0",), 6: ("address add 2001:db8:113::200/64 dev eth0 nodad",)}
    return [way for family in FAMILIES
            for way in spread("T10", {f"{name}-{kind}": order for kind, order in ways.items()}, families=(family,),
                              terrain=terrain[family], inside=inside, **options)]


def taken(name, terrain, ways, inside=""):
    """A network of the VPN that the LAN claims."""
    return [way for family in FAMILIES
            for way in spread("T11", {f"{name}-{kind}": order for kind, order in ways.items()}, SERVER, (family,),
                              terrain=terrain[family], inside=inside, far="server", settings=("prefixes",))]


BY_ROUTE = {4: (f"route add {SERVER[4]}/32 via {ROUTER[4]}",), 6: (f"route add {SERVER[6]}/128 via {ROUTER[6]}",)}
BY_ADDRESS = {4: ("address add 10.8.0.77/25 dev eth0",), 6: ("address add fd08::77/65 dev eth0 nodad",)}

WAYS = [
    *spread("T1", PLAIN, inside="public"),
    *spread("T1", PLAIN_ROOT, user="root", inside="public"),
    *spread("T1", OWN_HEADER, user="root"),
    *spread("T1", {"udp-lite": {"kind": "udplite"}}, inside="public"),
    *[Way("T1", name, 6, PUBLIC_SERVER[4], order, Scene(vpn), inside="public") for vpn in ("up", "gone")
      for name, order in (("udp-mapped", UDP), ("tcp-mapped", TCP))],
    *spread("T1", {"flow-label": UDP | {"flow_label": 0x12345}}, families=(6,), inside="public"),
    *spread("T1", {"source-route": UDP | {"route_by": ROUTER[4]}}, families=(4,), lan=("private", "none"), user="raw"),
    *spread("T1", {"segment-route": UDP | {"route_by": "fd00:77::1"}}, families=(6,), lan=("private", "none")),
    *spread("T1", bound(ON_LAN, port=7), PLACE, lan=("none",), far="lan", inside="tunnel"),
    *spread("T1", ON_LAN_INSISTENT, PLACE, lan=("none",), far="lan"),
    *spread("T1", {"dhcp-ports": UDP | {"sport": 68, "port": 67}}, families=(4,), inside="public"),
    *spread("T1", {"dhcp-ports-device": UDP | {"sport": 68, "port": 67, "device": UPLINK}}, families=(4,)),
    *spread("T2", bound(BOUND, device=UPLINK)),
    *spread("T2", bound(BOUND_ROOT, device=UPLINK), user="root"),
    *spread("T3", TOLD),
    *spread("T3", {"sticky-pktinfo": UDP | {"sticky_pktinfo": UPLINK}}, families=(6,)),
    *spread("T3", {"pktinfo-gre": GRE | {"pktinfo": UPLINK}}, user="root"),
    *spread("T4", SOURCE),
    *spread("T4", {"transparent": UDP | {"transparent": 1, "source": "own", "device": UPLINK}}, user="root"),
    *spread("T4", {"inside-device": UDP | {"source": "own", "device": "wg0"},
                   "inside-pktinfo": UDP | {"from": "own", "pktinfo": "wg0"}}, SERVER, vpn=("up",), far="tunnel"),
    *spread("T4", {"inside-lan": UDP | {"source": "own", "device": "wg0"}}, PLACE, (4,), vpn=("up",), far="tunnel"),
    *[way for family in FAMILIES for way in
      spread("T4", {"address-of-the-vpn": UDP | {"source": CLIENT[family]},
                    "address-of-the-vpn-device": UDP | {"source": CLIENT[family], "device": UPLINK}}, PLACE, (family,),
             vpn=("up",), lan=("private", "all"), far="lan")],
    *spread("T6", {"tcp": TCP | {"mark": MARK}, "icmp": ICMP | {"mark": MARK}, "gre": GRE | {"mark": MARK}},
            user="raw", inside="public", settings=("endpoint",)),
    *spread("T6", {"tcp-device": TCP | {"mark": MARK, "device": UPLINK}}, user="raw", settings=("endpoint",)),
    *spread("T6", {"icmp": ICMP | {"mark": MARK}}, user="raw", inside="public"),
    *spread("T5", TAKEN, vpn=("gone",), settings=("mark", "port", "endpoint")),
    *spread("T7", TO_SERVER, VPN_SERVER, far="server", inside="tunnel", settings=("mark", "endpoint")),
    *spread("T7", {f"root-{name}": order for name, order in TO_SERVER.items()}, VPN_SERVER, far="server", inside="tunnel",
            settings=("endpoint",), user="root"),
    *spread("T7", {"root-udp-device": UDP | {"port": 9999, "device": UPLINK}}, VPN_SERVER, far="server",
            settings=("endpoint",), user="root"),
    *spread("T7", TO_SERVER_INSISTENT, VPN_SERVER, far="server"),
    *spread("T7", {f"{name}-port": order | {"sport": PORT} for name, order in (TO_SERVER | TO_SERVER_INSISTENT).items()
                   if name != "icmp-device"}, VPN_SERVER, far="server", vpn=("gone",), settings=("mark", "port")),
    *pushed("default", "0.0.0.0/0 metric 5"), *pushed("default", "::/0 metric 5"),
    *pushed("halves", "0.0.0.0/1", "128.0.0.0/1", lan=("private", "none", "all")),
    *pushed("halves", "::/1", "8000::/1", lan=("private", "none", "all")),
    *pushed("network", "203.0.113.0/24", lan=("private", "none")),
    *pushed("network", "2001:db8:113::/64", lan=("private", "none")),
    *pushed("host", "203.0.113.9/32"), *pushed("host", "2001:db8:113::9/128"),
    *claimed("plain", {"udp": UDP, "tcp": TCP}, inside="public", lan=("private", "none")),
    *claimed("insistent", {"device": UDP | {"device": UPLINK}, "dontroute": UDP | {"dontroute": 1, "device": UPLINK},
                           "pktinfo": UDP | {"pktinfo": UPLINK}}),
    *spread("T12", {"program": UDP | {"port": SERVER_PORT}}, inside="public", settings=("endpoint",)),
    *spread("T12", {"transport": UDP | {"port": SERVER_PORT, "mark": MARK}}, user="root", inside="public",
            settings=("endpoint",)),
    *spread("T12", {"transport-device": UDP | {"port": SERVER_PORT, "mark": MARK, "device": UPLINK}}, user="root",
            settings=("endpoint",)),
    *taken("route", BY_ROUTE, {"udp": UDP, "dns": UDP | {"port": 53}, "tcp": TCP}, inside="tunnel"),
    *taken("route", BY_ROUTE, {"device": UDP | {"device": UPLINK}}),
    *taken("address", BY_ADDRESS, {"udp": UDP}, inside="tunnel"),
    *taken("address", BY_ADDRESS, {"device": UDP | {"device": UPLINK}}),
    *spread("T13", DNS, PLACE, far="lan", inside="tunnel", lan=("private", "none", "all")),
    *spread("T13", DNS_INSISTENT, PLACE, far="lan", lan=("private", "none", "all")),
    *spread("T13", {"link-local": UDP | {"port": 53}}, {6: f"{LAN_LINK_LOCAL}%{UPLINK}"}, far="lan",
            lan=("private", "none")),
    *spread("T14", {"group": UDP | GROUP, "group-device": UDP | GROUP | {"device": UPLINK}},
            {4: "239.1.2.3", 6: "ff05::1:2345"}, far="lan", lan=("private", "none")),
    *spread("T14", {"global-group": UDP | GROUP}, {4: "233.252.0.1", 6: "ff0e::1234"}, far="lan"),
    *spread("T14", {"mdns-other-port": UDP | GROUP | {"port": 9}}, {4: "224.0.0.251", 6: "ff02::fb"}, far="lan"),
    *spread("T14", {"mdns": UDP | GROUP | {"port": 5353}}, {4: "224.0.0.251", 6: "ff02::fb"}, far="lan",
            lan=("none",)),
    *spread("T14", {"ssdp": UDP | GROUP | {"port": 1900}}, {4: "239.255.255.250", 6: "ff02::c"}, far="lan",
            lan=("none",)),
    *spread("T14", {"all-hosts-echo": ICMP | GROUP}, {4: "224.0.0.1", 6: "ff02::1"}, far="lan",
            lan=("private", "none")),
    *spread("T14", {"broadcast": UDP | {"broadcast": 1, "device": UPLINK, "port": 9},
                    "broadcast-plain": UDP | {"broadcast": 1, "port": 9}}, {4: "255.255.255.255"}, far="lan",
            lan=("private", "none")),
    *spread("T14", {"subnet-broadcast": UDP | {"broadcast": 1, "device": UPLINK, "port": 9}}, {4: "192.168.77.255"},
            far="lan", lan=("none",)),
]


# Each layer alone

def alone(row, layers, wanted):
    """The same ways once the service has stopped and the other layer is gone."""
    return [replace(way, row=row, origin=way.row, scene=way.scene._replace(layers=layers),
                    inside="" if layers == "guard" else way.inside)
            for way in WAYS if way.scene.settings in ("mark", "prefixes") and way.scene.lan != "all" and wanted(way)]


def by_table(way):
    """What a lookup decides that names no interface; and in IPv6 also what names one."""
    insists = [key for key in ("device", "pktinfo", "unicast_if", "multicast_if", "dontroute", "dontroute_now", "join",
                               "route_by", "sticky_pktinfo") if key in way.order]
    if way.scene.vpn == "up":
        # Which address is seen inside the tunnel is the guard's business, and what the LAN is answered.
        return not insists and way.row in ("T1", "T8", "T10", "T11") and "from" not in way.order
    return not insists and way.row in ("T1", "T4", "T5", "T7", "T8", "T10", "T11", "T13") and "%" not in way.to


BY_GUARD = alone("T19", "guard", lambda way: way.scene.lan == "private" and
                 (way.scene.vpn == "gone" or way.row in ("T2", "T3")))
BY_STEERING = alone("T20", "steering", by_table) + [
    replace(way, row="T20", origin=way.row, scene=way.scene._replace(layers="steering"))
    for way in WAYS if way.name == "root-udp-device" and way.family == 6]
BY_FLOOR = alone("T19", "floor", lambda way: way.row == "T1" and by_table(way) and way.scene.vpn == "gone" and
                 way.scene.lan == "none")


def find(row, identity):
    """A way by its row and its name as the tests show it."""
    return next(way for way in WAYS + BY_GUARD + BY_STEERING + BY_FLOOR if (way.row, str(way)) == (row, identity))
