# SPDX-License-Identifier: GPL-2.0-or-later
"""Disturbances and the service's own life, seen from the wire: compact, one case each."""

import os
import shutil
import signal

import pytest

from lib import proc
from lib.bus import SECOND, BusError, Caller
from lib.daemon import DROP_INS, STATE
from lib.internet import PUBLIC_SERVER, UPLINK
from lib.wireguard import CLIENT, SERVER_PORT

from leaks import checks
from leaks.checks import kept_in, let_out
from leaks.lab import Scene
from leaks.report import Leak

UP, GONE = Scene("up"), Scene("gone")
INTENT = f"{STATE}/intent"


def out(lab):
    """The control: released, both families, plain and bound to the uplink."""
    return sum(let_out(lab, PUBLIC_SERVER[family], **way) for family in (4, 6) for way in ({}, {"device": UPLINK}))


def shut(lab):
    """The same ways, none of which may leave by the uplink."""
    return sum(kept_in(lab, PUBLIC_SERVER[family], **way) for family in (4, 6)
               for way in ({}, {"device": UPLINK}, {"kind": "tcp"}, {"kind": "icmp", "device": UPLINK}))


@pytest.fixture
def engaged(lab, request):
    """Released, tried, engaged: the scene, and how many packets the control showed."""
    scene = getattr(request, "param", GONE)
    lab.release(scene)
    seen = out(lab)
    lab.engage(scene)
    yield seen
    lab.spoilt()


both = pytest.mark.parametrize("engaged", (GONE, UP), ids=("gone", "up"), indirect=True)
up = pytest.mark.parametrize("engaged", (UP,), ids=("up",), indirect=True)


@pytest.mark.parametrize("scene", (GONE, UP), ids=("gone", "up"))
def test_T15_sockets_from_before(lab, record, scene):
    lab.release(scene)
    ways = [{"kind": kind, "family": family, **more} for family in (4, 6) for kind in ("udp", "tcp")
            for more in ({}, {"device": UPLINK})] + [{"kind": "icmp", "family": family} for family in (4, 6)]
    seen = 0
    for number, way in enumerate(ways):
        name, target = f"old{number}", PUBLIC_SERVER[way["family"]]
        assert lab.tell("open", name=name, **way)["errors"] == []
        assert lab.tell("connect", name=name, to=target, port=7, wait=5000)["errors"] == []
        lab.tell("send", name=name, tag=next(lab.tags))
        assert lab.tell("receive", name=name, wait=5000)["reply"], way
        seen += 1
    lab.engage(scene)
    lab.listen()
    for number in range(len(ways)):
        lab.tell("send", name=f"old{number}", tag=next(lab.tags), count=3)
    packets = lab.refuse("sockets from before")
    seen += lab.vpn_speaks()
    stray = [packet for packet in lab.taps["tunnel"].take() if packet.source not in CLIENT.values()
             and packet.target in PUBLIC_SERVER.values()]
    if stray:
        raise Leak(f"a socket from before showed the LAN's address inside the tunnel: {stray[0]}")
    lab.listen()
    for number in range(len(ways)):
        lab.tell("close", name=f"old{number}")
    lab.refuse("closing sockets from before")
    record(packets, seen, tries=len(ways))


@up
@pytest.mark.parametrize("how", ("down", "deleted", "renamed"))
def test_T17_vpn_link_changes(lab, record, engaged, how):
    before = lab.host.ifindex("wg0")
    lab.listen()
    if how == "down":
        lab.vpn.link_down()
    elif how == "deleted":
        lab.vpn.delete()
    else:
        lab.host.ips("link set wg0 down\nlink set wg0 name wg9\nlink set wg9 up")
    lab.root.wait_state("blocking")
    packets = lab.refuse(f"the VPN's link {how}") + shut(lab)
    if how == "down":
        lab.vpn.link_up()
    elif how == "deleted":
        lab.vpn.up()
        assert lab.host.ifindex("wg0") != before
    else:
        lab.host.ips("link set wg9 down\nlink set wg9 name wg0")
        lab.vpn.link_up()
    lab.root.wait_state("protecting")
    record(packets + shut(lab), engaged + lab.vpn_speaks(4) + lab.vpn_speaks(6), how)


