# SPDX-License-Identifier: GPL-2.0-or-later
"""NetworkManager with a kernel WireGuard of its own: up, down, the daemon's restart."""
import json
import os
import sys

import guest
import world
from guest import check, eventually, out
from world import AROUND, HOST4, HOST6, PLAIN, TUNNEL4, TUNNEL6, protected, reaches

CONF = """[main]
dns=none
no-auto-default=*
[keyfile]
unmanaged-devices=*,except:type:wireguard
"""
MARK = 0x4D
CONNECTION = """[connection]
id=vpn
type=wireguard
interface-name=wg0
autoconnect=false
[wireguard]
private-key={private}
fwmark={mark}
[wireguard-peer.{public}]
endpoint={endpoint}
allowed-ips=0.0.0.0/0;::/0;
[ipv4]
method=manual
address1={tunnel4}/24
[ipv6]
method=manual
addr-gen-mode=1
address1={tunnel6}/64
"""
seen = {}


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o600)


def theirs():
    """The rules and routes that aren't ours."""
    rules = [[rule for rule in json.loads(out(f"ip -{version} -N -j -d rule")) if str(rule.get("protocol")) != "83"]
             for version in (4, 6)]
    routes = [sorted(line.strip() for line in out(f"ip -{version} -N route show table all").splitlines()
                     if " table 83 " not in f"{line} ") for version in (4, 6)]
    return rules, routes


def ours():
    """Everything of ours in the kernel but counters."""
    return [world.rules(version) for version in (4, 6)], [world.routes(version) for version in (4, 6)], \
        out("nft -s list table inet killswitch")


def same(look, name):
    """Wait until it is as it was."""
    eventually(lambda: look() == seen[name], f"{name} is as before")


@check
def released_it_carries_everything():
    world.build()
    world.flows(PLAIN, (HOST4, HOST6))
    private, public = (open(f"{world.KEYS}/{name}", encoding="ascii").read().strip() for name in ("client", "server.pub"))
    write("/etc/NetworkManager/conf.d/test.conf", CONF)
    write("/etc/NetworkManager/system-connections/vpn.nmconnection", CONNECTION.format(
        private=private, public=public, mark=MARK, endpoint=f"{world.VPN4}:{world.SERVER_PORT}",
        tunnel4=TUNNEL4, tunnel6=TUNNEL6))
    out("systemctl start NetworkManager.service")
    seen["down"] = theirs()
    out("nmcli connection up vpn")
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    seen["up"] = theirs()
    assert seen["up"][0] != seen["down"][0], "NetworkManager has no rules of its own"


@check
def engaged_over_it_keeps_it_working():
    out("ksctl on")
    reaches("protecting")
    with world.flood():
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND)
    assert theirs() == seen["up"], theirs()
    seen["protecting"] = ours()


@check
def its_restart_leaks_nothing():
    with world.flood():
        out("systemctl restart NetworkManager.service")
        eventually(lambda: "vpn" in out("nmcli -g NAME connection show --active").splitlines(), "it has the VPN again")
        same(theirs, "up")
        same(ours, "protecting")
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def down_and_up_leaks_nothing():
    with world.flood():
        out("nmcli connection down vpn")
        reaches("blocking")
        same(theirs, "down")
    world.refused(("all",))
    with world.flood():
        out("nmcli connection up vpn")
        protected()
        same(theirs, "up")
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def released_leaves_it_as_it_was():
    out("ksctl off")
    world.nothing_left()
    assert theirs() == seen["up"], theirs()
    with world.flood(leaks=True):
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    out("nmcli connection down vpn")
    same(theirs, "down")
    world.flows(PLAIN, (HOST4, HOST6))


if __name__ == "__main__":
    sys.exit(guest.main())
