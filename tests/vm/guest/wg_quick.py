# SPDX-License-Identifier: GPL-2.0-or-later
"""The road with wg-quick, which marks its packets after the link is up and has rules of its own."""
import os
import sys

import guest
import world
from guest import check, eventually, out
from world import AROUND, HOST4, HOST6, PLAIN, TUNNEL4, TUNNEL6, protected, reaches

sessions = {}


def present():
    """Our rules of both families, but for those about the mark of the VPN's own packets."""
    return {version: [rule for rule in world.rules(version) if "fwmark" not in rule] for version in (4, 6)}


def configure():
    """What a provider's configuration file looks like."""
    os.makedirs("/etc/wireguard", exist_ok=True)
    keys = [open(f"{world.KEYS}/{name}", encoding="ascii").read().strip() for name in ("client", "server.pub")]
    with open("/etc/wireguard/wg0.conf", "w", encoding="ascii") as conf:
        conf.write(f"""[Interface]
PrivateKey = {keys[0]}
Address = {TUNNEL4}/24, {TUNNEL6}/64
[Peer]
PublicKey = {keys[1]}
Endpoint = {world.VPN4}:{world.SERVER_PORT}
AllowedIPs = 0.0.0.0/0, ::/0
""")
    os.chmod("/etc/wireguard/wg0.conf", 0o600)


@check
def before_engaging_the_uplink_is_open():
    world.build()
    configure()
    world.flows(PLAIN + AROUND, (HOST4, HOST6))


@check
def engaged_without_a_vpn_refuses():
    sessions["tester"] = guest.Session("tester", terminal="/dev/tty1")
    done = sessions["tester"].run("ksctl", "on")
    assert done.returncode == 0, done
    assert guest.state()[0] == "blocking", guest.state()
    world.refused(("all",))


@check
def a_vpn_that_comes_up_while_engaged_connects():
    with world.flood():
        out("wg-quick up wg0")
        protected()
        eventually(lambda: "mark 0xca6c" in guest.state()[1]["Vpns"][0]["Transport"], f"the mark is seen: {guest.state()}")
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND + ("server4", "server6"), SOURCE_PORT="0")


def down_while_flooded():
    """wg-quick down, after which our rules are whole, but for the way out for the VPN, and its own are gone."""
    wanted = present()
    assert all(wanted.values()), wanted
    with world.flood():
        out("wg-quick down wg0")
        reaches("blocking")
        eventually(lambda: present() == wanted, f"the rules are whole again: {present()}, not {wanted}")
    for version in (4, 6):
        lines = out("ip", f"-{version}", "rule").splitlines()
        assert not [line for line in lines if "from all lookup main suppress_prefixlength 0" in line], lines
        assert not [line for line in lines if "51820" in line], lines


@check
def its_end_while_engaged_leaks_nothing():
    down_while_flooded()
    world.refused(("all",))


@check
def up_and_down_again_and_again_leaks_nothing():
    with world.flood():
        for _ in range(2):
            out("wg-quick up wg0")
            out("wg-quick down wg0")
    reaches("blocking")
    world.refused(("all",))


@check
def a_deleted_link_refuses_and_comes_back():
    out("wg-quick up wg0")
    protected()
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    with world.flood():
        out("ip link delete wg0")
        reaches("blocking")
    world.refused(("all",))
    for version in (4, 6):
        out(f"ip -{version} rule delete not fwmark 51820 table 51820")
    with world.flood():
        out("wg-quick up wg0")
        protected()
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def released_leaves_wg_quick_as_it_was():
    out("ksctl off")
    world.nothing_left()
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.flows(("device4", "device6"), (HOST4, HOST6))


@check
def engaged_over_a_running_wg_quick_keeps_it_working():
    assert sessions["tester"].run("ksctl", "on").returncode == 0
    assert guest.state()[0] == "protecting", guest.state()
    with world.flood():
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND)


@check
def ended_after_engaging_over_it_finishes_and_leaks_nothing():
    # Its rules stand behind ours now, so that the blanket deletion meets ours first.
    down_while_flooded()
    world.refused(("all",))


if __name__ == "__main__":
    sys.exit(guest.main())
