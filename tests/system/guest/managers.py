# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside the programs that manage links and names: systemd-networkd, NetworkManager, systemd-resolved, wg-quick."""
import os
import sys

import beside
import guest
import host
import wire
from beside import engage, foreign, release, same, unharmed, works, write
from guest import check, eventually, out, sh

seen = {}
NETWORK = f"""[Match]
Name={wire.LINK}
[Network]
Address=192.168.7.2/24
Address=2001:db8:7::2/64
Gateway=192.168.7.1
Gateway=2001:db8:7::1
IPv6AcceptRA=no
"""
DROP_IN = "50-killswitch.conf"


@check
def the_vpn_works():
    beside.scene()
    with host.sender(leaks=True):
        works(beside.UPLINK)
    engage()
    with unharmed():
        pass


def bare():
    """The uplink without addresses and routes of anybody's."""
    out(f"ip addr flush dev {wire.LINK} scope global; while ip -6 route del default dev {wire.LINK}; do :; done")


# systemd-networkd

def networkd(verb):
    """Have it do something, and wait until it has configured the uplink."""
    # More starts than it may have by itself.
    out(f"systemctl reset-failed systemd-networkd.service; systemctl {verb} systemd-networkd.service")
    networkd_is_done()


def networkd_is_done():
    eventually(lambda: "(configured)" in out(f"networkctl status --lines=0 {wire.LINK}"), "networkd is done")


@check
def networkd_while_off():
    release()
    write(f"/etc/systemd/network/10-{wire.LINK}.network", NETWORK)
    bare()
    networkd("start")
    works(beside.UPLINK)
    seen["networkd"] = foreign()
    assert any("default" in route and "proto 4" in route for route in seen["networkd"]["routes 4"]), seen["networkd"]
    with host.sender(leaks=True):
        networkd("restart")
    same(seen["networkd"])


def networkd_at_work():
    """Everything that has networkd look at rules and routes again."""
    for verb in ("restart", "stop", "start"):
        with unharmed(seen["networkd"]):
            networkd(verb) if verb != "stop" else out("systemctl stop systemd-networkd.service systemd-networkd.socket")
    for command in ("networkctl reload", f"networkctl reconfigure {wire.LINK}", f"networkctl renew {wire.LINK}"):
        with unharmed(seen["networkd"]):
            out(command)
            networkd_is_done()


@check
def networkd_with_the_drop_in_repairs_nothing():
    engage()
    same(seen["networkd"])
    before = beside.repairs()
    networkd_at_work()
    assert beside.repairs() == before


@check
def networkd_without_the_drop_in():
    # As an administrator takes it away.
    os.makedirs("/etc/systemd/networkd.conf.d")
    os.symlink("/dev/null", f"/etc/systemd/networkd.conf.d/{DROP_IN}")
    before = beside.repairs()
    networkd_at_work()
    assert beside.repairs() > before, "networkd deleted nothing"
    os.unlink(f"/etc/systemd/networkd.conf.d/{DROP_IN}")


@check
def networkd_released():
    release()
    same(seen["networkd"])
    works(beside.UPLINK)
    out("systemctl stop systemd-networkd.service systemd-networkd.socket")


# NetworkManager

CONNECTION = f"""[connection]
id=home
type=ethernet
interface-name={wire.LINK}
[ethernet]
[ipv4]
method=manual
address1=192.168.7.2/24,192.168.7.1
[ipv6]
method=manual
addr-gen-mode=0
address1=2001:db8:7::2/64,2001:db8:7::1
"""
MANAGER = f"""[main]
dns=none
no-auto-default=*
[device-uplink]
match-device=interface-name:{wire.LINK}
managed=1
"""


def manager_is_done():
    eventually(lambda: out("nmcli -g GENERAL.STATE connection show home") == "activated", "the connection is up")


