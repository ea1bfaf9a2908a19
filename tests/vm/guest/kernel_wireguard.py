# SPDX-License-Identifier: GPL-2.0-or-later
"""The road with kernel WireGuard known by its port, no settings file, the real units: from nothing to released."""
import json
import os
import sys

import guest
import world
from guest import active, check, eventually, out, sh
from world import AROUND, HOST4, HOST6, PLAIN, TUNNEL4, TUNNEL6, protected, reaches

MARK = 0xCA6C
sessions = {}


@check
def early_unit_has_run():
    world.build()
    eventually(lambda: active("killswitch-early.service") == "active", "the early unit is done")
    assert not os.path.exists("/etc/killswitch/killswitch.conf")
    world.nothing_left()


@check
def before_engaging_every_way_is_open():
    before = world.counters()
    got = world.probe("all")
    for kind, result in got.items():
        assert result.get("seen") in (HOST4, HOST6, "sent"), got
    after = world.counters()
    assert after["leaked"] >= before["leaked"] + len(got), (before, after)
    with world.flood(leaks=True):
        world.flows(PLAIN, (HOST4, HOST6))


@check
def a_call_starts_the_service():
    assert active("killswitchd.service") == "inactive"
    word, details = guest.state()
    assert word == "off" and not details["Engaged"], (word, details)
    assert active("killswitchd.service") == "active"


@check
def the_unit_confines_it():
    guest.confined()


def known(name):
    """What the service says about a link."""
    return next((vpn for vpn in guest.state()[1]["Vpns"] if vpn["Interface"] == name), None)


@check
def netlink_tells_mark_prefixes_and_many_peers():
    key = f"{world.KEYS}/client"
    peers = "".join(f"[Peer]\nPublicKey={out('wg genkey | wg pubkey')}\nEndpoint=[{world.VPN6}]:{6000 + number}\n"
                    f"AllowedIPs=10.98.{number}.0/24,10.97.{number}.0/24,fd98:{number}::/64\n" for number in range(20))
    with open("/run/peers", "w", encoding="ascii") as file:
        file.write(peers)
    out(f"""ip link add wg1 type wireguard
        wg set wg1 private-key {key} fwmark 0x1234 peer $(cat {world.KEYS}/server.pub) allowed-ips 10.99.0.0/24
        ip link add wg2 type wireguard
        wg set wg2 private-key {key} listen-port 5002
        wg addconf wg2 /run/peers
        ip link add wg3 type wireguard
        wg set wg3 private-key {key}""")
    for number in (1, 2, 3):
        out(f"ip addr add 10.9{number}.255.1/32 dev wg{number}; ip link set wg{number} up")
    eventually(lambda: all(known(f"wg{number}") and known(f"wg{number}")["Up"] for number in (1, 2, 3)), "they are up")
    assert known("wg1")["Transport"] == "mark 0x1234, udp" and not known("wg1")["Default"], known("wg1")
    transport = known("wg2")["Transport"]
    assert all(f"{world.VPN6} port {6000 + number}" in transport for number in range(20)), transport
    degraded = guest.state()[1]["Degraded"]
    assert len(degraded) == 1 and "wg3" in degraded[0], degraded
    out("for number in 1 2 3; do ip link delete wg$number; done")
    eventually(lambda: not guest.state()[1]["Vpns"] and not guest.state()[1]["Degraded"], f"forgotten: {guest.state()}")


@check
def link_is_known_by_netlink():
    world.wireguard_up()
    vpn = eventually(lambda: known("wg0"), f"wg0 is known: {guest.state()}")
    assert vpn["Kind"] == "wireguard" and vpn["Source"] == "wireguard" and vpn["Default"], vpn
    for word in ("udp", "51820", world.VPN4, str(world.SERVER_PORT)):
        assert word in vpn["Transport"], vpn
    eventually(lambda: known("wg0")["Up"], f"wg0 is up: {known('wg0')}")
    assert set(known("wg0")["Addresses"]) >= {TUNNEL4, TUNNEL6}, known("wg0")


