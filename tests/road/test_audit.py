# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit: silent on a sound machine, and every defect that is really there is named with its remedy."""

import json
import os
import re
import shlex

import pytest

from lib import proc
from lib.ground import BY_MARK, BY_PORT
from lib.internet import HOST, PUBLIC_SERVER, ROUTER, UPLINK
from lib.machine import environment
from lib.wireguard import MARK, PORT

SOUND = [True, []]
COMMAND = re.compile(r"'((?:ip|sysctl) [^']*)'")


def severities(audit):
    return [finding[0] for finding in audit[1]]


def ksctl(ground, *arguments, user="root", env=None):
    return proc.run("ksctl", *arguments, namespace=ground.host.name, user=user, check=False,
                    env=env or environment())


def until_audit(root, wanted, what):
    """Events about what was just changed may still be on their way to the service."""
    last = []

    def asked():
        last[:] = [root.call("Audit")]
        return wanted(last[0])
    try:
        proc.until(asked, what)
    except proc.TimedOut as late:
        raise proc.TimedOut(f"{late}\n{last}") from None
    return last[0]


def obey(ground, finding):
    """Does what the finding says."""
    command, = COMMAND.findall(finding[2])
    ground.host.run(*shlex.split(command))


def assert_remedied(ground, root, finding):
    obey(ground, finding)
    if "until it is gone" in finding[2]:
        until_audit(root, lambda audit: audit[1], "the finding again")
        obey(ground, finding)
    until_audit(root, lambda audit: audit == SOUND, "the audit to be silent again")
    proc.until(lambda: root.get("Degraded") == [], "nothing to be degraded")


# Sound machines

@pytest.mark.parametrize("lan", ("private", "none", "all"))
@pytest.mark.parametrize("settings", (BY_MARK, BY_PORT), ids=("mark", "port"))
def test_a_sound_machine_has_no_findings(ground, settings, lan):
    ground.connect(**({} if settings == BY_MARK else {"mark": 0}))
    root = ground.serve(settings)
    root.call("Engage")
    root.call("SetLan", lan)
    assert root.state()[0] == "protecting"
    assert root.call("Audit") == SOUND
    assert root.state()[1]["Degraded"] == []
    ground.vpn.kill()
    root.wait_state("blocking")
    assert root.call("Audit") == SOUND
    assert root.state()[1]["Degraded"] == []


@pytest.fixture
def root(ground):
    """Engaged, with the VPN up."""
    ground.connect()
    caller = ground.serve(BY_MARK)
    caller.call("Engage")
    return caller


def test_off_and_paused_are_not_sound(ground, root):
    root.call("Pause", 60_000_000)
    sound, findings = root.call("Audit")
    assert (sound, [finding[:2] for finding in findings]) == (False, [["hole", "state"]])
    assert "ksctl resume" in findings[0][2]
    root.call("Release")
    sound, findings = root.call("Audit")
    assert (sound, [finding[:2] for finding in findings]) == (False, [["hole", "state"]])
    assert "ksctl on" in findings[0][2]
    # What would be found if it were engaged now.
    ground.host.ip("rule", "add", "priority", "50", "to", PUBLIC_SERVER[4], "lookup", "main")
    sound, findings = root.call("Audit")
    assert [finding[:2] for finding in findings] == [["hole", "state"], ["risk", "rule 50 (IPv4)"]]
    assert root.get("Degraded") == []
    obey(ground, findings[1])
    root.call("Engage")
    assert root.call("Audit") == SOUND


# Rules of others

