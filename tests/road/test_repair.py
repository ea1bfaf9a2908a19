# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody else deletes or changes what belongs to the kill switch: the other layer holds, and it is put back."""

import pytest

from lib import proc
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER
from lib.senders import Flood

from lib.ways import INSISTENT, PLAIN, assert_direct, assert_inside, assert_through_vpn


@pytest.fixture(params=("vpn", "no-vpn"))
def root(ground, request):
    ground.connect()
    # What is others' in the host: tables, rules and routes that must live through all of it.
    ground.host.nft("""
        table inet filter {
            counter seen { }
            set names { type ipv4_addr; elements = { 192.0.2.7 } }
            chain input { type filter hook input priority 0; policy accept; ip saddr 192.0.2.7 drop; }
            chain output { type filter hook output priority 10; policy accept; counter name seen; }
        }
        table ip nat {
            chain post { type nat hook postrouting priority 100; oifname "docker0" masquerade; }
        }""")
    ground.host.ips("""
        rule add priority 50 from 192.0.2.8 lookup 60
        rule add priority 5000 fwmark 0x9 lookup 61
        route add 192.0.2.128/25 dev eth0 table 60
        route add blackhole default table 61
        route add 192.0.2.64/26 via 192.168.77.1""")
    ground.host.ip("-6", "rule", "add", "priority", "5000", "fwmark", "0x9", "lookup", "61")
    ground.host.ip("-6", "route", "add", "2001:db8:99::/48", "via", "2001:db8:77::1")
    caller = ground.serve(BY_MARK)
    caller.call("Engage")
    if request.param == "no-vpn":
        ground.vpn.kill()
        caller.wait_state("blocking")
    return caller


def delete_one_rule(ground, family, which):
    rules = ground.ours()["rules"][family]
    ground.host.ip(f"-{family}", "rule", "delete", "priority", str(rules[which]["priority"]),
                   "protocol", "83")


DAMAGE = {
    "first rule": (lambda ground, family: delete_one_rule(ground, family, 0), "steering"),
    "floor rule": (lambda ground, family: delete_one_rule(ground, family, -1), "steering"),
    "catch-all rule": (lambda ground, family: delete_one_rule(ground, family, -2), "steering"),
    "rule flush": (lambda ground, family: ground.host.ip(f"-{family}", "rule", "flush"), "steering"),
    "route flush": (lambda ground, family: ground.host.ip(f"-{family}", "route", "flush", "table", "83"), "steering"),
    "blocking default": (lambda ground, family: ground.host.ip(
        f"-{family}", "route", "delete", "unreachable", "default", "table", "83", "metric", "4294967295"), "steering"),
    "route added": (lambda ground, family: ground.host.ip(
        f"-{family}", "route", "add", "default", "dev", "eth0", "table", "83", "protocol", "83", "metric", "1"),
        "steering"),
    "guard deleted": (lambda ground, _: ground.host.run("nft", "delete", "table", "inet", "killswitch"), "guard"),
    "guard emptied": (lambda ground, _: ground.host.run("nft", "flush", "table", "inet", "killswitch"), "guard"),
    "guard weakened": (lambda ground, _: ground.host.run(
        "nft", "insert", "rule", "inet", "killswitch", "output", "accept"), "guard"),
    "guard set opened": (lambda ground, _: ground.host.run(
        "nft", "add", "element", "inet", "killswitch", "lan4", "{ 203.0.113.0/24 }"), "guard"),
}


# The guard is one for both families.
@pytest.mark.parametrize("damage, family", [(damage, family) for damage in sorted(DAMAGE) for family in (4, 6)
                                            if family == 4 or not damage.startswith("guard")])
def test_damage_is_repaired(ground, root, damage, family):
    before = ground.ours()
    if damage == "route flush" and family == 6 and root.state()[0] == "blocking":
        # All that is in there is an unreachable default with the highest metric, and `ip` spares that.
        damage = "blocking default"
    spoil, layer = DAMAGE[damage]
    flood = Flood(ground.host, (PUBLIC_SERVER[4],), (PUBLIC_SERVER[6],))
    wire, since = ground.uplink.snapshot(), root.mark()
    spoil(ground, family)
    what = root.wait_signal("Repaired", layer, None, since=since)[1]
    assert what
    proc.until(lambda: ground.ours() == before, f"everything to be as before {damage}")
    flood.pass_round()
    assert ground.uplink.leaks(wire) == {}
    flood.stop()
    assert root.state()[1]["Degraded"] == []


