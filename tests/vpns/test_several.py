# SPDX-License-Identifier: GPL-2.0-or-later
"""Several VPNs on one host, by packet counts in both families: one takes over from another, one has networks of its
own beside it, one goes through another; and all that in any order."""

import contextlib
import random

import pytest

from lib import proc
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER, VPN_SERVER
from lib.senders import Flood, patient
from lib.wireguard import Inner, Second, WireGuard

SECOND = f"""
[VPN second]
Interface=wg1
Mark={0xCA6D:#x}
"""
INNER = f"""
[VPN inner]
Interface=wg2
Through=wg
Metric=1
Endpoint={PUBLIC_SERVER[4]}:51825
Endpoint=[{PUBLIC_SERVER[6]}]:51825
"""
# A server that is told apart by its address: behind the first tunnel's end, or the inner one's.
FAR = {4: "192.0.2.55", 6: "2001:db8:55::1"}
FLOODS = [(PUBLIC_SERVER[4], ""), (PUBLIC_SERVER[6], ""), (PUBLIC_SERVER[4], "eth0"), (PUBLIC_SERVER[6], "eth0")]
pytestmark = pytest.mark.watchdog(240)


@pytest.fixture
def vpns(ground):
    """Makes VPNs of a kind whose tunnel stands, and ends them."""
    with contextlib.ExitStack() as stack:
        def make(kind, **options):
            vpn = kind(ground.internet, **options)
            stack.callback(vpn.stop)
            return vpn
        yield make


def far(space):
    space.ips(f"""
        address add {FAR[4]}/32 dev lo
        address add {FAR[6]}/128 dev lo nodad""")


def seen(ground, to=PUBLIC_SERVER):
    """As whom a server sees a user in each family, None when no answer came."""
    results = ground.probe(*(patient(kind="udp", to=to[family], port=7, wait=15) for family in (4, 6)))
    return [result["reply"] for result in results]


def unseen(ground, to=PUBLIC_SERVER):
    """Assert that nothing is answered and nothing leaves."""
    leaks, results = ground.attempt(*({"kind": "udp", "to": to[family], "port": 7} for family in (4, 6)))
    assert leaks == {} and [result["reply"] for result in results] == [None, None], (leaks, results)


def as_client(kind):
    return [kind.client[4], kind.client[6]]


@pytest.mark.parametrize("how", ("delete", "link_down"))
def test_the_second_takes_over(ground, vpns, how):
    first, second = vpns(WireGuard), vpns(Second)
    first.up()
    second.up()
    root = ground.serve(BY_MARK + SECOND)
    root.call("Engage")
    assert root.state()[0] == "protecting"
    assert seen(ground) == as_client(WireGuard)
    before = ground.uplink.snapshot()
    flood = Flood(ground.host, *FLOODS)
    getattr(first, how)()
    assert seen(ground) == as_client(Second)
    flood.pass_round()
    assert root.state()[0] == "protecting"
    getattr(first, "link_up" if how == "link_down" else "up")()
    proc.until(lambda: seen(ground) == as_client(WireGuard), "the first to carry again")
    getattr(second, how)()
    assert seen(ground) == as_client(WireGuard)
    flood.stop()
    assert ground.uplink.leaks(before) == {}
    getattr(first, how)()
    root.wait_state("blocking")
    unseen(ground)
    root.call("Release")
    ground.assert_nothing_left()
    assert seen(ground) == ["192.168.77.2", "2001:db8:77::2"]
    assert ground.uplink.leaks(before) != {}


def test_one_has_networks_of_its_own_beside_another(ground, vpns):
    first, second = vpns(WireGuard), vpns(Second)
    far(ground.internet.vpn)
    ground.internet.serve(ground.internet.vpn)
    first.up()
    second.up()
    root = ground.serve(f"{BY_MARK}Default=no\nPrefixes=192.0.2.0/24 2001:db8:55::/64\n{SECOND}")
    root.call("Engage")
    before = ground.uplink.snapshot()
    assert seen(ground) == as_client(Second)
    assert seen(ground, FAR) == as_client(WireGuard)
    # What belongs to the one is carried by it alone; without the other there is no way out but for that.
    second.delete()
    root.wait_state("blocking")
    assert seen(ground, FAR) == as_client(WireGuard)
    unseen(ground)
    second.up()
    root.wait_state("protecting")
    assert seen(ground) == as_client(Second)
    # Without the one the other takes that too; the uplink never does.
    first.delete()
    assert seen(ground, FAR) == as_client(Second)
    assert ground.uplink.leaks(before) == {}


