# SPDX-License-Identifier: GPL-2.0-or-later
"""A small internet inside the virtual machine: this system, a router, a VPN server, a public server.

This system is the machine's own network namespace, the others are namespaces of their own:

    uplink 192.168.7.2 -- router -- 198.51.100.2 (vpn), 203.0.113.9 (public)

and the same in IPv6. The router counts by kind what comes from this system.
"""
import json
import os
import select
import subprocess
from contextlib import contextmanager

import guest
from guest import out, sh

LINK = "uplink0"
ROUTER4, ROUTER6 = "192.168.7.1", "2001:db8:7::1"
HOST4, HOST6 = "192.168.7.2", "2001:db8:7::2"
VPN4, VPN6 = "198.51.100.2", "2001:db8:51::2"
PUBLIC4, PUBLIC6 = "203.0.113.9", "2001:db8:cb::9"
TUNNEL4, TUNNEL6 = "10.8.0.2", "fd08::2"
SERVER_PORT = 51821
PORT = 7777
KEYS = "/run/keys"
RECORD = "/run/arrived"
PLAIN = ("udp4", "udp6", "tcp4", "tcp6")
# Ways around the routing table.
AROUND = ("device4", "device6", "tcpdevice4", "tcpdevice6", "info4", "info6", "unicast4", "unicast6", "own4", "own6")

METER = f"""
table netdev watch {{
    counter transport {{ packets 0 bytes 0 }}
    counter lan {{ packets 0 bytes 0 }}
    counter neighbours {{ packets 0 bytes 0 }}
    counter astray {{ packets 0 bytes 0 }}
    counter leaked {{ packets 0 bytes 0 }}
    chain ingress {{
        type filter hook ingress device host priority 0; policy accept;
        ether type arp counter name neighbours accept
        icmpv6 type {{ 133, 135, 136, 143 }} counter name neighbours accept
        # Shorter than anything that WireGuard sends: somebody else's.
        udp dport {SERVER_PORT} udp length < 40 counter name leaked accept
        ip daddr {VPN4} udp dport {SERVER_PORT} counter name transport accept
        ip6 daddr {VPN6} udp dport {SERVER_PORT} counter name transport accept
        # What the VPN sends to a server that it was lied to about.
        ip daddr {PUBLIC4} udp dport {SERVER_PORT} counter name astray accept
        ip daddr {ROUTER4} counter name lan accept
        ether type {{ ip, ip6 }} counter name leaked accept
    }}
}}
"""


