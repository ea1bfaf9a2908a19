# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand flaps, a thousand cycles, storms of events and floods of calls: nothing leaves, the kernel holds
the plan afterwards, and the service answers all the time."""

import difflib
import json
import os
import signal
import time

import pytest

from lib import proc
from lib.bus import PROPERTIES, INTROSPECTABLE, NAME
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER, UPLINK
from lib.marshal import service_call
from lib.storm import (Callers, Events, Orders, Poll, Senders, Vpn, lost_events, memory, processor_time, stamped)
from lib.tap import BUILD

FLAPS = 10000
CYCLES = 1000
# Link and rule events a second, and in all.
RATE = 10000
EVENTS = 40000
# Generous limits. In seconds, for one call while everything else wants the processors too, and while the
# bus itself is flooded;
CALL_LIMIT = 10
FLOODED_LIMIT = 120
# and in MiB, for what the service may have more than before, and at its highest.
GROWTH_MAX = 16
MEMORY_MAX = 64
# The service gives events a third of its time; its own start of each look and the bus come on top.
PROCESSOR_SHARE_MAX = 0.6
# Connections, calls that each has under way, what is called, and how often root engages and releases meanwhile.
MEBIBYTE = "x" * (1 << 20)
READING = (service_call("GetState"), service_call("GetAll", NAME, interface=PROPERTIES),
           service_call("Introspect", interface=INTROSPECTABLE), service_call("NoSuchMethod"))
HOSTILE = {"at full speed": (32, 4, READING, 5),
           "10,000 under way": (100, 100, READING[:1], 1),
           "1 MiB each": (8, 2, (service_call("SetLan", MEBIBYTE), service_call("GetState", MEBIBYTE),
                                 service_call("Get", NAME, MEBIBYTE, interface=PROPERTIES)), 2)}


@pytest.fixture
def build(request):
    return request.config.stash[BUILD]


@pytest.fixture
def say(capsys):
    """Prints measurements also when the test passes."""
    def say(*words):
        with capsys.disabled():
            print("\n  ", *words)
    return say


@pytest.fixture
def senders(ground, build):
    """Two processes, so that no processor is idle: plain, and bound to the uplink."""
    senders = Senders(build, ground.host, PUBLIC_SERVER.values(),
                      [f"{address}%{UPLINK}" for address in PUBLIC_SERVER.values()])
    yield senders
    senders.stop()


@pytest.fixture
def vpn(ground, build):
    # No link-local addresses, which differ each time.
    ground.host.write("net/ipv6/conf/default/addr_gen_mode", 1)
    vpn = Vpn(build, ground.host)
    yield vpn
    vpn.close()


@pytest.fixture
def events(ground, build):
    events = Events(build, ground.host)
    yield events
    events.close()


def count_released(ground, senders):
    """The control: the same senders reach the far side while released. Returns how many packets did."""
    before = ground.uplink.snapshot()
    senders.pass_round()
    leaks = ground.uplink.leaks(before)
    assert leaks.get("other4", 0) > 0 and leaks.get("other6", 0) > 0, leaks
    return leaks["other4"] + leaks["other6"]


def lines(ours):
    return [line for part in (json.dumps(ours["rules"], indent=1), json.dumps(ours["routes"], indent=1), ours["guard"])
            for line in (part or "no guard").splitlines()]


def assert_kernel_holds(ground, planned):
    """What the kernel holds of ours becomes exactly the plan, and soon."""
    try:
        proc.until(lambda: ground.ours() == planned, "the plan")
    except proc.TimedOut as error:
        raise AssertionError("\n".join(difflib.unified_diff(lines(planned), lines(ground.ours()), lineterm=""))) from error


def assert_memory_is_bounded(pid, before):
    now, highest = memory(pid)
    assert now - before[0] < GROWTH_MAX and highest < MEMORY_MAX, (before, now, highest)
    return f"memory {before[0]:.1f} MiB before, {now:.1f} after, {highest:.1f} at most"


@pytest.mark.watchdog(300)
def test_T17_ten_thousand_flaps(ground, senders, vpn, record, say):
    root = ground.serve(BY_MARK)
    released = count_released(ground, senders)
    root.call("Engage")
    senders.pass_round()
    before = ground.uplink.snapshot()
    vpn.order("up")
    root.wait_state("protecting")
    planned = ground.ours()
    attempts = senders.total()[0]
    told = vpn.order(f"flap {FLAPS}")
    senders.pass_round()
    attempts = senders.total()[0] - attempts
    leaks = ground.uplink.leaks(before)
    record(sum(leaks.values()), released + told["in4"] + told["in6"], tries=FLAPS)
    assert leaks == {}, f"{leaks}\n" + "\n".join(ground.uplink.caught())
    assert told["flaps"] == FLAPS and told["waited"] == FLAPS // 40 and told["wrong"] == 0
    assert attempts > 10 * FLAPS
    followed = len(root.signals("StateChanged"))
    root.wait_state("protecting")
    assert_kernel_holds(ground, planned)
    assert root.state()[1]["Degraded"] == []
    root.call("Release")
    count_released(ground, senders)
    ground.assert_nothing_left()
    say(f"{FLAPS} flaps in {told['nsec'] / 1e9:.1f} s, {told['anew']} with a new link, {told['renamed']} with another "
        f"name; {attempts} attempts to send, {told['in4'] + told['in6']} packets in the tunnel; {followed} changes of "
        "state told")


@pytest.mark.watchdog(300)
def test_T29_a_thousand_cycles(ground, build, senders, vpn, record, say):
    ground.serve(BY_MARK)
    vpn.order("up")
    meter = stamped(ground.internet)
    root = Orders(build, "storm-bus", space=ground.host)
    nsec, engage, release = root.order(f"cycle {senders.path} {len(senders.processes)} {CYCLES}")
    root.close()
    ground.uplink.settle()
    counted = meter.read()
    attempts, _, engaged = senders.total()
    told = vpn.order("tell")
    leaked, released = (counted[f"{stamp}4"] + counted[f"{stamp}6"] for stamp in ("engaged", "released"))
    record(leaked, released + told["in4"] + told["in6"], tries=CYCLES)
    assert leaked == 0
    # The controls: released, the same senders got out; engaged, through the VPN.
    assert counted["released4"] > CYCLES and counted["released6"] > CYCLES
    assert engaged > 8 * CYCLES
    assert told["in4"] > CYCLES and told["in6"] > CYCLES and told["wrong"] == 0
    assert max(engage, release) < CALL_LIMIT * 1e9
    ground.assert_nothing_left()
    say(f"{CYCLES} cycles in {nsec / 1e9:.1f} s; {attempts} attempts to send, {engaged} of them engaged; {released} got "
        f"out while released; longest Engage {engage / 1e6:.1f} ms, longest Release {release / 1e6:.1f} ms")


def seen_by_vpn(ground, vpn, sent_by):
    """Runs something that sends, and returns how many packets came into the tunnel meanwhile."""
    before = vpn.order("tell")
    sent_by()
    now = vpn.order("tell")
    assert now["wrong"] == 0
    return now["in4"] - before["in4"], now["in6"] - before["in6"]


def probes(**fields):
    return [{"kind": "udp", "to": address, "port": 7, **fields} for address in PUBLIC_SERVER.values()]


def delete_and_time(ground, planned, *command):
    """Deletes something of ours and waits until it is back. Returns seconds, the commands' own included."""
    begun = time.monotonic()
    ground.host.run(*command)
    assert_kernel_holds(ground, planned)
    return time.monotonic() - begun


