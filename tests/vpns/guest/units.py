#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN's own packets known by the unit that they come from: no mark, no user of its own, no port.

The program is any that talks to its server; it knows nothing of the kill switch. It runs as root, like most
VPN programs: in the unit, in another unit, in none, and as a user."""
import os
import socket
import subprocess
import sys
import time

import guest
import host
import wire
from guest import call, check, eventually, out, sh, state
from host import counts, sender

SERVERS = {socket.AF_INET: wire.SERVER, socket.AF_INET6: wire.SERVER6}
PORT = wire.SERVER_PORT
SETTINGS = """[VPN office]
Interface=tun7
Unit={unit}
Protocol=udp
Endpoint={server4}:{port}
Endpoint=[{server6}]:{port}
"""
# A service, an instance of a template, which systemd puts into a slice below system.slice, and a slice.
UNIT, INSTANCE, SLICE, OTHER = "office.service", "dial@berlin.service", "vpn-office.slice", "other.service"
SERVICE = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\nKillSignal=SIGKILL\nExecStartPre=/bin/rm -f /run/{name}\n" \
          "ExecStart=/usr/bin/python3 /share/units.py dial /run/{name}\n"
NOTE = "The unit {} does not run, or there is none of that name; the VPN office can't reach its server until it does."
ECHO = """
import select, socket
sockets = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
for s, address in zip(sockets, ("198.51.100.10", "2001:db8:51::10")):
    s.bind((address, 1194))
print("ready", flush=True)
while True:
    for s in select.select(sockets, [], [])[0]:
        s.sendto(*s.recvfrom(100))
"""


# The program

def dial(path):
    """Send to the server for ever; the file has how often it was tried, and how often an answer came by IPv4 and 6."""
    sockets = {family: socket.socket(family, socket.SOCK_DGRAM) for family in SERVERS}
    tried, answered = 0, {family: 0 for family in SERVERS}
    while True:
        tried += 1
        for family, sock in sockets.items():
            try:
                sock.settimeout(0.05)
                sock.sendto(b"hello", (SERVERS[family], PORT))
                sock.recv(100)
                answered[family] += 1
            except OSError:
                pass
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write(" ".join(map(str, (tried, *answered.values()))))
        os.rename(f"{path}.new", path)
        time.sleep(0.001)


def told(name):
    """How often a program has tried, and was answered by IPv4, and by IPv6."""
    try:
        with open(f"/run/{name}", encoding="ascii") as file:
            return [int(number) for number in file.read().split()]
    except FileNotFoundError:
        return [0, 0, 0]


def reaches(name):
    """Assert that the program is answered from now on, in both families."""
    begun = told(name)[1:]
    eventually(lambda: all(new > old + 3 for new, old in zip(told(name)[1:], begun)), f"{name} is answered")


def fails(name):
    """Assert that the program has tried again and again from now on, without an answer."""
    begun = told(name)
    eventually(lambda: told(name)[0] > begun[0] + 10, f"{name} tries")
    assert told(name)[1:] == begun[1:], (begun, told(name))


def outside(user="root"):
    """Assert that the same program reaches nobody when it runs outside of the unit."""
    name = f"outside-{user}"
    process = subprocess.Popen(["setpriv", f"--reuid={user}", "--clear-groups", "python3", "/share/units.py", "dial",
                                f"/tmp/{name}"], stdin=subprocess.DEVNULL)
    try:
        os.path.lexists(f"/run/{name}") or os.symlink(f"/tmp/{name}", f"/run/{name}")
        fails(name)
    finally:
        process.kill()
        process.wait()
        for path in (f"/tmp/{name}", f"/run/{name}"):
            if os.path.lexists(path):
                os.unlink(path)


# The service

def settings(unit, more=""):
    os.makedirs(os.path.dirname(host.SETTINGS), exist_ok=True)
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(more + SETTINGS.format(unit=unit, server4=wire.SERVER, server6=wire.SERVER6, port=PORT))
    call("Reload")


def notes():
    return [note for note in state()[1]["Degraded"] if "unit" in note]


def start(unit):
    out("systemctl", "start", unit)


def nothing_arrives():
    """Assert that what a user and root send to the server outside of the unit isn't on the wire."""
    wired = counts()
    wire.settle(wired)
    before = wired["transport"]
    for user in ("root", "tester"):
        outside(user)
    wire.settle(wired)
    assert wired["transport"] == before