@check
def network_manager_while_off():
    write("/etc/NetworkManager/system-connections/home.nmconnection", CONNECTION, mode=0o600)
    write("/etc/NetworkManager/conf.d/test.conf", MANAGER)
    bare()
    out("systemctl start NetworkManager.service")
    manager_is_done()
    works(beside.UPLINK)
    seen["NetworkManager"] = foreign()
    with host.sender(leaks=True):
        out("systemctl restart NetworkManager.service")
        manager_is_done()
    same(seen["NetworkManager"])


@check
def network_manager_restarts():
    engage()
    same(seen["NetworkManager"])
    for verb in ("restart", "reload"):
        with unharmed(seen["NetworkManager"]):
            out(f"systemctl {verb} NetworkManager.service")
            manager_is_done()


@check
def network_manager_takes_the_uplink_down_and_up():
    with unharmed(seen["NetworkManager"]):
        out("nmcli connection down home")
        assert "192.168.7.2" not in out("ip addr")
        out("nmcli connection up home")
    with unharmed(seen["NetworkManager"]):
        out("nmcli device reapply " + wire.LINK)


@check
def network_manager_starts_anew():
    out("systemctl stop NetworkManager.service")
    with unharmed(seen["NetworkManager"]):
        bare()
        out("systemctl start NetworkManager.service")
        manager_is_done()


@check
def network_manager_released():
    release()
    same(seen["NetworkManager"])
    works(beside.UPLINK)
    out("systemctl stop NetworkManager.service")


# systemd-resolved

RESOLVED = """[Resolve]
LLMNR=no
MulticastDNS=no
DNSSEC=no
Cache=no
"""
LAN_SERVER, VPN_SERVER = beside.NAME_SERVERS
COUNT = iter(range(1000))


def resolves(told, service):
    """Assert that a new name has this address, or none, for a user who asks by one of the name services."""
    name = f"n{next(COUNT)}.example.test"
    # By DNS, resolved has a program wait in vain when it can't ask anybody itself.
    patience = "timeout:20" if told else "timeout:1 attempts:1"
    done = sh("setpriv", "--reuid=tester", "--clear-groups", "env", f"RES_OPTIONS={patience}", "getent", "-s", service,
              "ahostsv4", name, ok=False)
    found = {line.split()[0] for line in done.stdout.splitlines()}
    assert found == {told} - {None}, (done, name)


def asked(server):
    """How often a server was asked."""
    path = beside.ASKED + server
    return len(open(path, "rb").readlines()) if os.path.exists(path) else 0


def everybody_resolves(told):
    """The same by resolved's own way, and by its address on this host as in resolv.conf."""
    resolves(told, "resolve")
    resolves(told, "dns")


def vpn_has_a_server():
    out(f"resolvectl dns {beside.LINK} {VPN_SERVER}")


def resolved(verb):
    """Start it. It says that it is ready before it has its name on the bus."""
    out(f"systemctl {verb} systemd-resolved.service")
    eventually(lambda: sh("busctl status org.freedesktop.resolve1", ok=False).returncode == 0, "resolved is on the bus")


@check
def resolved_while_off():
    release()
    write("/etc/systemd/resolved.conf.d/test.conf", RESOLVED)
    resolved("start")
    out(f"resolvectl dns {wire.LINK} {LAN_SERVER}")
    with host.sender(leaks=True):
        everybody_resolves(beside.NAME_SERVERS[LAN_SERVER])
    assert asked(LAN_SERVER) >= 2


@check
def resolved_asks_inside_the_vpn_only():
    engage()
    before = asked(LAN_SERVER)
    with unharmed():
        everybody_resolves(None)
        vpn_has_a_server()
        everybody_resolves(beside.NAME_SERVERS[VPN_SERVER])
    with unharmed():
        resolved("restart")
        everybody_resolves(beside.NAME_SERVERS[VPN_SERVER])
    assert asked(VPN_SERVER) >= 4 and asked(LAN_SERVER) == before


