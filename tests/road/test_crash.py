# SPDX-License-Identifier: GPL-2.0-or-later
"""The service killed, restarted, bypassed: the wire doesn't notice. And the way out of trouble."""

import pytest

from lib import proc
from lib.bus import BusError
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER, UPLINK
from lib.senders import Flood

from lib.ways import INSISTENT, PLAIN, assert_direct, assert_inside, assert_through_vpn


@pytest.fixture
def root(ground):
    ground.connect()
    caller = ground.serve(BY_MARK)
    caller.call("Engage")
    assert caller.state()[0] == "protecting"
    return caller


def test_kill_changes_nothing_on_the_wire_and_the_next_start_adopts(ground, root):
    before, changed = ground.ours(), root.get("Since")
    ground.daemon.kill()
    assert ground.ours() == before
    assert_through_vpn(ground)
    assert_inside(ground, INSISTENT)
    ground.daemon.start()
    state, details = root.state()
    assert (state, details["Degraded"]) == ("protecting", [])
    assert details["Since"] == changed
    assert ground.ours() == before
    root.call("Release")
    ground.assert_nothing_left()
    assert_direct(ground, PLAIN[:2], INSISTENT[:1])


def test_vpn_goes_and_comes_back_while_the_service_is_dead(ground, root):
    ground.daemon.kill()
    wire = ground.uplink.snapshot()
    ground.vpn.kill()
    assert_inside(ground, PLAIN[:3], INSISTENT)
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert_inside(ground, PLAIN[:3], INSISTENT)
    ground.daemon.kill()
    ground.vpn.up()
    ground.daemon.start()
    assert root.state()[0] == "protecting"
    assert_through_vpn(ground)
    assert ground.uplink.leaks(wire) == {}


def test_started_without_a_restart_in_between_nothing_is_rewritten(ground, root):
    """Adoption takes what is there as it is: not one rule is made anew."""
    ground.daemon.kill()
    monitor = ground.host.spawn("ip-monitor", ["stdbuf", "-oL", "ip", "-4", "monitor", "route", "rule"])

    def listening():
        ground.host.ip("route", "add", "192.0.2.1/32", "dev", "lo")
        ground.host.ip("route", "delete", "192.0.2.1/32", "dev", "lo")
        return "192.0.2.1" in monitor.log()
    proc.until(listening, "ip monitor to listen")
    ground.daemon.start()
    assert root.state()[0] == "protecting"
    ground.host.ip("route", "add", "192.0.2.2/32", "dev", "lo")
    proc.until(lambda: "192.0.2.2" in monitor.log(), "ip monitor to show the last change")
    told = [line for line in monitor.log().splitlines() if "192.0.2." not in line and line.strip()]
    monitor.end()
    assert told == []


@pytest.mark.watchdog(300)
def test_kill_at_any_point_of_engage_and_release(ground):
    """Killed somewhere on the way, under a flood: what it is after the restart holds for all."""
    ground.connect()
    root = ground.serve(BY_MARK)
    flood = Flood(ground.host, *((PUBLIC_SERVER[family], device) for family in (4, 6) for device in ("", UPLINK)))
    try:
        for cycle in range(24):
            member = ("Engage", "Release")[cycle % 2]
            call = root.start(member)
            # A little later each time: as many answered round trips of somebody else's as cycles.
            for _ in range(cycle // 8):
                proc.run("true")
            ground.daemon.kill()
            try:
                root.finish(call)
            except BusError:
                pass
            ground.daemon.start()
            state, details = root.state()
            assert details["Degraded"] == []
            if state == "off":
                ground.assert_nothing_left()
                continue
            flood.pass_round()
            before = ground.uplink.snapshot()
            flood.pass_round()
            assert ground.uplink.leaks(before) == {}, cycle
    finally:
        flood.stop()
    root.call("Engage")
    root.call("Release")
    ground.assert_nothing_left()


@pytest.mark.parametrize("daemon", ("alive", "dead"))
def test_rescue_takes_everything_away(ground, root, daemon):
    foreign = ground.foreign()
    if daemon == "dead":
        ground.daemon.kill()
    ground.daemon.once("--rescue", root=True)
    if daemon == "alive":
        proc.until(lambda: root.state()[0] == "off", "the service to notice the rescue")
    ground.assert_nothing_left()
    assert ground.foreign() == foreign
    assert_direct(ground, PLAIN[:2], INSISTENT[:1])
    if daemon == "dead":
        ground.daemon.start()
        assert root.state()[0] == "off"
        ground.assert_nothing_left()
    root.call("Engage")
    assert root.state()[0] == "protecting"
    assert_through_vpn(ground)


def test_rescue_needs_neither_bus_nor_settings_nor_state(ground, root, machine):
    ground.daemon.kill()
    ground.daemon.configure("[Nonsense\n")
    proc.run("rm", "-rf", "/var/lib/killswitch")
    machine.stop()
    try:
        ground.host.run("/usr/libexec/killswitchd", "--rescue", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        ground.assert_nothing_left()
    finally:
        machine.start()


def test_rescue_is_for_root(ground, root):
    before = ground.ours()
    done = ground.host.run("/usr/libexec/killswitchd", "--rescue", user="tester", check=False)
    assert done.returncode != 0 and "root" in done.stderr
    assert ground.ours() == before


def test_rescue_without_anything_to_take_away(ground):
    ground.daemon.once("--rescue", root=True)
    ground.assert_nothing_left()


def test_restore_brings_the_intent_back_at_boot(ground, root):
    """A reboot: the kernel starts empty, --restore runs ahead of the network and without a bus."""
    ground.vpn.kill()
    root.wait_state("blocking")
    before = ground.ours()
    ground.daemon.kill()
    ground.wipe()
    ground.daemon.once("--restore")
    assert ground.ours() == before
    assert_inside(ground, PLAIN[:3], INSISTENT[:3])
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert ground.ours() == before
    ground.vpn.up()
    root.wait_state("protecting")
    assert_through_vpn(ground)
