# SPDX-License-Identifier: GPL-2.0-or-later
"""Local users who want the shield down, the service gone, or everybody else kept from it."""

import contextlib
import os
import socket

import pytest

from lib import proc
from lib.agent import Terminal
from lib.bus import ACCESS_DENIED, ERROR, INTERACTION_REQUIRED, SECOND, refused
from lib.daemon import STATE
from lib.machine import BUS_SOCKET
from lib.marshal import HELLO, service_call


def test_a_trial_is_not_cut_short_by_who_may_only_engage(ground, root):
    root.call("EngageTrial", 3600 * SECOND)
    deadline = root.get("Deadline")
    local = ground.caller("local")
    assert refused(local.call, "EngageTrial", SECOND).name == f"{ERROR}Conflict"
    assert root.get("Deadline") == deadline
    # A longer one lowers nothing earlier.
    local.call("EngageTrial", 7200 * SECOND)
    assert root.get("Deadline") > deadline
    assert refused(local.call, "Release").name in (ACCESS_DENIED, INTERACTION_REQUIRED)


def test_one_user_cannot_use_up_the_questions_of_others(ground, root, tester):
    root.call("Engage")
    agents = []
    callers = [ground.caller("tester") for _ in range(20)]
    for caller in callers:
        agent = ground.caller("tester")
        agent.become_agent(caller.pid)
        agents.append(agent)
    calls = [caller.start("Release", interactive=True) for caller in callers]

    def told_off():
        return [number for caller, number in zip(callers, calls) if caller.answered(number)]
    proc.until(lambda: len(told_off()) >= 4, "the limit of one user")
    for caller, number in zip(callers, calls):
        if caller.answered(number):
            assert refused(caller.finish, number).name == f"{ERROR}LimitsExceeded"
    # Others are as free as before: one whom a rule allows, and root.
    trusted = ground.caller("trusted")
    trusted.call("Pause", 60 * SECOND)
    trusted.call("Resume")
    root.call("Release")
    assert root.state()[0] == "off"


def test_calls_that_wait_hold_no_descriptors(ground, root, tester):
    """D-Bus lets a message carry open files; the service takes none of them."""
    root.call("Engage")
    with socket.socket(socket.AF_UNIX) as bus:
        bus.connect(BUS_SOCKET)
        bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert bus.recv(256).startswith(b"OK")
        bus.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert bus.recv(256).startswith(b"AGREE")
        bus.sendall(b"BEGIN\r\n")
        bus.sendall(HELLO)
        bus.recv(4096)
        passed = os.memfd_create("passed")
        told = service_call("Pause", serial=2, fds=1)
        socket.send_fds(bus, [told], [passed])
        os.close(passed)
        answer = b""
        while b"org.freedesktop.DBus.Error" not in answer and b"killswitch1.Error" not in answer:
            answer += bus.recv(65536)
    assert b"NotSupported" in answer or b"Error" in answer
    assert root.state()[0] == "blocking"
    assert not any("passed" in target for target in descriptors(ground.daemon.process.pid))


def descriptors(pid):
    """What the open descriptors of a process stand for; those that it closes meanwhile are left out."""
    targets = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return targets


@pytest.mark.parametrize("rule", (["pref", "32000", "goto", "32766"], ["pref", "150", "dsfield", "0x10", "lookup", "254"]))
def test_a_strange_rule_that_claims_our_protocol_does_not_keep_the_shield_up(ground, root, rule):
    root.call("Engage")
    ground.host.ip("rule", "add", *rule, "protocol", "83")
    try:
        root.call("Release")
        assert root.state()[0] == "off"
        assert ground.guard() is None
        ground.daemon.once("--rescue", root=True)
    finally:
        ground.host.run("ip", "rule", "delete", *rule, "protocol", "83", check=False)
    ground.assert_nothing_left()


@pytest.fixture
def table_of_another(ground):
    """Makes another program own a table of the guard's name, so that nftables refuses ours."""
    terminal = Terminal(["nft", "-i"], namespace=ground.host.name)
    terminal.expect("nft> ")

    def take():
        terminal.type("add table inet killswitch { flags owner; }")
        proc.until(lambda: "killswitch" in ground.host.run("nft", "list", "tables"), "the foreign table")
    yield take
    terminal.kill()


def test_a_pause_ends_closed_even_without_nftables(ground, root, table_of_another):
    root.call("Engage")
    since = root.mark()
    root.call("Pause", SECOND)
    ground.assert_nothing_left()
    table_of_another()
    root.wait_signal("StateChanged", "paused", "blocking", "pause-expired", since=since)
    assert ground.own_rules(4) and ground.own_rules(6), "steering stands alone"
    assert any("nftables" in sentence for sentence in root.state()[1]["Degraded"])


def test_a_restart_ends_closed_even_without_nftables(ground, root, table_of_another):
    root.call("Engage")
    ground.daemon.kill()
    ground.wipe()
    table_of_another()
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert ground.own_rules(4) and ground.own_rules(6), "steering stands alone"


@pytest.fixture
def read_only_state(ground):
    """The state directory of a machine whose disk has gone read-only."""
    def turn():
        proc.run("mount", "--bind", STATE, STATE)
        proc.run("mount", "-o", "remount,bind,ro", STATE)
    yield turn
    proc.run("umount", STATE, check=False)


def test_a_rescue_lets_go_though_nothing_can_be_written(ground, root, read_only_state):
    root.call("Engage")
    read_only_state()
    error = refused(root.call, "Release")
    assert error.name == f"{ERROR}Storage" and "--rescue" in error.message
    assert root.state()[0] == "blocking"
    since = root.mark()
    ground.daemon.once("--rescue", root=True)
    root.wait_signal("StateChanged", "blocking", "off", "rescue", since=since)
    ground.assert_nothing_left()
    # Also over a restart, until the machine boots.
    ground.daemon.kill()
    ground.daemon.start()
    assert root.state()[0] == "off"
    ground.assert_nothing_left()


def test_a_second_service_changes_nothing(ground, root):
    root.call("Engage")
    before = ground.ours()
    with open(f"{STATE}/settings.good", encoding="utf-8") as file:
        good = file.read()
    ground.daemon.configure("[Killswitch]\nTable=99\nPriority=300\nLan=none\n")
    done = ground.daemon.once(check=False)
    assert done.returncode == 1 and "Another" in done.stderr + done.stdout
    assert ground.ours() == before
    with open(f"{STATE}/settings.good", encoding="utf-8") as file:
        assert file.read() == good