# What is put into the host, before and with the rule, and the rule itself.
LEADS_OUT = {
    "all": "from all lookup main",
    "to": "to {public} lookup main",
    "to a network": "to {public}/{half} lookup main",
    "mark": "fwmark 0x9 lookup main",
    "masked mark": "fwmark 0x10/0xf0 lookup main",
    "the transport's mark, any protocol": f"fwmark {MARK:#x} lookup main",
    "user": "uidrange 4000-4000 lookup main",
    "from": "from {host} lookup main",
    "iif": "iif lo lookup main",
    "oif": "oif eth0 lookup main",
    "port": "ipproto tcp dport 443 lookup main",
    "protocol": "ipproto icmp lookup main",
    "tos": "tos 0x10 lookup main",
    "not": "not fwmark 0x9 lookup main",
    "not to": "not to {vpn} lookup main",
    "own table": "lookup 60",
    "halves that nothing suppresses": "lookup 61 suppress_prefixlength 0",
    "DNS to the LAN": "to {router} lookup main",
    "condition that is not known": "suppress_ifgroup 77 lookup main",
}
# Rules that come first and do no harm.
LEADS_NOWHERE = {
    "local": "lookup local",
    "no default": "lookup main suppress_prefixlength {bits}",
    "wg-quick's blanket rule": "lookup main suppress_prefixlength 0",
    "private LAN": "to {lan} ipproto tcp dport 80 lookup main",
    "the VPN's own table": "lookup 62",
    "wg-quick": f"not fwmark {MARK:#x} lookup 62",
    "the transport itself": f"fwmark {MARK:#x} ipproto udp lookup main",
    "refused": "to {public} blackhole",
    "empty table": "lookup 63",
    "thrown": "lookup 64",
    "goto ours": "goto 100",
    "goto behind a way out": "goto 52",
    "forwarded, and nothing is": "from {stranger} lookup main",
    "not all": "not from all lookup main",
    "dummy": "lookup 65",
}
TABLES = """
    route add default via {router} dev eth0 table 60
    route add {lower} via {router} dev eth0 table 61
    route add {upper} via {router} dev eth0 table 61
    route add default dev wg0 table 62
    route add throw default table 64
    route add default dev lo table 65"""
VALUES = {
    4: {"public": PUBLIC_SERVER[4], "half": 24, "host": HOST[4], "router": ROUTER[4], "vpn": "10.8.0.0/24",
        "lan": "192.168.77.0/24", "lower": "0.0.0.0/1", "upper": "128.0.0.0/1", "bits": 32, "stranger": "192.0.2.77"},
    6: {"public": PUBLIC_SERVER[6], "half": 48, "host": HOST[6], "router": "fd00:77::1", "vpn": "fd08::/64",
        "lan": "fd00:77::/64", "lower": "::/1", "upper": "8000::/1", "bits": 128, "stranger": "2001:db8:99::7"},
}


def add_rule(ground, family, text, priority=50):
    values = VALUES[family]
    if any(word in text for word in ("lookup 60", "lookup 61", "lookup 62", "lookup 64", "lookup 65")):
        for line in TABLES.strip().splitlines():
            ground.host.ip(f"-{family}", *line.format(**values).split())
    ground.host.ip(f"-{family}", "rule", "add", "priority", str(priority), *text.format(**values).split())


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("text", LEADS_OUT.values(), ids=LEADS_OUT.keys())
def test_a_rule_that_leads_out_is_named(ground, root, text, family):
    if family == 4 and text.startswith("to {router}"):
        assert ROUTER[4].startswith("192.168.")
    add_rule(ground, family, text)
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    # The guard holds.
    assert audit[0] is True
    finding, = audit[1]
    assert finding[:2] == ["risk", f"rule 50 (IPv{family})"]
    assert UPLINK in finding[2] and "guard" in finding[2]
    proc.until(lambda: root.get("Degraded") == [finding[2]], "the rule among what is degraded")
    assert_remedied(ground, root, finding)


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("text", LEADS_NOWHERE.values(), ids=LEADS_NOWHERE.keys())
def test_a_rule_that_does_not_lead_out_is_none_of_our_business(ground, root, text, family):
    if text == "goto 52":
        ground.host.ip(f"-{family}", "rule", "add", "priority", "51", "to", PUBLIC_SERVER[family], "lookup", "main")
        until_audit(root, lambda audit: audit[1], "the way out that is to be passed over")
        ground.host.ip(f"-{family}", "rule", "add", "priority", "52", "to", "192.0.2.1" if family == 4 else "2001:db8::99",
                       "blackhole")
    add_rule(ground, family, text)
    # Another rule, that does, shows when the service has come so far.
    ground.host.ip(f"-{10 - family}", "rule", "add", "priority", "55", "lookup", "main")
    audit = until_audit(root, lambda audit: audit[1], "the other finding")
    assert [finding[1] for finding in audit[1]] == [f"rule 55 (IPv{10 - family})"]
    proc.until(lambda: len(root.get("Degraded")) == 1, "the other rule alone to be degraded")