DAMAGE = {
    "rules": lambda lab: lab.delete_rules(),
    "table": lambda lab: lab.delete_routes(),
    # Main's own rules go along; without them nobody is online any more.
    "rule-flush": lambda lab: lab.host.run(
        "sh", "-c", "for family in -4 -6; do ip $family rule flush; ip $family rule add priority 32766 lookup main; done"),
}


@both
@pytest.mark.parametrize("damage", DAMAGE)
def test_T19_repaired(lab, record, engaged, damage):
    before, since = lab.ours(), lab.root.mark()
    lab.listen()
    DAMAGE[damage](lab)
    lab.root.wait_signal("Repaired", "steering", None, since=since)
    proc.until(lambda: lab.ours() == before, f"everything to be as before {damage}")
    record(lab.refuse(damage) + shut(lab), engaged + lab.vpn_speaks(), f"{damage} deleted and repaired")


@both
def test_T20_repaired(lab, record, engaged):
    before, since = lab.ours(), lab.root.mark()
    lab.listen()
    lab.host.run("nft", "flush", "ruleset")
    lab.root.wait_signal("Repaired", "guard", None, since=since)
    proc.until(lambda: lab.ours() == before, "the guard to be back")
    record(lab.refuse("nft flush ruleset") + shut(lab), engaged + lab.vpn_speaks(), "ruleset flushed and repaired")


@both
def test_T21_foreign_rules_and_routes_deleted(lab, record, engaged):
    """systemd-networkd deletes, rule by rule and route by route, what it doesn't know, whatever its protocol."""
    before, since = lab.ours(), lab.root.mark()
    lab.listen()
    lab.delete_rules()
    lab.delete_routes()
    lab.root.wait_signal("Repaired", "steering", None, since=since)
    proc.until(lambda: lab.ours() == before, "everything to be as before")
    record(lab.refuse("deletion of foreign rules") + shut(lab), engaged + lab.vpn_speaks())


@both
def test_T22_wg_quick_down(lab, record, engaged):
    """The real one, with a tunnel of its own; its loop ends, and what it took is back."""
    before = lab.ours()
    os.makedirs("/etc/wireguard", exist_ok=True)
    with open("/etc/wireguard/wgq.conf", "w", encoding="ascii") as conf:
        conf.write(f"[Interface]\nPrivateKey = {lab.vpn.private}\nAddress = 10.9.0.2/24\nTable = 51999\n"
                   "PostUp = ip -4 rule add table main suppress_prefixlength 0\n"
                   "PostUp = ip -4 rule add not fwmark 51999 table 51999\n"
                   f"[Peer]\nPublicKey = {lab.vpn.server_public}\nEndpoint = 192.0.2.99:{SERVER_PORT}\n"
                   "AllowedIPs = 198.18.0.0/15\n")
    os.chmod("/etc/wireguard/wgq.conf", 0o600)
    environment = {"PATH": os.environ["PATH"], "WG_QUICK_USERSPACE_IMPLEMENTATION": "wireguard-go",
                   "LOG_LEVEL": "error"}
    lab.listen()
    # wireguard-go stays behind, and would keep our pipes open.
    lab.host.run("sh", "-c", "wg-quick up wgq >/dev/null 2>&1", env=environment)
    assert "suppress_prefixlength 0" in lab.host.ip("rule", "show")
    # As wg-quick deletes its rules: for as long as one is listed.
    lab.host.run("bash", "-c", "while [[ $(ip -4 rule show 2>/dev/null) == *'from all lookup main "
                 "suppress_prefixlength 0'* ]]; do ip -4 rule delete table main suppress_prefixlength 0; done", limit=30)
    lab.host.run("wg-quick", "down", "wgq", env=environment)
    lab.host.run("ip", "rule", "delete", "not", "fwmark", "51999", "table", "51999", check=False)
    proc.until(lambda: lab.ours() == before, "everything to be as before wg-quick")
    record(lab.refuse("wg-quick up and down") + shut(lab), engaged + lab.vpn_speaks())