@check
def active_user_engages_without_a_prompt():
    sessions["tester"] = guest.Session("tester", terminal="/dev/tty1")
    assert sessions["tester"].properties()["Active"] == "yes"
    done = sessions["tester"].run("ksctl", "on")
    assert done.returncode == 0, done
    assert guest.state()[0] == "protecting", guest.state()


@check
def traffic_takes_the_vpn():
    before = world.counters()
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    after = world.counters()
    assert after["leaked"] == before["leaked"], (before, after)
    assert after["transport"] > before["transport"], (before, after)


@check
def ways_around_the_vpn_are_refused():
    # To the VPN's server too, for only the VPN itself may talk to it.
    world.refused(AROUND + ("server4", "server6"), SOURCE_PORT="0")


@check
def state_is_told_in_words():
    text = sessions["tester"].run("ksctl", "status")
    assert text.returncode == 0 and "wg0" in text.stdout and "protecting" in text.stdout, text
    word = json.loads(sessions["tester"].run("ksctl", "--json=short", "status").stdout)
    assert "protecting" in json.dumps(word), word


@check
def deleted_link_refuses_at_once():
    with world.flood():
        out("ip link delete wg0")
        world.refused(PLAIN + AROUND)
    reaches("blocking")
    world.refused(("all",))


@check
def the_vpn_comes_back_by_itself():
    with world.flood():
        world.wireguard_up()
        protected()
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND)


@check
def link_down_refuses_imitators_too():
    with world.flood():
        for _ in range(5):
            out("ip link set wg0 down")
            world.link_up("wg0")
        out("ip link set wg0 down")
        reaches("blocking")
    # WireGuard has closed its socket now, so that anybody can bind its port.
    world.refused(PLAIN + AROUND + ("port4", "port6", "server4", "server6"), SOURCE_PORT="51820")
    world.link_up("wg0")
    out(f"ip addr replace {TUNNEL6}/64 dev wg0 nodad")
    protected()
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def the_server_over_ipv6_is_transport_too():
    with world.flood():
        out("ip link delete wg0")
        world.wireguard_up(endpoint=world.VPN6)
        protected()
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def a_new_server_is_taken_by_a_reload():
    # The kernel announces no change of an endpoint. Nothing may be under way that the old server answers.
    before = world.counters()
    out(f"wg set wg0 peer $(cat {world.KEYS}/server.pub) endpoint {world.VPN4}:{world.SERVER_PORT}")
    out("ksctl reload")
    assert world.VPN4 in known("wg0")["Transport"], known("wg0")
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    assert world.counters()["leaked"] == before["leaked"], f"{before} {world.counters()}{world.recorded()}"


@check
def killed_service_changes_nothing():
    pid = guest.main_pid("killswitchd.service")
    with world.flood():
        os.kill(pid, 9)
        world.refused(AROUND)
        eventually(lambda: guest.main_pid("killswitchd.service") not in (0, pid), "the service is started again")
        reaches("protecting")
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def stopped_service_changes_nothing():
    out("systemctl stop killswitchd.service")
    world.refused(AROUND)
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def the_user_may_not_release():
    done = sessions["tester"].run("ksctl", "--no-ask-password", "off")
    assert done.returncode == 4, done
    assert guest.state()[0] == "protecting", guest.state()
    world.refused(AROUND)


@check
def stopped_service_and_deleted_link_refuse():
    assert guest.state()[0] == "protecting" and world.VPN4 in known("wg0")["Transport"], guest.state()
    out("systemctl stop killswitchd.service")
    out("ip link delete wg0")
    # Nobody tells the guard that the VPN has let go of its port.
    assert active("killswitchd.service") == "inactive"
    world.refused(PLAIN + AROUND)
    assert guest.state()[0] == "blocking", guest.state()
    world.wireguard_up()
    protected()
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))