@pytest.mark.watchdog(300)
def test_T29_ten_thousand_events_a_second(ground, build, vpn, events, record, say):
    vpn.order("up")
    root = ground.serve(BY_MARK)
    pid = ground.daemon.process.pid
    released, _ = ground.attempt(*probes(), *probes(device=UPLINK))
    root.call("Engage")
    planned = ground.ours()
    memory_before, uplink_before = memory(pid), ground.uplink.snapshot()
    # By itself: how much of a processor it takes.
    used = processor_time(pid)
    events.start(RATE, EVENTS)
    seconds, alone = events.finish()
    used = (processor_time(pid) - used) / seconds
    # With a caller, with senders, and with somebody who takes rules and guard away.
    poll = Poll(build, ground.host, "tester")
    events.start(RATE)
    in_tunnel = seen_by_vpn(ground, vpn, lambda: ground.probe(*probes(), *probes(device=UPLINK)))
    repairs = [delete_and_time(ground, planned, "ip", "rule", "delete", "protocol", "83"),
               delete_and_time(ground, planned, "nft", "delete", "table", "inet", "killswitch")]
    vpn.order("down")
    root.wait_state("blocking")
    ground.probe(*probes(), *probes(device=UPLINK))
    vpn.order("up")
    root.wait_state("protecting")
    more_seconds, more = events.end()
    _, answers, median, longest = poll.end()
    leaks = ground.uplink.leaks(uplink_before)
    record(sum(leaks.values()), sum(released.values()) + sum(in_tunnel), tries=EVENTS)
    assert leaks == {}, f"{leaks}\n" + "\n".join(ground.uplink.caught())
    assert released["other4"] and released["other6"] and min(in_tunnel) > 0
    assert_kernel_holds(ground, planned)
    assert root.state()[0] == "protecting" and root.state()[1]["Degraded"] == []
    assert min(seen_by_vpn(ground, vpn, lambda: ground.probe(*probes()))) > 0
    assert answers > 100 and longest < CALL_LIMIT * 1000 and max(repairs) < CALL_LIMIT
    assert used < PROCESSOR_SHARE_MAX
    kept = assert_memory_is_bounded(pid, memory_before)
    for title, span, counts in (("alone", seconds, alone), ("with a caller", more_seconds, more)):
        say(f"{title}: {(counts['links'] + counts['rules']) / span:.0f} link and rule events a second for {span:.1f} s, "
            f"{sum(counts.values()) / span:.0f} of all kinds")
    say(f"{used:.0%} of a processor; {answers} answers, median {median:.2f} ms, longest {longest:.1f} ms; repaired in "
        f"{repairs[0] * 1000:.0f} and {repairs[1] * 1000:.0f} ms; {kept}; lost {sum(lost_events(pid).values())}")