@check
def resolved_without_the_vpn_asks_nobody():
    before = asked(LAN_SERVER)
    with unharmed():
        beside.disconnect()
        eventually(lambda: guest.state()[0] == "blocking", "blocking")
        everybody_resolves(None)
        beside.connect()
        vpn_has_a_server()
        everybody_resolves(beside.NAME_SERVERS[VPN_SERVER])
    assert asked(LAN_SERVER) == before


@check
def resolved_released():
    release()
    out(f"resolvectl revert {beside.LINK}")
    everybody_resolves(beside.NAME_SERVERS[LAN_SERVER])
    out("systemctl stop systemd-resolved.service")


# wg-quick, with a WireGuard in user space

QUICK_MARK = 51820
SECTION = f"""[VPN quick]
Interface=wg0
Mark={QUICK_MARK}
Protocol=udp
Endpoint={wire.SERVER}:{wire.SERVER_PORT}
"""
# With the mark in the file the first handshake has it too; wg-quick sets its own when the link is up already.
CONFIGURATION = """[Interface]
PrivateKey = {private}
FwMark = {mark}
Address = {address}
[Peer]
PublicKey = {public}
Endpoint = {endpoint}
AllowedIPs = {allowed}
PersistentKeepalive = 5
"""


def configure(link, key, address, allowed):
    """A file as a provider gives it out."""
    private, public = (open(f"{beside.KEYS}/{name}", encoding="ascii").read().strip() for name in (key, "server.pub"))
    write(f"/etc/wireguard/{link}.conf", CONFIGURATION.format(
        private=private, public=public, address=address, allowed=allowed, mark=QUICK_MARK if link == "wg0" else "off",
        endpoint=f"{wire.SERVER}:{wire.SERVER_PORT}"), mode=0o600)


@check
def wg_quick_while_off():
    release()
    beside.disconnect()
    write("/etc/killswitch/killswitch.conf.d/quick.conf", SECTION)
    out("ksctl reload")
    configure("wg0", "client", f"{beside.INSIDE['4']}/24, {beside.INSIDE['6']}/64", "0.0.0.0/0, ::/0")
    seen["no wg-quick"] = foreign()
    out("wg-quick up wg0")
    works()
    seen["wg-quick"] = foreign()
    with host.sender(leaks=True):
        out("wg-quick down wg0")
    same(seen["no wg-quick"])


def wg_quick_ends():
    """It goes down, with all that it had, and nothing works any more."""
    out("wg-quick down wg0")
    eventually(lambda: guest.state()[0] == "blocking", "blocking")
    same(seen["no wg-quick"])
    host.engaged()


@check
def wg_quick_is_the_vpn():
    engage("blocking")
    with host.sender(leaks=False):
        for _ in range(2):
            out("wg-quick up wg0")
            eventually(lambda: guest.state()[0] == "protecting", "protecting")
            works()
            wg_quick_ends()
            # From now on with the networks of the VPN, which stay its own.
            seen["ours"] = seen.get("ours", host.kernel())
            beside.whole(seen["ours"])


@check
def engaged_over_wg_quick():
    out("ksctl off")
    out("wg-quick up wg0")
    engage()
    with host.sender(leaks=False):
        works()
        wg_quick_ends()
        beside.whole(seen["ours"])
    release()


@check
def wg_quick_beside_the_vpn_goes_through_it():
    out(f"""wg genkey >{beside.KEYS}/second
        ip netns exec far wg set wgs peer $(wg pubkey <{beside.KEYS}/second) allowed-ips 10.9.0.2/32
        ip -n far addr add 10.9.0.1/24 dev wgs""")
    configure("wg1", "second", "10.9.0.2/24", "10.9.0.0/24")
    beside.connect()
    engage()
    with unharmed():
        out("wg-quick up wg1")
        out("setpriv --reuid=tester --clear-groups ping -c 1 -W 30 10.9.0.1")
        assert f"{beside.INSIDE['4']}:" in out("ip netns exec far wg show wgs endpoints")
        works()
        out("wg-quick down wg1")
    release()


if __name__ == "__main__":
    sys.exit(guest.main())