def build(meter=True):
    """Make the namespaces and the links, start the servers; the meter needs nftables."""
    for name in ("router", "vpn", "public"):
        out(f"ip netns add {name} && ip -n {name} link set lo up")
        out(f"ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
            "net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 "
            "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
    out(f"sysctl -qw net.ipv6.conf.default.accept_dad=0; ip link add {LINK} type veth peer name host netns router")
    out("ip -n vpn link add eth0 type veth peer name vpn netns router")
    out("ip -n public link add eth0 type veth peer name public netns router")
    for where, link, address4, address6 in (
            ("", LINK, f"{HOST4}/24", f"{HOST6}/64"),
            ("-n router", "host", f"{ROUTER4}/24", f"{ROUTER6}/64"),
            ("-n router", "vpn", "198.51.100.1/24", "2001:db8:51::1/64"),
            ("-n router", "public", "203.0.113.1/24", "2001:db8:cb::1/64"),
            ("-n vpn", "eth0", f"{VPN4}/24", f"{VPN6}/64"),
            ("-n public", "eth0", f"{PUBLIC4}/24", f"{PUBLIC6}/64")):
        out(f"ip {where} addr add {address4} dev {link} && ip {where} addr add {address6} dev {link} nodad && "
            f"ip {where} link set {link} up")
    for where, via4, via6 in (("", ROUTER4, ROUTER6), ("-n vpn", "198.51.100.1", "2001:db8:51::1"),
                              ("-n public", "203.0.113.1", "2001:db8:cb::1")):
        out(f"ip {where} route add default via {via4} && ip {where} -6 route add default via {via6}")
    out(f"ip -n router route add 10.8.0.0/24 via {VPN4} && ip -n router -6 route add fd08::/64 via {VPN6}")
    if meter:
        subprocess.run(["ip", "netns", "exec", "router", "nft", "-f", "-"], input=METER, text=True, check=True)
        _spawn("router", "record", "host", RECORD)
    _vpn_server()
    for name in ("public", "router"):
        _spawn(name, "serve", str(PORT))


def _spawn(namespace, *arguments):
    """Start a part of probe.py that stays, and wait until it is ready."""
    server = subprocess.Popen(["ip", "netns", "exec", namespace, "python3", "/share/probe.py", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"


def recorded():
    """The last packets that arrived at the router, to show which one leaked."""
    return "\nat the router: " + out("tail", "-n", "12", RECORD)


def _vpn_server():
    os.makedirs(KEYS, mode=0o700)
    for name in ("server", "client"):
        out(f"wg genkey >{KEYS}/{name} && wg pubkey <{KEYS}/{name} >{KEYS}/{name}.pub")
    out(f"""ip -n vpn link add server type wireguard
        ip netns exec vpn wg set server private-key {KEYS}/server listen-port {SERVER_PORT} \
            peer $(cat {KEYS}/client.pub) allowed-ips {TUNNEL4}/32,{TUNNEL6}/128
        ip -n vpn addr add 10.8.0.1/24 dev server
        ip -n vpn addr add fd08::1/64 dev server nodad
        ip -n vpn link set server up""")


def counters():
    """Packets that the router has received from this system, by kind."""
    text = out("ip", "netns", "exec", "router", "nft", "-j", "list", "counters")
    return {entry["counter"]["name"]: entry["counter"]["packets"]
            for entry in json.loads(text)["nftables"] if "counter" in entry}


class _Prober:
    """A normal user's process that sends what it is asked for, one request at a time."""

    def __init__(self):
        self._process = None

    def ask(self, line):
        """Returns the answer, one line too."""
        if self._process is None:
            self._process = subprocess.Popen(
                ["setpriv", "--reuid=tester", "--regid=tester", "--init-groups", "python3", "/share/probe.py", "ask"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = ""
        if select.select([self._process.stdout], [], [], guest.LIMIT)[0]:
            answer = self._process.stdout.readline()
        if not answer:
            self._process.kill()
            self._process = None
            raise AssertionError(f"no answer to {line}")
        return answer

    def send(self, kinds, variables):
        """Ask to send; returns the first line of what is said to it."""
        return self.ask(json.dumps({"kinds": kinds, "variables": variables}))


# A flood goes on while the other is asked.
_prober, _flooder = _Prober(), _Prober()


def probe(*kinds, **variables):
    """Send by each of the ways as a normal user; what came of each is a dictionary's value."""
    return json.loads(_prober.send(kinds, variables))


def flows(kinds, source):
    """Assert that traffic is answered, and that the server saw it come from these addresses."""
    got = probe(*kinds)
    for kind in kinds:
        assert got[kind].get("seen") in source, f"{kind}: {got}"
    return got


def refused(kinds, **variables):
    """Assert that every way is refused at once and that not one packet has reached the router."""
    before = counters()
    got = probe(*kinds, "lan4", REFUSED="yes", **variables)
    # The LAN's packet went the same way after all others, and was answered: what it overtook never left.
    assert got.pop("lan4") == {"seen": HOST4}, f"LAN: {got}"
    for kind in got:
        assert "error" in got[kind], f"{kind} was not refused: {got}"
        assert got[kind].get("error") != "timeout", f"{kind} hung instead of failing: {got}"
    after = counters()
    assert after["leaked"] == before["leaked"], f"leaked: {before} {after} {got}{recorded()}"
    return got


def reaches(word):
    """Wait for a state of the service."""
    guest.eventually(lambda: guest.state()[0] == word, f"the state is {word}")


def _protects():
    if guest.state()[0] != "protecting":
        return False
    got = probe("udp4", "udp6")
    return (got["udp4"].get("seen"), got["udp6"].get("seen")) == (TUNNEL4, TUNNEL6)


def protected():
    """Wait until a VPN that comes up carries both families: the service hears of its link first, then of each address."""
    guest.eventually(_protects, "the VPN carries both families")


@contextmanager
def flood(leaks=False):
    """A user's flood, plain, bound to the uplink and imitating the VPN, of which not one packet may leak; or, as the control, some do."""
    before = counters()
    assert _flooder.send(("flood",), {}) == "ready\n"
    try:
        yield
    finally:
        sent = int(_flooder.ask("end"))
    flows(("lan4",), (HOST4,))
    leaked = counters()["leaked"] - before["leaked"]
    assert sent and (leaked > 0) == leaks, f"{leaked} of {sent} packets leaked{recorded()}"


def rules(version):
    """The kill switch's rules as the kernel has them, without what only ip shows."""
    entries = json.loads(out("ip", f"-{version}", "-N", "-j", "-d", "rule", "list"))
    return [entry for entry in entries if str(entry.get("protocol")) == "83"]


def routes(version):
    """The routes of the kill switch's table."""
    done = sh("ip", f"-{version}", "-N", "-j", "-d", "route", "show", "table", "83", ok=False)
    # A table that was never used does not exist, which is an error for IPv4.
    return json.loads(done.stdout or "[]") if done.returncode == 0 else []


def nothing_left():
    """Assert that the kernel has neither rules, nor routes, nor a guard of the kill switch."""
    for version in (4, 6):
        assert not rules(version), rules(version)
        assert not routes(version), routes(version)
    assert sh("nft list table inet killswitch", ok=False).returncode


def wireguard_up(name="wg0", port=51820, endpoint=VPN4, mark=0):
    """Configure a kernel WireGuard link by hand, recognised by its mark, or without one by its port."""
    out(f"""ip link add {name} type wireguard
        wg set {name} private-key {KEYS}/client listen-port {port} fwmark {mark} peer $(cat {KEYS}/server.pub) \
            endpoint {f'[{endpoint}]' if ':' in endpoint else endpoint}:{SERVER_PORT} allowed-ips 0.0.0.0/0,::/0
        ip addr add {TUNNEL4}/24 dev {name}
        ip addr add {TUNNEL6}/64 dev {name} nodad""")
    link_up(name)


def link_up(name):
    """Raise a link that listens on a port; the kernel refuses while an imitator has that port."""
    guest.eventually(lambda: sh(f"ip link set {name} up", ok=False).returncode == 0, f"{name} is up")