def test_a_rule_behind_ours_is_none_of_our_business(ground, root):
    for family in (4, 6):
        add_rule(ground, family, "lookup main", priority=192)
        add_rule(ground, family, "lookup main", priority=191)
    assert root.call("Audit") == SOUND
    assert root.get("Degraded") == []


@pytest.mark.parametrize("priority", (99, 110, 150, 189))
def test_a_rule_among_ours_is_found(ground, root, priority):
    add_rule(ground, 4, "lookup main", priority=priority)
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    assert [finding[1] for finding in audit[1]] == [f"rule {priority} (IPv4)"]
    assert_remedied(ground, root, audit[1][0])


def test_goto_past_ours_is_a_way_out(ground, root):
    ground.host.ip("rule", "add", "priority", "50", "goto", "32766")
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    assert "rule 50 (IPv4)" in [finding[1] for finding in audit[1]], audit
    assert "goto 32766" in audit[1][0][2]
    assert_remedied(ground, root, audit[1][0])


def test_forwarded_packets_count_where_packets_are_forwarded(ground, root):
    add_rule(ground, 4, "from 192.0.2.77 lookup main")
    add_rule(ground, 4, "iif wg0 lookup main", priority=51)
    assert root.call("Audit") == SOUND
    ground.host.write("net/ipv4/ip_forward", 1)
    audit = until_audit(root, lambda audit: len(audit[1]) == 2, "two findings")
    assert {finding[1] for finding in audit[1]} == {"rule 50 (IPv4)", "rule 51 (IPv4)"}


def test_what_a_rule_looks_up_may_change_later(ground, root):
    """The rule is harmless until its table gets a route."""
    add_rule(ground, 4, "lookup 63")
    assert root.call("Audit") == SOUND
    ground.host.ip("route", "add", "203.0.113.0/24", "via", ROUTER[4], "table", "63")
    proc.until(lambda: root.get("Degraded"), "the rule among what is degraded")
    assert severities(root.call("Audit")) == ["risk"]
    ground.host.ip("route", "flush", "table", "63")
    proc.until(lambda: root.get("Degraded") == [], "nothing to be degraded")
    assert root.call("Audit") == SOUND


def test_a_flood_of_rules_keeps_nobody_waiting(ground, root):
    """Two thousand rules ahead of ours: few sentences, and every call is answered all the while."""
    ground.host.ips("\n".join(f"rule add priority 50 from 192.168.77.2 to 203.0.{number // 250}.{number % 250} lookup main"
                              for number in range(2000)))
    proc.until(lambda: root.get("Degraded"), "the rules among what is degraded")
    degraded = root.get("Degraded")
    assert 1 <= len(degraded) <= 6, degraded
    sound, findings = root.call("Audit")
    assert sound and 1 < len(findings) <= 60
    since = root.mark()
    ground.host.ip("rule", "delete", "priority", "190", "protocol", "83")
    root.wait_signal("Repaired", "steering", None, since=since)
    ground.host.ips("\n".join(["rule delete priority 50"] * 2000))
    until_audit(root, lambda audit: audit == SOUND, "the audit to be silent again")
    proc.until(lambda: root.get("Degraded") == [], "nothing to be degraded")


