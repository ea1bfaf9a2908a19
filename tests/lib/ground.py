# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole ground of one test: the small internet, a WireGuard, the installed service, its callers."""

import contextlib
import json

from . import proc
from .bus import Caller
from .daemon import Daemon
from .internet import PUBLIC_SERVER, Internet
from .meter import UPLINK_LEAKS
from .senders import patient, probe
from .wireguard import MARK, PORT, WireGuard

# A userspace WireGuard is a tun link whose control socket belongs to root: it needs a section.
BY_MARK = f"""
[VPN wg]
Interface=wg0
Mark={MARK:#x}
"""
BY_PORT = f"""
[VPN wg]
Interface=wg0
User=root
Protocol=udp
SourcePort={PORT}
"""

TABLE = 83
GUARD = ["inet", "killswitch"]
# What ours() tells when the kill switch is off.
NOTHING = {"rules": {4: [], 6: []}, "routes": {4: [], 6: []}, "guard": None, "egress": None}
EGRESS = ["netdev", "killswitch"]


class Ground:
    def __init__(self, machine, internet=Internet):
        self.machine = machine
        self.internet = internet()
        self.host = self.internet.host
        self.uplink = self.internet.uplink
        self.daemon = Daemon(self.host)
        self.vpn = None
        self.callers = []

    # The service

    def serve(self, settings=BY_MARK, *arguments):
        """Starts the service with these settings; returns root's connection, subscribed to its signals."""
        if settings:
            self.daemon.configure(settings)
        self.daemon.start(*arguments)
        return self.caller("root").subscribe()

    def caller(self, user):
        caller = Caller(user)
        self.callers.append(caller)
        return caller

    # The VPN

    def connect(self, **options):
        """A WireGuard whose tunnel stands."""
        self.vpn = WireGuard(self.internet, **options)
        self.vpn.up()
        return self.vpn

    # Packets

    def probe(self, *probes, user="tester"):
        return probe(self.host, *probes, user=user)

    def seen_as(self, kind="udp", family=4, user="tester", **fields):
        """The address that the public server sees for a probe, None when no answer came."""
        return self.probe(patient(kind=kind, to=PUBLIC_SERVER[family], port=7, **fields), user=user)[0]["reply"]

    def attempt(self, *probes, user="tester"):
        """Sends probes that must stay inside; returns what left by the uplink all the same, and the results."""
        before = self.uplink.snapshot()
        results = self.probe(*probes, user=user)
        self.uplink.settle()
        counts = self.uplink.since(before)
        return {kind: counts[kind] for kind in UPLINK_LEAKS if counts[kind]}, results

    # The kernel

    def rules(self, family):
        return json.loads(self.host.ip(f"-{family}", "-j", "-N", "rule", "show"))

    def routes(self, family, table="all"):
        return json.loads(self.host.ip(f"-{family}", "-j", "-N", "route", "show", "table", str(table)) or "[]")

    def tables(self):
        listed = json.loads(self.host.run("nft", "-j", "list", "tables"))["nftables"]
        return [[entry["table"]["family"], entry["table"]["name"]] for entry in listed if "table" in entry]

    def guard(self):
        """The guard's rules as nft prints them, or None; without counters."""
        done = proc.run("nft", "-s", "list", "table", *GUARD, namespace=self.host.name, check=False)
        return done.stdout if done.returncode == 0 else None

    def egress(self):
        """Likewise the egress table, or None."""
        done = proc.run("nft", "-s", "list", "table", *EGRESS, namespace=self.host.name, check=False)
        return done.stdout if done.returncode == 0 else None

    def ours(self):
        """Every rule, route and table of the kill switch that is in the kernel."""
        return {"rules": {family: self.own_rules(family) for family in (4, 6)},
                "routes": {family: self.table(family) for family in (4, 6)},
                "guard": self.guard(),
                "egress": self.egress()}

    def own_rules(self, family):
        """By priority; those that share one are alternatives, in any order."""
        own = [rule for rule in self.rules(family) if str(rule.get("protocol")) == str(TABLE)]
        return sorted(own, key=lambda rule: (rule["priority"], json.dumps(rule, sort_keys=True)))

    def table(self, family):
        done = proc.run("ip", f"-{family}", "-j", "-N", "route", "show", "table", str(TABLE),
                        namespace=self.host.name, check=False)
        return json.loads(done.stdout or "[]") if done.returncode == 0 else []

    def foreign(self):
        """Everything else: rules, routes, tables. To be compared before and after."""
        rules = [[rule for rule in self.rules(family) if str(rule.get("protocol")) != str(TABLE)]
                 for family in (4, 6)]
        routes = [[route for route in self.routes(family)
                   if str(route.get("table")) != str(TABLE) and str(route.get("protocol")) != str(TABLE)]
                  for family in (4, 6)]
        tables = [self.host.run("nft", "-s", "list", "table", *table) for table in self.tables()
                  if table not in (GUARD, EGRESS)]
        return {"rules": rules, "routes": routes, "tables": tables}

    def assert_nothing_left(self):
        """Off means: no rule, no route, no table of ours."""
        assert self.ours() == NOTHING

    def wipe(self):
        """Takes out of the kernel what a reboot would: every rule, route and table of ours."""
        self.host.run("nft", "delete", "table", *GUARD)
        for family in (4, 6):
            for _ in self.ours()["rules"][family]:
                self.host.ip(f"-{family}", "rule", "delete", "protocol", str(TABLE))
            for route in self.table(family):
                # `ip route flush` spares an unreachable IPv6 default with the highest metric.
                kind = {"6": "blackhole", "7": "unreachable", "8": "prohibit"}.get(str(route.get("type")), "unicast")
                self.host.ip(f"-{family}", "route", "delete", kind, route["dst"], "table", str(TABLE),
                             "metric", str(route.get("metric", 0)))
        self.assert_nothing_left()

    def close(self):
        """Ends everything, whatever goes wrong on the way; then tells of that."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.daemon.assert_clean)
            stack.callback(self.internet.delete)
            if self.vpn:
                stack.callback(self.vpn.stop)
            if self.daemon.process and self.daemon.process.running():
                stack.callback(self.daemon.stop)
            for caller in self.callers:
                stack.callback(caller.close)