@pytest.mark.watchdog(300)
def test_T29_lost_events(ground, vpn, events, record, say):
    """While the service stands still more happens than its sockets hold, and some of that concerns it."""
    root = ground.serve(BY_MARK)
    pid = ground.daemon.process.pid
    vpn.order("up")
    root.call("Engage")
    protecting = ground.ours()
    vpn.order("down")
    root.wait_state("blocking")
    blocking = ground.ours()
    vpn.order("up")
    root.wait_state("protecting")
    before, memory_before = lost_events(pid), memory(pid)
    since = root.mark()
    os.kill(pid, signal.SIGSTOP)
    try:
        events.start()
        proc.until(lambda: any(count > before[inode] for inode, count in lost_events(pid).items()), "ENOBUFS")
        ground.host.run("nft", "delete", "table", "inet", "killswitch")
        ground.host.ip("rule", "delete", "protocol", "83")
        ground.host.ip("-6", "rule", "flush", "protocol", "83")
        ground.host.ip("route", "flush", "table", "83")
        vpn.order("down")
        assert ground.ours() != protecting
        seconds, counts = events.end()
    finally:
        os.kill(pid, signal.SIGCONT)
    lost = sum(lost_events(pid).values()) - sum(before.values())
    root.wait_state("blocking")
    assert_kernel_holds(ground, blocking)
    assert {layer for layer, _ in root.signals("Repaired", since)} == {"steering", "guard"}
    vpn.order("up")
    root.wait_state("protecting")
    assert_kernel_holds(ground, protecting)
    assert root.state()[1]["Degraded"] == []
    leaks, _ = ground.attempt(*probes(), *probes(device=UPLINK))
    in_tunnel = seen_by_vpn(ground, vpn, lambda: ground.probe(*probes()))
    root.call("Release")
    released, _ = ground.attempt(*probes(), *probes(device=UPLINK))
    record(sum(leaks.values()), sum(in_tunnel) + sum(released.values()))
    assert leaks == {} and min(in_tunnel) > 0 and released["other4"] and released["other6"]
    kept = assert_memory_is_bounded(pid, memory_before)
    say(f"{sum(counts.values())} events in {seconds:.1f} s while it stood still, {lost} of them lost; {kept}")


@pytest.mark.watchdog(300)
@pytest.mark.parametrize("how", HOSTILE)
def test_T29_calls(ground, build, how, record, say):
    """Others' calls keep neither root's from being carried out nor the switch from holding."""
    connections, window, calls, cycles = HOSTILE[how]
    root = ground.serve(BY_MARK)
    pid, bus = ground.daemon.process.pid, ground.machine.bus.pid
    before, times = memory(pid), []
    callers = Callers(build, connections, window, *calls)
    leaked = released = 0
    for _ in range(cycles):
        for member in ("Engage", "Release"):
            begun = time.monotonic()
            root.call(member, limit=FLOODED_LIMIT)
            times.append(time.monotonic() - begun)
            left, _ = ground.attempt(*probes(), *probes(device=UPLINK))
            leaked += sum(left.values()) if member == "Engage" else 0
            released += sum(left.values()) if member == "Release" else 0
    sent, answers, errors, closed = callers.end()
    record(leaked, released, tries=sent)
    assert leaked == 0 and released > 0
    assert answers + errors > connections and closed == 0
    assert root.call("GetState", limit=FLOODED_LIMIT)[0] == "off"
    ground.assert_nothing_left()
    kept = assert_memory_is_bounded(pid, before)
    say(f"{how}: {connections} connections sent {sent} calls and got {answers} answers and {errors} errors; root's "
        f"{len(times)} calls took {max(times) * 1000:.0f} ms at most; {kept}; the bus {memory(bus)[1]:.1f} MiB at most")