# Routes of others

@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("table", ("83", "local"))
def test_a_foreign_route_is_named(ground, root, family, table):
    ground.host.ip(f"-{family}", "route", "add", PUBLIC_SERVER[family], "via", VALUES[family]["router"],
                   "dev", UPLINK, "table", table)
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    finding, = audit[1]
    assert finding[0] == "risk"
    assert PUBLIC_SERVER[family] in finding[1] and UPLINK in finding[2]
    assert_remedied(ground, root, finding)


def test_wg_quick_comes_before_ours(ground, root):
    """Its rules have no priority and so get one before all others. That does no harm as long as the
    network pushes no routes."""
    ground.host.ips(f"""
        route add default dev wg0 table 51820
        rule add not fwmark {MARK:#x} table 51820
        rule add table main suppress_prefixlength 0""")
    rules = [rule["priority"] for rule in ground.rules(4) if rule.get("table") == "51820"]
    assert rules and rules[0] < 100
    ground.host.ip("-6", "rule", "add", "priority", "55", "lookup", "main")
    audit = until_audit(root, lambda audit: audit[1], "the other finding")
    assert [finding[1] for finding in audit[1]] == ["rule 55 (IPv6)"]
    obey(ground, audit[1][0])
    ground.host.ip("route", "add", "203.0.113.0/24", "via", ROUTER[4])
    audit = until_audit(root, lambda audit: audit[1] and "IPv4" in audit[1][0][1], "the route to matter")
    proc.until(lambda: len(root.get("Degraded")) == 1, "the rule to be degraded")
    assert "suppress_prefixlength 0" in audit[1][0][2]
    assert_remedied(ground, root, audit[1][0])


def test_pushed_routes_are_no_finding(ground, root):
    """TunnelVision: they lead nowhere."""
    ground.host.ips(f"""
        route add 0.0.0.0/1 via {ROUTER[4]}
        route add 203.0.113.0/24 via {ROUTER[4]}
        route add 2001:db8:113::/64 via {ROUTER[6]}""")
    assert root.call("Audit") == SOUND


# Layers

def test_without_the_guard_it_is_not_sound(ground):
    """Another program owns a table of the guard's name; with Guard=optional the rules stand alone."""
    from lib.agent import Terminal
    ground.connect()
    terminal = Terminal(["nft", "-i"], namespace=ground.host.name)
    terminal.expect("nft> ")
    terminal.type("add table inet killswitch { flags owner; }")
    proc.until(lambda: "killswitch" in ground.host.run("nft", "list", "tables"), "the foreign table")
    root = ground.serve(f"{BY_MARK}\n[Killswitch]\nGuard=optional\n")
    root.call("Engage")
    sound, findings = root.call("Audit")
    assert sound is False
    assert [finding[:2] for finding in findings] == [["hole", "guard"]]
    # It does leave.
    before = ground.uplink.snapshot()
    ground.probe({"kind": "udp", "to": PUBLIC_SERVER[4], "port": 7, "device": UPLINK})
    assert ground.uplink.leaks(before) != {}
    # What the guard would have stopped is a hole now.
    add_rule(ground, 4, "lookup main")
    audit = until_audit(root, lambda audit: len(audit[1]) == 2, "two findings")
    assert severities(audit) == ["hole", "hole"]
    assert "nothing stops it" in next(finding[2] for finding in audit[1] if finding[1] == "rule 50 (IPv4)")
    terminal.kill()
    ground.host.ip("rule", "delete", "priority", "50")
    root.call("Reload")
    until_audit(root, lambda audit: audit == SOUND, "the audit to be silent again")


def test_what_is_repaired_at_once_is_no_finding(ground, root):
    for _ in range(5):
        ground.host.run("nft", "delete", "table", "inet", "killswitch")
        ground.host.ip("-6", "rule", "flush")
        assert root.call("Audit") == SOUND
        ground.host.ip("-6", "rule", "add", "priority", "32766", "lookup", "main")