@check
def the_far_end_answers_while_it_is_off():
    """The control of all others."""
    wire.up(host.COUNTS)
    echo = subprocess.Popen(["ip", "netns", "exec", "far", "python3", "-c", ECHO], stdout=subprocess.PIPE)
    assert echo.stdout.readline() == b"ready\n"
    for key in ("all", wire.LINK):
        out(f"sysctl -qw net.ipv4.conf.{key}.rp_filter=1")
    for name, more in (("office", ""), ("dial@", ""), ("other", ""), ("sliced", f"Slice={SLICE}\n")):
        with open(f"/run/systemd/system/{name}.service", "w", encoding="ascii") as file:
            file.write(SERVICE.format(name=name) + more)
    out("systemctl daemon-reload")
    start(OTHER)
    reaches("other")
    with sender(leaks=True):
        pass


@check
def a_unit_that_does_not_run_matches_nothing_and_is_told():
    settings(UNIT)
    with sender(leaks=True):
        assert notes() == [NOTE.format(UNIT)]
    call("Engage")
    assert state()[0] == "blocking" and notes() == [NOTE.format(UNIT)]
    fails("other")
    nothing_arrives()


@check
def in_the_unit_it_reaches_its_server():
    with sender(leaks=False):
        start(UNIT)
        reaches("office")
        assert notes() == []
        fails("other")
        for user in ("root", "tester"):
            outside(user)


@check
def so_it_does_after_each_restart():
    with sender(leaks=False):
        for _ in range(3):
            old = guest.main_pid(UNIT)
            out("systemctl", "restart", UNIT)
            assert guest.main_pid(UNIT) != old
            reaches("office")
    assert notes() == []


@check
def its_death_leaks_nothing():
    with sender(leaks=False):
        out("systemctl", "kill", "--signal=KILL", UNIT)
        eventually(lambda: notes() == [NOTE.format(UNIT)], "the end of the unit is noticed")
        fails("other")
    nothing_arrives()
    start(UNIT)
    reaches("office")


@check
def it_goes_on_without_the_service_and_under_the_next_one():
    out("systemctl", "kill", "--signal=KILL", "killswitchd.service")
    reaches("office")
    eventually(lambda: guest.active("killswitchd.service") == "active", "the service is back")
    assert state()[0] == "blocking" and notes() == []
    reaches("office")
    out("systemctl", "stop", UNIT)
    nothing_arrives()


@check
def nested_deeper_it_is_found_too():
    for unit, name, starts in ((INSTANCE, "dial@", INSTANCE), (SLICE, "sliced", "sliced.service")):
        settings(unit)
        with sender(leaks=False):
            start(starts)
            reaches(name)
            assert notes() == []
            fails("other")
            out("systemctl", "stop", starts)
        nothing_arrives()


@check
def a_users_unit_of_the_same_name_is_another():
    settings(UNIT)
    session = guest.Session("tester")
    sh("loginctl enable-linger tester", ok=False)
    uid = out("id -u tester")
    manager = f"user@{uid}.service"
    eventually(lambda: guest.active(manager) == "active", "the user's service manager runs")
    done = session.run("env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "systemd-run", "--user", f"--unit={UNIT}", "python3",
                       "/share/units.py", "dial", "/tmp/theirs")
    assert done.returncode == 0, done.stdout
    os.symlink("/tmp/theirs", "/run/theirs")
    fails("theirs")
    assert notes() == [NOTE.format(UNIT)]
    nothing_arrives()
    session.run("env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "systemctl", "--user", "stop", UNIT)
    session.end()


@check
def behind_the_egress_guard_it_still_does():
    settings(UNIT, "[Killswitch]\nEgressGuard=yes\n")
    out("nft list table netdev killswitch")
    with sender(leaks=False):
        start(UNIT)
        reaches("office")
        out("systemctl", "restart", UNIT)
        reaches("office")
        fails("other")
    assert notes() == []
    out("systemctl", "stop", UNIT)
    nothing_arrives()


@check
def nothing_was_taken_for_tampering():
    journal = out("journalctl -u killswitchd.service --no-pager -o cat")
    assert "Repaired" not in journal, journal
    guest.confined()


if __name__ == "__main__":
    if sys.argv[1:2] == ["dial"]:
        dial(sys.argv[2])
    sys.exit(guest.main())
