#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real VPN that knows nothing of the kill switch, and is known by its unit: wireguard-go as root, without a mark
or a port of its own. The unit and the settings are a recipe's, which lie beside this."""
import os
import re
import shutil
import sys

import beside
import guest
import host
import wire
from beside import ask, engage, release, works, write
from guest import check, eventually, out, state
from host import sender

UNIT = "tunnel.service"
CONF = f"/etc/wireguard/{beside.LINK}.conf"
PEER = f"""[Interface]
PrivateKey = {{client}}
[Peer]
PublicKey = {{server}}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = {wire.SERVER}:{wire.SERVER_PORT}
PersistentKeepalive = 5
"""
NOTE = f"The unit {UNIT} does not run, or there is none of that name; the VPN tunnel can't reach its server until it does."
OUTSIDE, LOG = "tun8", "/run/outside.log"
CONNECTED, REFUSED = "Received handshake response", "Failed to send handshake initiation: operation not permitted"
OUTCOME = re.compile(f"{CONNECTED}|Failed to send handshake initiation: .*")


def key(name):
    with open(f"{beside.KEYS}/{name}", encoding="ascii") as file:
        return file.read().strip()


def outcome():
    """The first of what the program outside of the unit says of its connection, or an empty word."""
    with open(LOG, encoding="utf-8") as file:
        found = OUTCOME.search(file.read())
    return found[0] if found else ""


def outside():
    """What comes of the same program with the same settings, started by root's shell, as it says itself."""
    out(f"LOG_LEVEL=verbose wireguard-go {OUTSIDE} >{LOG} 2>&1")
    try:
        out(f"wg setconf {OUTSIDE} {CONF} && ip link set {OUTSIDE} up")
        return eventually(outcome, "it has tried to connect")
    finally:
        out(f"ip link delete {OUTSIDE}")
        eventually(lambda: not os.path.exists(f"/run/wireguard/{OUTSIDE}.sock"), "it ends")


def refused():
    """Assert that the same program can't connect outside of the unit."""
    assert outside() == REFUSED


def carries():
    """Wait until by every way a user was answered, and seen to come from the VPN. Among the sender's packets some
    of his may be lost; none may leave elsewhere, which the sender's caller counts."""
    seen = {}

    def everything():
        seen.update({way: address for way, address in ask(patience=1).items() if address})
        return seen == beside.wanted(beside.INSIDE)
    eventually(everything, "the VPN carries")


def protects():
    """Wait until the service says so, of a VPN that carries everything."""
    eventually(lambda: state()[0] == "protecting", "protecting")
    carries()
    assert state()[1]["Degraded"] == [], state()


def nothing_leaves():
    """Assert that no user's packet is answered, that nobody is let through as the VPN, and that it is told why."""
    wired = host.counts()
    wire.settle(wired)
    before = wired["transport"]
    with sender(leaks=False):
        assert not any(ask(patience=1).values())
        refused()
    assert wired["transport"] == before
    assert state()[0] == "blocking" and state()[1]["Degraded"] == [NOTE], state()


@check
def everything_leaves_while_it_is_off():
    """The control: also of the same program outside of the unit, which connects."""
    wire.up(host.COUNTS)
    beside.servers()
    write(CONF, PEER.format(client=key("client"), server=key("server.pub")), 0o600)
    shutil.copy(f"/share/{UNIT}", "/etc/systemd/system")
    out("systemctl daemon-reload")
    os.makedirs(os.path.dirname(host.SETTINGS), exist_ok=True)
    shutil.copy("/share/killswitch.conf", host.SETTINGS)
    out("ksctl reload")
    with sender(leaks=True):
        works(beside.UPLINK)
        assert outside() == CONNECTED


@check
def engaged_without_the_unit_nothing_leaves_and_that_is_told():
    engage("blocking")
    nothing_leaves()


@check
def started_while_engaged_it_connects_and_carries_everything():
    before = host.counts()["transport"]
    with sender(leaks=False):
        out("systemctl", "start", UNIT)
        protects()
    works()
    host.engaged("protecting")
    assert host.counts()["transport"] > before


@check
def outside_of_the_unit_it_does_not_get_out():
    with sender(leaks=False):
        refused()
        carries()


@check
def its_server_goes_and_it_comes_back_by_itself():
    pid = guest.main_pid(UNIT)
    with sender(leaks=False):
        # It has forgotten the keys: the client has to find out by itself, after a quarter of a minute, and to connect anew.
        beside.desert()
        assert not any(ask(patience=1).values())
        beside.serve()
        protects()
    assert guest.main_pid(UNIT) == pid


@check
def restarted_it_carries_again():
    pid = guest.main_pid(UNIT)
    with sender(leaks=False):
        out("systemctl", "restart", UNIT)
        protects()
    assert guest.main_pid(UNIT) not in (0, pid)


@check
def stopped_nothing_leaves():
    with sender(leaks=False):
        out("systemctl", "stop", UNIT)
        eventually(lambda: state()[0] == "blocking" and state()[1]["Degraded"] == [NOTE], "its end is noticed")
    nothing_leaves()


@check
def released_everything_leaves_again():
    release()
    works(beside.UPLINK)
    assert "Repaired" not in out("journalctl -b -u killswitchd.service --no-pager -o cat")


if __name__ == "__main__":
    sys.exit(guest.main())