def connects(mark, reverse_path_filter):
    """The VPN comes up anew and carries traffic, which needs its server's answers; nothing else passes."""
    sh("ip link delete wg0", ok=False)
    out(f"for where in all {world.LINK}; do sysctl -qw net.ipv4.conf.$where.rp_filter={reverse_path_filter}; done")
    reaches("blocking")
    world.wireguard_up(mark=mark)
    protected()
    assert ("mark" in known("wg0")["Transport"]) == bool(mark), known("wg0")
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND + ("server4", "server6"), SOURCE_PORT="0")


@check
def by_port_it_connects_where_reverse_paths_are_filtered_strictly():
    connects(0, 1)


@check
def by_port_it_connects_where_reverse_paths_are_filtered_loosely():
    connects(0, 2)


@check
def by_mark_it_connects_where_reverse_paths_are_filtered_loosely():
    connects(MARK, 2)


@check
def by_mark_it_connects_where_reverse_paths_are_filtered_strictly():
    connects(MARK, 1)


def marked_ping(target):
    """With the VPN's mark, which ping's own right lets a user set. Returns whether an answer came."""
    return sh("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", "ping", "-I", world.LINK, "-m", str(MARK),
              "-c", "1", "-W", "2", target, ok=False).returncode == 0


@check
def nobody_borrows_the_mark():
    got = world.refused(("mark4", "mark6"))
    assert {got[kind]["error"] for kind in got} == {"EPERM"}, got
    before = world.counters()
    assert not marked_ping(world.VPN4) and not marked_ping(world.PUBLIC4)
    assert world.counters()["leaked"] == before["leaked"], f"{before}{world.recorded()}"


def follows_a_lie(mark):
    """Whether the VPN's packets go astray once it was lied to about its server. A packet that was under way from the
    true one, and heard after the lie, leads it back."""
    before = world.counters()["astray"]
    out(f"wg set wg0 fwmark {mark} peer $(cat {world.KEYS}/server.pub) endpoint {world.PUBLIC4}:{world.SERVER_PORT}")
    out("ksctl reload")
    sh("ping", "-c", "1", "-W", "1", world.PUBLIC4, ok=False)
    return world.counters()["astray"] > before


@check
def a_server_that_the_vpn_was_lied_to_about_is_no_way_out():
    for mark in (MARK, 0):
        # The VPN itself follows the lie; what it sends is of no use to anybody.
        eventually(lambda mark=mark: follows_a_lie(mark), "the VPN's packets go astray")
        world.refused(AROUND + ("server4", "server6"), SOURCE_PORT="0", SERVER="public")


@check
def a_marked_vpn_that_has_gone_leaves_its_port_to_nobody():
    connects(MARK, 1)
    with world.flood():
        out("ip link delete wg0")
        reaches("blocking")
    world.refused(PLAIN + AROUND + ("port4", "port6", "server4", "server6", "mark4", "mark6"), SOURCE_PORT="51820")
    before = world.counters()
    assert not marked_ping(world.VPN4)
    assert world.counters()["leaked"] == before["leaked"], f"{before}{world.recorded()}"


@check
def the_user_releases_with_the_password():
    sh("ip link delete wg0", ok=False)
    done = sessions["tester"].run("ksctl", "off", typed="root")
    assert done.returncode == 0, done
    assert guest.state()[0] == "off", guest.state()
    world.nothing_left()
    world.flows(PLAIN + AROUND, (HOST4, HOST6))
    before = world.counters()
    assert marked_ping(world.VPN4) and marked_ping(world.PUBLIC4)
    assert world.counters()["leaked"] > before["leaked"], (before, world.counters())
    world.probe("server4", SOURCE_PORT="0", SERVER="public")
    eventually(lambda: world.counters()["leaked"] > before["leaked"] + 2, "the server's port is watched")


if __name__ == "__main__":
    sys.exit(guest.main())