def test_everything_is_taken_away_at_once(ground, root):
    before, wire, since = ground.ours(), ground.uplink.read(), root.mark()
    ground.host.run("sh", "-c", "nft delete table inet killswitch; ip rule flush; ip -6 rule flush;"
                                "ip route flush table 83; ip -6 route flush table 83")
    root.wait_signal("Repaired", "guard", None, since=since)
    root.wait_signal("Repaired", "steering", None, since=since)
    proc.until(lambda: ground.ours() == before, "everything to be back")
    assert wire and root.state()[0] in ("blocking", "protecting")
    assert_inside(ground, PLAIN[:2] if root.state()[0] == "blocking" else (), INSISTENT[:3])


def test_somebody_elses_flush_is_somebody_elses_business(ground, root):
    """nft flush ruleset takes all tables; ours comes back, and only ours."""
    before, since = ground.guard(), root.mark()
    ground.host.run("nft", "flush", "ruleset")
    root.wait_signal("Repaired", "guard", None, since=since)
    proc.until(lambda: ground.guard() == before, "the guard to be back")
    assert ground.tables() == [["inet", "killswitch"]]


def test_foreign_rules_routes_and_tables_are_untouched(ground, root):
    before = ground.foreign()
    for member, arguments in (("Release", ()), ("Engage", ()), ("Pause", (60_000_000,)), ("Resume", ()),
                              ("SetLan", ("none",)), ("SetLan", ("all",)), ("SetLan", ("private",)), ("Release", ()),
                              ("EngageTrial", (60_000_000,)), ("Release", ()), ("Engage", ())):
        root.call(member, *arguments)
        assert ground.foreign() == before, member
    since = root.mark()
    ground.host.run("nft", "delete", "table", "inet", "killswitch")
    root.wait_signal("Repaired", "guard", None, since=since)
    assert ground.foreign() == before
    ground.daemon.kill()
    ground.daemon.start()
    assert ground.foreign() == before
    ground.daemon.once("--rescue", root=True)
    assert ground.foreign() == before


def test_a_thousand_foreign_changes_are_left_alone(ground, root):
    """Busy neighbours, more than an event socket holds: no repair of what is not ours, and none missed."""
    before, since = ground.ours(), root.mark()
    ground.host.ips("\n".join(f"route add 198.18.{number // 250}.{number % 250}/32 dev lo table 70"
                              for number in range(2000)))
    ground.host.ips("\n".join(f"rule add priority {20000 + number} from 198.18.0.1 lookup 70" for number in range(500)))
    assert ground.ours() == before
    assert root.signals("Repaired", since) == []
    ground.host.ip("route", "flush", "table", "83")
    root.wait_signal("Repaired", "steering", None, since=since)
    proc.until(lambda: ground.ours() == before, "the table to be back")
    assert len(ground.routes(4, 70)) == 2000


def test_released_means_let_alone(ground, root):
    root.call("Release")
    ground.assert_nothing_left()
    since = root.mark()
    ground.host.run("nft", "flush", "ruleset")
    ground.host.ip("rule", "flush")
    ground.host.ip("rule", "add", "priority", "32766", "lookup", "main")
    root.call("Reload")
    assert root.signals("Repaired", since) == []
    ground.assert_nothing_left()
    if ground.vpn.process.running():
        assert_direct(ground, PLAIN[:1])


def test_protected_again_after_repair(ground, root):
    since = root.mark()
    ground.host.ip("route", "flush", "table", "83")
    ground.host.ip("-6", "route", "flush", "table", "83")
    root.wait_signal("Repaired", "steering", None, since=since)
    if root.state()[0] == "protecting":
        assert_through_vpn(ground)
    else:
        assert_inside(ground, PLAIN[:3])