def test_one_inside_another(ground, vpns):
    outer, inner = vpns(WireGuard), vpns(Inner)
    far(ground.internet.public)
    root = ground.serve(INNER + BY_MARK)
    outer.up()
    root.call("Engage")
    before = ground.uplink.snapshot()
    inner.up()
    root.wait_state("protecting")
    proc.until(lambda: len([vpn for vpn in root.state()[1]["Vpns"] if vpn["Up"]]) == 2, "both to be up")
    assert seen(ground, FAR) == as_client(Inner)
    assert root.call("Audit") == [True, []]
    # The inner one's server itself is reached through the outer one, whoever wants it.
    assert seen(ground) == as_client(WireGuard)
    flood = Flood(ground.host, *FLOODS)
    arrived = ground.internet.at_public.read()
    outer.delete()
    proc.until(lambda: "wg0" not in ground.routes(4, 83).__str__(), "the outer one's routes to go")
    unseen(ground)
    unseen(ground, FAR)
    flood.pass_round()
    flood.stop()
    ground.uplink.settle()
    assert ground.uplink.leaks(before) == {}
    assert ground.internet.at_public.since(arrived)["direct4"] == 0
    assert ground.internet.at_public.since(arrived)["direct6"] == 0
    outer.up()
    proc.until(lambda: seen(ground, FAR) == as_client(Inner), "the inner one to carry again")
    inner.delete()
    assert seen(ground) == as_client(WireGuard)
    assert ground.uplink.leaks(before) == {}
    # The control: where it is let go, the same packets take the uplink.
    root.call("Release")
    outer.delete()
    assert seen(ground) == ["192.168.77.2", "2001:db8:77::2"]
    assert ground.uplink.leaks(before) != {}


@pytest.mark.parametrize("seed", (1,))
def test_up_and_down_in_any_order(ground, vpns, seed):
    """Three VPNs, one of them inside another: whatever is up, traffic goes by the first of them that can carry it."""
    chance = random.Random(seed)
    all_of_them = {"wg0": vpns(WireGuard), "wg1": vpns(Second), "wg2": vpns(Inner)}
    sections = [BY_MARK + "Metric=2\n", SECOND + "Metric=3\n", INNER]
    chance.shuffle(sections)
    root = ground.serve("".join(sections))
    root.call("Engage")
    up = set()
    before = ground.uplink.snapshot()
    flood = Flood(ground.host, *FLOODS)
    for _ in range(8):
        link = chance.choice(sorted(all_of_them))
        vpn = all_of_them[link]
        if link in up:
            chance.choice((vpn.delete, vpn.kill))()
            up.discard(link)
        else:
            vpn.create()
            vpn.raise_link()
            up.add(link)
        told = lambda: {vpn["Interface"] for vpn in root.state()[1]["Vpns"] if vpn["Up"]}  # noqa: E731
        proc.until(lambda told=told: told() == up, f"{sorted(up)} to be up, and no other")
        # What goes to the inner one's server goes through the first, and nowhere else.
        if "wg0" in up:
            proc.until(lambda: seen(ground) == as_client(WireGuard), "the first to carry what is its own")
        else:
            unseen(ground)
        # The second's server as a user sees it: through what is up, but never past it.
        if not up:
            unseen(ground, VPN_SERVER)
    flood.stop()
    assert ground.uplink.leaks(before) == {}


def test_a_link_of_another_kind_is_no_vpn(ground):
    """The settings name an interface that is there, and is a network card."""
    root = ground.serve("[VPN card]\nInterface=eth0\nMark=1\n")
    root.call("Engage")
    state, details = root.state()
    assert state == "blocking"
    assert [note for note in details["Degraded"] if "eth0" in note and "card" in note and "Kind=" in note], details
    unseen(ground)
    root.call("Release")
    assert seen(ground) == ["192.168.77.2", "2001:db8:77::2"]
