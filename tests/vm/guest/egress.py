# SPDX-License-Identifier: GPL-2.0-or-later
"""EgressGuard= on the distribution's kernel, with kernel WireGuard, a VLAN and ipvlan."""
import os
import socket
import struct
import sys

import guest
import world
from guest import check, eventually, out, sh
from world import HOST4, HOST6, LINK, PLAIN, PUBLIC4, PUBLIC6, ROUTER4, TUNNEL4, TUNNEL6, reaches

KIND = {4: 0x0800, 6: 0x86DD}
GUEST4 = "192.168.7.30"


def packet(family, target):
    """A UDP packet to the discard port."""
    payload = struct.pack("!HHHH", 4000, 9, 12, 0) + b"past"
    if family == 4:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0, socket.inet_aton(HOST4),
                           socket.inet_aton(target)) + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), 17, 64) + socket.inet_pton(socket.AF_INET6, HOST6) + \
        socket.inet_pton(socket.AF_INET6, target) + payload


def send(family, target, link=LINK):
    """By a packet socket, as root."""
    with open("/sys/class/net/uplink0/address", encoding="ascii") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    far = bytes.fromhex(out("ip netns exec router cat /sys/class/net/host/address").replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        try:
            sock.sendto(far + mac + struct.pack("!H", KIND[family]) + packet(family, target), (link, 0))
        except OSError:
            pass


def leaked(action):
    """How many packets left meanwhile that must not; one to the LAN behind them was answered."""
    before = world.counters()["leaked"]
    action()
    world.flows(("lan4",), (HOST4,))
    return world.counters()["leaked"] - before


def engage(guard):
    with open("/etc/killswitch/killswitch.conf", "w", encoding="ascii") as file:
        file.write(f"[Killswitch]\nEgressGuard={guard}\n")
    out("ksctl reload")
    eventually(lambda: (sh("nft list table netdev killswitch", ok=False).returncode == 0) == (guard == "yes"),
               f"EgressGuard={guard}")
    assert guest.state()[1]["Degraded"] == [], guest.state()


@check
def engaged_over_wireguard():
    os.makedirs("/etc/killswitch", exist_ok=True)
    world.build()
    world.wireguard_up()
    out("ksctl on")
    reaches("protecting")
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))


@check
def packet_sockets_leave_without_and_stay_with_it():
    for guard, count in (("no", 1), ("yes", 0)):
        engage(guard)
        for family, target in ((4, PUBLIC4), (6, PUBLIC6)):
            assert leaked(lambda family=family, target=target: send(family, target)) == count, (guard, family)


@check
def wireguard_goes_on_by_port_and_by_mark():
    before = world.counters()["leaked"]
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    out("wg set wg0 fwmark 0xca6c; ksctl reload")
    eventually(lambda: "mark 0xca6c" in guest.state()[1]["Vpns"][0]["Transport"], "the mark is seen")
    world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    assert world.counters()["leaked"] == before, world.recorded()


@check
def a_guest_by_ipvlan_stays_inside():
    out(f"""ip netns add guest
        ip link add iv0 link {LINK} netns guest type ipvlan mode l2
        ip -n guest addr add {GUEST4}/24 dev iv0
        ip -n guest link set iv0 up
        ip -n guest route add default via {ROUTER4}""")
    for guard in ("no", "yes"):
        engage(guard)
        assert sh(f"ip netns exec guest ping -c 1 -W 5 {ROUTER4}", ok=False).returncode == 0
        count = leaked(lambda: sh(f"ip netns exec guest ping -c 2 -W 1 {PUBLIC4}", ok=False))
        assert (count > 0) == (guard == "no"), (guard, count)
    out("ip netns delete guest")


@check
def a_vlan_is_an_uplink_too():
    out(f"""ip -n router link add link host name tagged type vlan id 5
        ip -n router addr add 192.168.8.1/24 dev tagged
        ip -n router link set tagged up
        ip link add link {LINK} name tagged type vlan id 5
        ip addr add 192.168.8.2/24 dev tagged
        ip link set tagged up""")
    out("ip", "netns", "exec", "router", "nft", f"table netdev tagged {{ counter leaked_tagged {{ }}; chain c {{ "
        f"type filter hook ingress device tagged priority 0; ip daddr {PUBLIC4} counter name leaked_tagged; }}; }}")
    for guard, count in (("no", 1), ("yes", 1)):
        engage(guard)
        eventually(lambda guard=guard: guard == "no" or "tagged" in out("nft list table netdev killswitch"), "it is guarded")
        send(4, PUBLIC4, "tagged")
        # The LAN in it is reached, by the hooks of both links, behind what didn't leave.
        out("ping -c 1 -W 5 192.168.8.1")
        assert world.counters()["leaked_tagged"] == count, guard
    out("ip link delete tagged")
    eventually(lambda: "tagged" not in out("nft list table netdev killswitch"), "the VLAN is forgotten")


@check
def an_uplink_of_the_same_name_and_number_is_guarded_again():
    number = int(out(f"cat /sys/class/net/{LINK}/ifindex"))
    out(f"""ip netns add away
        ip link set {LINK} netns away""")
    eventually(lambda: LINK not in out("nft list table netdev killswitch"), "the uplink is forgotten")
    out(f"""ip -n away link set {LINK} netns 1
        ip addr add {HOST4}/24 dev {LINK}; ip addr add {HOST6}/64 dev {LINK} nodad; ip link set {LINK} up
        ip route add default via {ROUTER4}""")
    assert int(out(f"cat /sys/class/net/{LINK}/ifindex")) == number
    eventually(lambda: LINK in out("nft list table netdev killswitch"), "the uplink is guarded")
    assert leaked(lambda: send(4, PUBLIC4)) == 0


@check
def an_uplink_that_goes_while_the_guard_is_written_is_guarded_again():
    """The service writes it because of the VLAN, and hears of the uplink when that is back."""
    for pause in range(500, 4500, 500):
        out(f"ip link add link {LINK} name tagged type vlan id 5")
        eventually(lambda: "tagged" in out("nft list table netdev killswitch"), "the VLAN is guarded")
        out("bash", "-c", f"""ip link delete tagged; for ((i = 0; i < {pause}; i++)); do :; done
            ip link set {LINK} netns away; ip -n away link set {LINK} netns 1""")
        out(f"""ip addr add {HOST4}/24 dev {LINK}; ip addr add {HOST6}/64 dev {LINK} nodad; ip link set {LINK} up
            ip route add default via {ROUTER4}""")
        eventually(lambda: LINK in out("nft list table netdev killswitch"), f"the uplink is guarded ({pause})")
    assert leaked(lambda: send(4, PUBLIC4)) == 0


@check
def released_it_is_gone():
    out("ksctl off")
    world.nothing_left()
    assert sh("nft list table netdev killswitch", ok=False).returncode
    assert leaked(lambda: send(4, PUBLIC4)) == 1


if __name__ == "__main__":
    sys.exit(guest.main())