# Links

@pytest.fixture
def tap(ground):
    ground.host.ip("tuntap", "add", "tap0", "mode", "tap")


def test_a_macvlan_on_the_uplink(ground, root):
    ground.host.ip("link", "add", "mv0", "link", UPLINK, "type", "macvlan")
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    finding, = audit[1]
    assert (audit[0], finding[:2]) == (True, ["risk", "mv0"])
    assert "macvlan" in finding[2] and UPLINK in finding[2]
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nEgressGuard=yes\n")
    root.call("Reload")
    assert root.call("Audit") == SOUND
    ground.daemon.configure(BY_MARK)
    root.call("Reload")
    assert_remedied(ground, root, finding)


def test_a_macvlan_on_a_link_that_leads_nowhere(ground, root):
    ground.host.ips("""
        link add v0 type veth peer name v1
        link add mv0 link v0 type macvlan
        link add mv1 link eth0 type macvlan""")
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    assert [finding[1] for finding in audit[1]] == ["mv1"]


@pytest.mark.parametrize("routes_by", ("eth0", "br0"))
def test_a_guest_bridged_to_the_uplink(ground, root, tap, routes_by):
    ground.host.ips("""
        link add br0 type bridge
        link set eth0 master br0
        link set br0 up
        link set tap0 up""")
    if routes_by == "br0":
        ground.host.ips(f"""
            address flush dev eth0
            address add {HOST[4]}/24 dev br0
            route add default via {ROUTER[4]} dev br0""")
    assert root.call("Audit") == SOUND
    ground.host.ip("link", "set", "tap0", "master", "br0")
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    finding, = audit[1]
    assert (audit[0], finding[:2]) == (True, ["risk", "br0"])
    assert "tap0" in finding[2]
    if routes_by == "eth0":
        assert_remedied(ground, root, finding)


def test_a_bridge_of_guests_alone(ground, root, tap):
    ground.host.ips("""
        link add br0 type bridge
        address add 172.17.0.1/16 dev br0
        link add v0 type veth peer name v1
        link set v0 master br0
        link set tap0 master br0
        link set br0 up
        link set v0 up
        link set v1 up""")
    proc.until(lambda: ground.routes(4, "main"), "routes")
    assert root.call("Audit") == SOUND


def test_an_uplink_among_the_host_interfaces(ground, root):
    """One that the default route goes over is never taken for one; another one may be."""
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nHostInterfaces=eth0\n")
    root.call("Reload")
    assert root.call("Audit") == SOUND
    for family in (4, 6):
        ground.host.ip(f"-{family}", "route", "delete", "default")
        ground.host.ip(f"-{family}", "route", "add", PUBLIC_SERVER[family], "via", ROUTER[family])
    sound, findings = until_audit(root, lambda audit: audit[1], "a finding")
    assert sound is False
    assert ["hole", "eth0"] in [finding[:2] for finding in findings]
    before = ground.uplink.snapshot()
    ground.probe({"kind": "udp", "to": PUBLIC_SERVER[4], "port": 7, "device": UPLINK})
    assert ground.uplink.leaks(before) != {}
    ground.daemon.configure(BY_MARK)
    root.call("Reload")
    assert root.call("Audit") == SOUND


# Answers, and selectors

@pytest.mark.parametrize("mode", (1, 2))
def test_reverse_path_filter_without_marks(ground, root, mode):
    ground.host.write(f"net/ipv4/conf/{UPLINK}/rp_filter", mode)
    ground.host.write("net/ipv4/conf/all/src_valid_mark", 0)
    sound, findings = root.call("Audit")
    assert (sound, [finding[:2] for finding in findings]) == (True, [["note", UPLINK]])
    obey(ground, findings[0])
    assert root.call("Audit") == SOUND
    ground.host.write("net/ipv4/conf/all/src_valid_mark", 0)
    ground.host.write(f"net/ipv4/conf/{UPLINK}/rp_filter", 0)
    assert root.call("Audit") == SOUND