@both
def test_T23_rule_that_leads_out(lab, record, engaged):
    lab.host.ips("rule add priority 10 lookup main")
    lab.host.ip("-6", "rule", "add", "priority", "10", "lookup", "main")
    try:
        packets = shut(lab)
        sound, findings = lab.root.call("Audit")
    finally:
        lab.host.ip("rule", "delete", "priority", "10")
        lab.host.ip("-6", "rule", "delete", "priority", "10")
    assert any("10" in finding[2] or "10" in finding[1] for finding in findings), (sound, findings)
    record(packets + shut(lab), engaged + lab.vpn_speaks())


def test_T24_killed_at_any_point(lab, record):
    """Killed somewhere in Engage or Release while a program sends; restarted, it is as the intent says."""
    lab.release(GONE)
    seen, packets = out(lab), 0
    for cycle in range(8):
        sender = lab.prober()
        sender.start("try", kind="udp", family=4, to=PUBLIC_SERVER[4], port=7, count=500, tag=next(lab.tags))
        call = lab.root.start(("Engage", "Release")[cycle % 2])
        for _ in range(cycle // 2):
            lab.wire.settle()
        lab.daemon.kill()
        try:
            lab.root.finish(call)
        except BusError:
            pass
        sender.finish()
        lab.daemon.start()
        if lab.root.state()[0] == "off":
            lab.assert_nothing_left()
            seen += out(lab)
        else:
            packets += shut(lab)
            seen += lab.vpn_speaks()
    lab.spoilt()
    record(packets, seen, tries=8)


def test_T25_boot(lab, record, engaged):
    """The kernel starts empty; --restore runs ahead of the network, and without a bus."""
    lab.daemon.kill()
    lab.wipe()
    seen = engaged + out(lab)
    lab.host.ip("link", "set", UPLINK, "down")
    lab.daemon.once("--restore")
    lab.listen_again()
    packets = shut(lab)
    lab.daemon.start()
    assert lab.root.state()[0] == "blocking"
    record(packets + shut(lab), seen + lab.vpn_speaks())


def corrupt(text):
    with open(INTENT, "w", encoding="ascii") as file:
        file.write(text)


SPOILT = {
    "garbage": lambda: corrupt("\0\1\2[[[\n"),
    "empty": lambda: corrupt(""),
    "half": lambda: os.truncate(INTENT, os.path.getsize(INTENT) // 2),
    "directory": lambda: (os.unlink(INTENT), os.mkdir(INTENT)),
    "unreadable": lambda: (os.chown(INTENT, 0, 0), os.chmod(INTENT, 0)),
}


@pytest.mark.parametrize("damage", SPOILT)
def test_T26_spoilt_intent(lab, record, engaged, damage):
    """Whatever it was, it counts as engaged."""
    lab.daemon.kill()
    lab.wipe()
    SPOILT[damage]()
    lab.daemon.start()
    assert lab.root.state()[0] == "blocking"
    packets = shut(lab)
    if damage == "directory":
        shutil.rmtree(INTENT)
    record(packets, engaged + lab.vpn_speaks(), damage)


@pytest.mark.parametrize("damage", ("read-only", "full"))
def test_T26_nothing_can_be_written(lab, record, engaged, damage):
    lab.root.call("Reload")
    if damage == "full":
        proc.run("mount", "-t", "tmpfs", "-o", "size=4k,mode=0700,uid=killswitch,gid=killswitch", "tmpfs", STATE)
        proc.run("sh", "-c", f"head -c 4096 /dev/zero > {STATE}/full")
    else:
        proc.run("mount", "--bind", STATE, STATE)
        proc.run("mount", "-o", "remount,bind,ro", STATE)
    try:
        with pytest.raises(BusError):
            lab.root.call("Release")
        packets = shut(lab)
        seen = engaged + lab.vpn_speaks()
    finally:
        proc.run("umount", STATE)
    record(packets, seen, damage)


@both
def test_T27_callers_without_authorization(lab, record, engaged):
    guest, before = Caller("guest"), lab.ours()
    lab.listen()
    calls = [("Engage", ()), ("Release", ()), ("Pause", (60 * SECOND,)), ("Resume", ()), ("EngageTrial", (60 * SECOND,)),
             ("Confirm", ()), ("SetLan", ("all",)), ("Reload", ())]
    refused = 0
    for member, arguments in calls:
        try:
            guest.call(member, *arguments)
        except BusError:
            refused += 1
    guest.close()
    # Engage and Resume have nothing to do when engaged, and then ask for nothing.
    assert refused >= len(calls) - 2 and lab.ours() == before
    record(lab.refuse("calls of a guest") + shut(lab), engaged + lab.vpn_speaks(), tries=len(calls))


def test_T28_hostile_names(lab, record, engaged):
    before = lab.ours()
    names = ['wg0";flush{}', "a;accept;#", "$(reboot)", "&&reboot", "}\"{", "-j", "*", "wg0\\"]
    for name in names:
        lab.host.ip("link", "add", "name", name, "type", "veth", "peer", "name", "peer0")
        lab.host.ip("link", "set", "dev", name, "up")
        lab.root.call("GetState")
        lab.host.ip("link", "delete", "dev", "peer0")
    proc.until(lambda: lab.ours() == before, "the plan not to know these names")
    packets = shut(lab)
    texts = ["[VPN x]\nInterface=wg0\"; flush ruleset\n", "[VPN x]\nInterface=" + "a" * (1 << 20) + "\n",
             "[Killswitch]\nUnknown=yes\n", "".join(f"[VPN v{number}]\nInterface=i{number}\n" for number in range(10000)),
             "[Killswitch]\nTable=-1\n", "\0" * 100]
    for text in texts:
        path = lab.daemon.configure(text, f"{DROP_INS}/90-hostile.conf")
        with pytest.raises(BusError):
            lab.root.call("Reload")
        os.unlink(path)
    for text in ("x" * (1 << 20), "all; flush ruleset", ""):
        with pytest.raises(BusError):
            lab.root.call("SetLan", text)
    assert lab.ours() == before
    record(packets + shut(lab), engaged + lab.vpn_speaks(), tries=len(names) + len(texts) + 3)


def test_T29_events_and_calls(lab, record, engaged):
    """More events than a socket holds, and a user's calls all at once."""
    before = lab.ours()
    guest = Caller("guest")
    calls = [guest.start("Release") for _ in range(200)]
    lab.listen()
    lab.host.ips("\n".join(f"route add 198.18.{number // 250}.{number % 250}/32 dev lo table 70" for number in range(2000)))
    packets = lab.refuse("a flood of events") + shut(lab)
    for call in calls:
        with pytest.raises(BusError):
            guest.finish(call)
    guest.close()
    assert lab.ours() == before
    lab.host.ip("route", "flush", "table", "70")
    record(packets, engaged + lab.vpn_speaks())


def test_T34_packet_socket_needs_rights(lab, record, engaged):
    """A program without rights can't open one; what root may is outside the model without EgressGuard=."""
    lab.listen()
    for family in (4, 6):
        told = lab.tell("try", kind="packet", family=family, link=UPLINK, to=PUBLIC_SERVER[family])
        assert told["errors"] == ["EPERM"], told
    record(lab.refuse("a program's packet socket"), engaged)


def test_T34_egress_guard(lab, record):
    """With EgressGuard=yes not even root's frames leave, from a packet socket or a link beside the uplink."""
    packets, seen = checks.packet_socket_of_root(lab, Scene("gone", settings="egress"))
    record(packets + shut(lab), seen + lab.vpn_speaks(), "packet socket with EgressGuard")
    lab.spoilt()


def test_T35_trial_ends(lab, record):
    """Nobody confirms: it lets go by itself."""
    lab.release(GONE)
    seen = out(lab)
    since = lab.root.mark()
    lab.root.call("EngageTrial", 3 * SECOND)
    packets = shut(lab)
    seen += lab.vpn_speaks()
    lab.root.wait_signal("StateChanged", "blocking", "off", None, since=since)
    lab.assert_nothing_left()
    record(packets, seen + out(lab))


def test_T36_rescue_after_a_crash(lab, record, engaged):
    """The service is dead and its settings are broken; everything is engaged."""
    lab.daemon.process.end(signal.SIGKILL)
    packets = shut(lab)
    path = lab.daemon.configure("[Nonsense\n", f"{DROP_INS}/90-broken.conf")
    lab.daemon.once("--rescue", root=True)
    os.unlink(path)
    lab.assert_nothing_left()
    record(packets, engaged + out(lab))
