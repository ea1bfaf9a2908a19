# SPDX-License-Identifier: GPL-2.0-or-later
"""ksctl blocked: what the guard refused, told to whom it belongs, and only where that was asked for."""

import json
import pwd
import socket
import struct
import time

import pytest

from lib import proc
from lib.ground import BY_MARK
from lib.internet import HOST, PUBLIC_SERVER, UPLINK
from lib.machine import environment
from lib.senders import Sender

RECORD = "[Killswitch]\nRecordBlocked=yes\n"
ROWS = 64
RATE = 20
GROUP = 27507
NETLINK_NETFILTER, NLM_F_REQUEST, NLM_F_ACK = 12, 1, 4


def ksctl(ground, *arguments, user="root"):
    done = proc.run("ksctl", *arguments, namespace=ground.host.name, user=user, check=False, env=environment())
    assert done.returncode == 0, done
    return done.stdout


def rows(ground, user="root"):
    return json.loads(ksctl(ground, "blocked", "--json=short", user=user))["Rows"]


def ways(port):
    """Past the steering, to the guard: IPv4 by the uplink, IPv6 with the uplink's address inside the VPN."""
    return [{"kind": kind, "to": PUBLIC_SERVER[family], "port": port + number, "count": 1, **how}
            for number, (kind, family, how) in enumerate((
                ("udp", 4, {"device": UPLINK}), ("tcp", 4, {"device": UPLINK}),
                ("udp", 6, {"source": HOST[6]}), ("tcp", 6, {"source": HOST[6]})))]


def tried(probes, user):
    """What a row says of each probe, but for times and counts."""
    return {({"udp": 17, "tcp": 6}[probe["kind"]], probe["to"], probe["port"], pwd.getpwnam(user).pw_uid)
            for probe in probes}


def found(ground, user, of):
    """The rows about these users, as tried() has them."""
    uids = {pwd.getpwnam(name).pw_uid for name in of}
    return {(row["Protocol"], row["Address"], row["Port"], row["User"]) for row in rows(ground, user)
            if row.get("User") in uids}


def has_rule(ground):
    return "log group" in ground.guard()


@pytest.fixture
def recording(ground):
    """Engaged, with a VPN, and recording. Returns root's caller."""
    ground.connect()
    root = ground.serve(RECORD + BY_MARK)
    root.call("Engage")
    root.wait_state("protecting")
    return root


def test_off_by_default(ground):
    root = ground.serve(BY_MARK)
    root.call("Engage")
    assert not has_rule(ground) and root.state()[1]["Recording"] is False
    ground.probe({"kind": "udp", "to": PUBLIC_SERVER[4], "port": 7000, "device": UPLINK})
    assert root.state()[1]["Blocked"] > 0
    assert root.call("GetBlocked") == [False, []]
    told = " ".join(ksctl(ground, "blocked", user="tester").split())
    assert "RecordBlocked=yes" in told and "/etc/killswitch/killswitch.conf" in told
    assert "\nLast:" not in ksctl(ground, "status")


def test_each_sees_his_own(ground, recording):
    mine, others = ways(7100), ways(7200)
    leaks, _ = ground.attempt(*mine)
    assert leaks == {} and has_rule(ground) and recording.state()[1]["Recording"] is True
    leaks, _ = ground.attempt(*others, user="guest")
    assert leaks == {}
    proc.until(lambda: found(ground, "root", ("tester", "guest")) == tried(mine, "tester") | tried(others, "guest"),
               "root to see everything", limit=60)
    assert found(ground, "tester", ("tester", "guest")) == tried(mine, "tester")
    assert found(ground, "guest", ("tester", "guest")) == tried(others, "guest")
    assert rows(ground, "local") == []
    assert {row.get("User") for row in rows(ground, "tester")} == {pwd.getpwnam("tester").pw_uid}
    for row in rows(ground, "tester"):
        assert row["Count"] >= 1 and 0 < row["First"] <= row["Last"] <= time.time() * 1e6 + 60e6, row