WRONG = {
    "mark": (BY_MARK.replace(f"{MARK:#x}", "0x77"), {}),
    "port": (BY_PORT.replace(str(PORT), "51999"), {"mark": 0}),
    "user": (BY_PORT.replace("root", "tester"), {"mark": 0}),
    "protocol": (BY_MARK + "Protocol=tcp\n", {}),
}


@pytest.mark.parametrize("settings, options", WRONG.values(), ids=WRONG.keys())
def test_a_section_that_no_socket_fits(ground, settings, options):
    ground.connect(**options)
    root = ground.serve(settings)
    root.call("Engage")
    sound, findings = root.call("Audit")
    assert (sound, [finding[:2] for finding in findings]) == (True, [["note", "wg"]])
    assert "[VPN wg]" in findings[0][2]
    ground.daemon.configure(BY_PORT if options else BY_MARK)
    root.call("Reload")
    assert root.call("Audit") == SOUND


# Who asks

def test_everybody_may_ask_and_nobody_waits_long(ground, root):
    """A flood of calls is answered by few audits, and the rest of the service goes on."""
    crowd = [ground.caller(user) for user in ("tester", "guest", "local")]
    for _ in range(20):
        numbers = [(caller, caller.start("Audit")) for caller in crowd for _ in range(10)]
        assert root.state()[0] == "protecting"
        assert [caller.finish(number) for caller, number in numbers] == [SOUND] * len(numbers)
    numbers = [crowd[0].start("Audit") for _ in range(40)]
    outcomes = {"answered": 0, "refused": 0}
    from lib.bus import ERROR, BusError
    for number in numbers:
        try:
            assert crowd[0].finish(number) == SOUND
            outcomes["answered"] += 1
        except BusError as error:
            assert error.name == f"{ERROR}LimitsExceeded"
            outcomes["refused"] += 1
    assert outcomes["answered"] >= 16
    assert crowd[0].call("Audit") == SOUND


def test_ksctl_audit(ground, root):
    done = ksctl(ground, "audit", user="tester")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Sound:") and done.stdout.count("\n") == 1
    ground.host.ip("link", "add", "mv0", "link", UPLINK, "type", "macvlan")
    until_audit(root, lambda audit: audit[1], "a finding")
    done = ksctl(ground, "audit", env=environment(COLUMNS="60"))
    assert done.returncode == 0
    assert done.stdout.startswith("Sound:") and "Risk: mv0." in done.stdout and "'ip link delete" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 60
    root.call("Release")
    done = ksctl(ground, "audit")
    assert done.returncode == 5
    assert done.stdout.startswith("Not sound:") and "Hole: state." in done.stdout
    done = ksctl(ground, "audit", "--json=short")
    told = json.loads(done.stdout)
    assert done.returncode == 5 and told["Sound"] is False
    assert [list(finding) for finding in told["Findings"]] == [["Severity", "Subject", "Text"]] * 2
    assert [finding["Severity"] for finding in told["Findings"]] == ["hole", "risk"]
    done = ksctl(ground, "audit", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")
    ground.daemon.stop()
    assert ksctl(ground, "audit").returncode == 8


def test_names_are_made_safe(ground, root):
    """A rule that names an interface as no shell would take it: the remedy doesn't repeat the name."""
    name = "a;reboot"
    ground.host.ip("link", "add", name, "type", "dummy") if os.path.exists("/sys/module/dummy") else None
    ground.host.ip("rule", "add", "priority", "50", "iif", "lo", "oif", "eth0", "lookup", "main")
    ground.host.ip("rule", "add", "priority", "51", "oif", name, "lookup", "main")
    audit = until_audit(root, lambda audit: audit[1], "a finding")
    for finding in audit[1]:
        assert all(name not in command for command in COMMAND.findall(finding[2]))