def test_the_table(ground, recording):
    assert recording.state()[0] == "protecting"
    ground.attempt(*ways(7300))
    proc.until(lambda: len(rows(ground, "tester")) == 4, "all four", limit=60)
    assert len(ksctl(ground, "blocked", "--no-legend", user="tester").splitlines()) == 4
    text = ksctl(ground, "blocked", user="tester")
    head, *lines = [line.split() for line in text.split("\n\n")[0].splitlines()]
    assert head == ["LAST", "SEEN", "COUNT", "PROGRAM", "USER", "PROTOCOL", "DESTINATION"]
    assert {tuple(line[-3:]) for line in lines} == {
        ("tester", "udp", f"{PUBLIC_SERVER[4]}:7300"), ("tester", "tcp", f"{PUBLIC_SERVER[4]}:7301"),
        ("tester", "udp", f"[{PUBLIC_SERVER[6]}]:7302"), ("tester", "tcp", f"[{PUBLIC_SERVER[6]}]:7303")}
    assert "while no VPN is up" in " ".join(text.split())
    last = lines[0][-1]
    status = ksctl(ground, "status", user="tester")
    assert f" to {last}, " in " ".join(status.split()), (last, status)
    assert "\n   Last: " not in ksctl(ground, "status", user="local"), "another user's destination"
    assert ksctl(ground, "blocked", "-q") == ""


def test_it_is_forgotten(ground, recording):
    def knock(port):
        ground.attempt(ways(port)[0])
        proc.until(lambda: found(ground, "root", ("tester",)) == tried(ways(port)[:1], "tester"), "the packet", limit=60)
    knock(7400)
    recording.call("Pause", 60_000_000)
    assert not ground.guard() and recording.call("GetBlocked")[0] is False
    told = " ".join(ksctl(ground, "blocked").split())
    assert ":7400 " in told and "engaged and not paused" in told, told
    recording.call("Resume")
    assert found(ground, "root", ("tester",)) == tried(ways(7400)[:1], "tester")
    recording.call("Release")
    assert recording.call("GetBlocked") == [False, []]
    recording.call("Engage")
    assert found(ground, "root", ("tester",)) == set()
    knock(7410)
    ground.daemon.kill()
    ground.daemon.start()
    assert has_rule(ground) and found(ground, "root", ("tester",)) == set()
    knock(7420)
    ground.daemon.configure(BY_MARK)
    recording.call("Reload")
    assert not has_rule(ground) and recording.call("GetBlocked") == [False, []]
    ground.daemon.configure(RECORD + BY_MARK)
    recording.call("Reload")
    assert has_rule(ground) and recording.state()[1]["Degraded"] == []
    knock(7430)


def listen(space):
    """What another program does that takes the log's group for itself. Returns its socket."""
    with space.entered():
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    bind = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(GROUP)) + struct.pack("=HHB3x", 5, 1, 1)
    sock.send(struct.pack("=IHHII", 16 + len(bind), 4 << 8 | 1, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + bind)
    assert struct.unpack_from("=IHHIIi", sock.recv(1000))[5] == 0
    return sock


def test_where_it_cannot_be_had_the_guard_stands(ground):
    with listen(ground.host):
        root = ground.serve(RECORD + BY_MARK)
        root.call("Engage")
        state, details = root.state()
        assert (state, details["Guard"], details["Recording"]) == ("blocking", "active", False)
        problem, = details["Degraded"]
        assert problem.startswith("RecordBlocked=yes has no effect") and "ksctl reload" in problem
        assert ground.attempt(*ways(7500)[:2])[0] == {}
    root.call("Reload")
    assert root.state()[1]["Recording"] is True and root.state()[1]["Degraded"] == []


def test_a_flood_is_bounded(ground, recording):
    begun = time.monotonic()
    before = recording.state()[1]["Blocked"]
    flood = Sender(ground.host, PUBLIC_SERVER[4], UPLINK)
    proc.until(lambda: recording.state()[1]["Blocked"] > before + 5000, "a flood", limit=60)
    attempts, _ = flood.stop()
    told = rows(ground)
    passed = time.monotonic() - begun
    assert attempts > 5000
    count = sum(row["Count"] for row in told if row.get("User") == pwd.getpwnam("tester").pw_uid)
    assert 0 < count <= RATE * (passed + 1), (count, passed)
    assert len(told) <= ROWS
