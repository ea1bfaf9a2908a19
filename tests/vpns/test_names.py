# SPDX-License-Identifier: GPL-2.0-or-later
"""VPN servers that are given by name: looked up before the way is closed, pinned, refreshed through a tunnel."""

import os

import pytest

from lib import proc
from lib.bus import refused
from lib.daemon import CONFIGURATION, STATE
from lib.internet import VPN_SERVER
from lib.names import HOSTS, RESOLVER, VPN, NamedWireGuard, Names, bus_call
from lib.wireguard import MARK, SERVER_PORT, generate_key, launch

BY_NAME = f"""[VPN wg]
Interface=wg0
Mark={MARK:#x}
Protocol=udp
Endpoint={VPN}:{SERVER_PORT}
"""
MOVED = "198.51.100.11"
WHERE = f"{CONFIGURATION}/killswitch.conf:5: Endpoint: [VPN wg] '{VPN}' can't be used: "
# The mark of another VPN, and the port that its program has.
OTHER_MARK, OTHER_PORT = 0xCA6D, 51822
OTHER = f"""
[VPN other]
Interface=wg1
Mark={OTHER_MARK:#x}
Protocol=udp
Endpoint={VPN_SERVER[4]}:{SERVER_PORT}
"""


@pytest.fixture
def names(ground):
    names = Names(ground)
    yield names
    names.close()


def servers(root, vpn=0):
    """What is told of the VPN's one named server: the addresses, the best first."""
    told, = root.state()[1]["Vpns"][vpn]["Servers"]
    name, *addresses = told.split()
    assert name == f"{VPN}:{SERVER_PORT}"
    return addresses


def marked(ground):
    """Whether the VPN's own packets to the server arrive at the router, by family; sent with its mark and ports."""
    before = ground.uplink.snapshot()
    ground.probe(*({"kind": "udp", "to": VPN_SERVER[family], "port": SERVER_PORT, "sport": 51820, "mark": MARK}
                   for family in (4, 6)), user="root")
    ground.uplink.settle()
    counts = ground.uplink.since(before)
    return counts["transport4"] > 0, counts["transport6"] > 0


def content(path):
    with open(path, encoding="utf-8") as opened:
        return opened.read()


def pins_of(root):
    """What is pinned once everything is done that belongs to the last call; its answer comes before."""
    root.state()
    return content(f"{STATE}/pins")


def hosts():
    return content(HOSTS)


def to_both(ground):
    """Whether the VPN's own packets arrive at the router that go to the server, and to a forged address."""
    before = ground.uplink.snapshot()
    ground.probe(*({"kind": "udp", "to": to, "port": SERVER_PORT, "sport": 51820, "mark": MARK}
                   for to in (VPN_SERVER[4], "203.0.113.9")), user="root")
    ground.uplink.settle()
    return ground.uplink.since(before)["transport4"] > 0, ground.uplink.leaks(before) != {}


@pytest.mark.parametrize("family", (4, 6))
def test_connects_from_nothing_by_the_pinned_address(ground, names, family):
    names.zone({VPN: [VPN_SERVER[family]]})
    root = ground.serve(BY_NAME)
    assert (servers(root), names.asked()) == ([], 0)
    root.call("Engage")
    state, details = root.state()
    assert (state, details["Degraded"]) == ("blocking", [])
    assert servers(root) == [VPN_SERVER[family]]
    assert names.asked() > 0
    assert marked(ground) == (family == 4, family == 6), "the other family's address is not pinned"

    # Nobody finds anything out now, and no question leaves; what is known is known after a restart, too.
    before, asked = ground.uplink.snapshot(), names.asked()
    done = proc.run("getent", "ahosts", VPN, namespace=ground.host.name, user="tester", check=False)
    assert done.returncode == 2
    ground.daemon.kill()
    root = ground.serve(BY_NAME)
    assert root.state()[0] == "blocking" and servers(root) == [VPN_SERVER[family]]
    assert ground.uplink.leaks(before) == {} and names.asked() == asked

    ground.vpn = NamedWireGuard(ground.internet)
    ground.vpn.up()
    root.wait_state("protecting")
    assert ground.uplink.since(before)[f"transport{family}"] > 0
    assert ground.uplink.leaks(before) == {}
    # A VPN is up: the name is asked for again, through it.
    proc.until(lambda: names.asked() > asked, "a question through the tunnel")
    assert ground.uplink.leaks(before) == {}
    # The control: released, the same question goes out directly.
    root.call("Release")
    ground.vpn.delete()
    asked = names.asked()
    assert VPN_SERVER[family] in proc.run("getent", "ahosts", VPN, namespace=ground.host.name, user="tester")
    assert names.asked() > asked and ground.uplink.leaks(before) != {}


class Other:
    """A second WireGuard, to the first address of the same server."""

    def __init__(self, ground):
        self.ground = ground
        private, public = generate_key()
        vpn, space = ground.vpn, ground.host
        ground.internet.vpn.run("wg", "set", "wgs", "peer", public, "allowed-ips", "10.8.0.3/32")
        self.process = launch(space, "wg1")
        vpn._set(space, "wg1", private, "listen-port", str(OTHER_PORT), "fwmark", hex(OTHER_MARK), "peer",
                 vpn.server_public, "endpoint", f"{VPN_SERVER[4]}:{SERVER_PORT}", "allowed-ips", "0.0.0.0/0",
                 "persistent-keepalive", "1")

    def up(self):
        self.ground.host.ips("""
            address add 10.8.0.3/24 dev wg1
            link set wg1 up""")

    def delete(self):
        self.ground.host.ip("link", "delete", "wg1")
        self.process.wait()


def move(ground, names):
    """The server listens at another address, and no longer answers the VPN at the first."""
    internet = ground.internet
    internet.vpn.ip("address", "add", f"{MOVED}/24", "dev", "eth0")
    internet.router.ip("neighbour", "replace", MOVED, "lladdr", "02:00:00:00:51:10", "dev", "v0", "nud", "permanent")
    internet.vpn.nft(f"""table ip moved {{
        chain in {{
            type filter hook input priority 0
            ip daddr {VPN_SERVER[4]} udp sport 51820 drop
        }}
    }}""")
    # The meter knows the server by its first address, and the other VPN not at all.
    for source, target in ((51820, MOVED), (OTHER_PORT, VPN_SERVER[4])):
        internet.router.nft(f"insert rule netdev tally in ip daddr {target} udp sport {source} "
                            f"udp dport {SERVER_PORT} counter name n_transport4 accept")
    names.zone({VPN: [MOVED]})


def test_a_server_that_moved_is_learned_through_another_tunnel(ground, names):
    names.zone({VPN: [VPN_SERVER[4]]})
    ground.vpn = NamedWireGuard(ground.internet)
    root = ground.serve(BY_NAME + OTHER)
    root.call("Engage")
    assert servers(root) == [VPN_SERVER[4]]
    asked = names.asked()
    ground.vpn.up()
    root.wait_state("protecting")
    # That the VPN came up is reason to ask; this answer is still the old one.
    proc.until(lambda: names.asked() >= asked + 2, "both questions through the tunnel")
    move(ground, names)
    ground.vpn.delete()
    root.wait_state("blocking")
    assert servers(root) == [VPN_SERVER[4]]
    before = ground.uplink.snapshot()

    other = Other(ground)
    other.up()
    root.wait_state("protecting")
    # Old and new: whatever answers, the VPN may use both.
    proc.until(lambda: servers(root) == [MOVED, VPN_SERVER[4]], "the new address")
    other.delete()
    root.wait_state("blocking")

    ground.vpn.up()
    root.wait_state("protecting")
    assert MOVED in ground.host.run("wg", "show", "wg0", "endpoints")
    assert ground.uplink.leaks(before) == {}


def test_a_server_that_moved_is_learned_by_reload_when_released(ground, names):
    names.zone({VPN: [VPN_SERVER[4]]})
    root = ground.serve(BY_NAME)
    root.call("Engage")
    root.call("Release")
    move(ground, names)
    root.call("Reload")
    assert servers(root) == [MOVED, VPN_SERVER[4]]
    # Nobody can be asked from here on.
    ground.internet.public.ip("link", "set", "eth0", "down")
    root.call("Engage")
    before = ground.uplink.snapshot()
    assert servers(root) == [MOVED, VPN_SERVER[4]]
    ground.vpn = NamedWireGuard(ground.internet)
    ground.vpn.up()
    root.wait_state("protecting")
    assert ground.uplink.leaks(before) == {}


def test_a_name_that_is_not_known_matches_nothing(ground, names):
    root = ground.serve(BY_NAME)
    root.call("Engage")
    state, details = root.state()
    assert (state, servers(root)) == ("blocking", [])
    sentence, = details["Degraded"]
    assert sentence.startswith(f"The VPN wg can't reach its server {VPN}, whose address is not known: ")
    before = ground.uplink.snapshot()
    assert marked(ground) == (False, False)
    assert ground.uplink.leaks(before) == {}

    root.call("Release")
    names.zone({VPN: [VPN_SERVER[4], VPN_SERVER[6]]})
    root.call("Engage")
    assert root.state()[1]["Degraded"] == []
    assert marked(ground) == (True, True), "the control: known, they pass"


def test_dns_that_does_not_answer(ground, names):
    """The service goes on serving, Release is obeyed, and Engage comes to its end."""
    names.zone({VPN: None})
    root = ground.serve(BY_NAME)
    other = ground.caller("root")
    pending = root.start("Engage")
    proc.until(lambda: names.asked() > 0, "the question")
    assert other.state()[0] == "off" and not root.answered(pending)
    other.call("Release")
    error = refused(root.finish, pending)
    assert error.name.endswith(".Conflict") and "was released while" in error.message
    assert other.state()[0] == "off"
    ground.assert_nothing_left()

    # However many wait for it.
    pending = [root.start("Engage") for _ in range(3)]
    for number in pending:
        root.finish(number, limit=60)
    state, details = root.state()
    assert state == "blocking"
    assert "DNS gave no answer in time" in details["Degraded"][0]


def test_no_more_than_a_limit_waits(ground, names):
    names.zone({VPN: None})
    root = ground.serve(BY_NAME)
    pending = [root.start("Engage") for _ in range(65)]

    def answered():
        return [number for number in pending if root.answered(number)]
    proc.until(answered, "the one too many")
    too_many, = answered()
    error = refused(root.finish, too_many)
    assert error.name.endswith(".LimitsExceeded") and "wait already" in error.message
    pending.remove(too_many)
    ground.caller("root").call("Release")
    for number in pending:
        assert refused(root.finish, number).name.endswith(".Conflict")
    assert root.state()[0] == "off"


def test_vpns_that_are_added_at_a_time_have_their_own_names_looked_up(ground, names):
    names.zone({VPN: None, "other.example.org": [VPN_SERVER[4]]})
    root, other = ground.serve(OTHER), ground.caller("root")
    first = {"Interface": "tun5", "Mark": "0x55", "Protocol": "udp", "Endpoint": f"{VPN}:1194"}
    second = first | {"Interface": "tun6", "Mark": "0x66", "Endpoint": "other.example.org:1194"}
    first, second = ({key: {"variant": ["s", value]} for key, value in vpn.items()} for vpn in (first, second))
    pending = root.start("AddVpn", "a", first)
    proc.until(lambda: names.asked() > 0, "the question")
    other.call("AddVpn", "b", second)
    assert not root.answered(pending)
    # Nothing is about to be raised, so there is nothing to stop.
    other.call("Release")
    assert not root.answered(pending)
    error = refused(root.finish, pending)
    assert error.message.startswith(f"added VPN 'a': Endpoint: [VPN a] '{VPN}' can't be used: "), error.message
    assert [vpn["Name"] for vpn in root.state()[1]["Vpns"]] == ["other", "b"]


@pytest.mark.parametrize("addresses, sentence", [
    (["192.168.77.10"], "its address 192.168.77.10 is one of a LAN; if the server really is there, say so with "
                        "EndpointRange="),
    (["fd00:77::10"], "its address fd00:77::10 is one of a LAN; if the server really is there, say so with "
                      "EndpointRange="),
    (["203.0.113.77"], "its address 203.0.113.77 is inside a VPN; if the server really is there, say so with "
                       "EndpointRange="),
    (["127.0.0.1"], "its address 127.0.0.1 is this host's own, a multicast address or none at all"),
    (["224.0.0.251"], "its address 224.0.0.251 is this host's own, a multicast address or none at all"),
    ([], "Error resolving "),
], ids=("lan4", "lan6", "tunnel", "loopback", "multicast", "unknown"))
def test_an_address_that_may_not_be_a_servers(ground, names, addresses, sentence):
    """Told with its place; the settings from before stay, and with EndpointRange= it is as one says."""
    names.zone({VPN: addresses} if addresses else {})
    root = ground.serve("[Killswitch]\nLan=none\n")
    ground.daemon.configure(BY_NAME + "Prefixes=203.0.113.64/26\n")
    error = refused(root.call, "Reload")
    assert error.name.endswith(".Settings")
    assert error.message.startswith(WHERE + sentence)
    assert root.state()[1]["Vpns"] == [] and root.state()[1]["Lan"] == "none"

    ground.daemon.configure(BY_NAME + "Prefixes=203.0.113.64/26\nEndpointRange=192.168.77.0/24 fd00:77::/64 "
                                      "203.0.113.64/26 127.0.0.0/8 224.0.0.0/4\n")
    if "EndpointRange" in sentence:
        root.call("Reload")
        assert servers(root) == addresses
    else:
        assert refused(root.call, "Reload").message.startswith(WHERE + sentence)


def test_a_server_that_another_vpn_reaches_through_a_third(ground, names):
    """What goes to that address goes into a tunnel, and so it can't be a server on the uplink, whatever DNS says."""
    names.zone({VPN: ["203.0.113.77"]})
    inner = "[VPN inner]\nInterface=wg2\nThrough=wg\nEndpoint=203.0.113.77:51820\n"
    root = ground.serve("")
    ground.daemon.configure(BY_NAME + inner)
    told = "its address 203.0.113.77 is inside a VPN; if the server really is there, say so with EndpointRange="
    assert refused(root.call, "Reload").message.startswith(WHERE + told)
    # Not written in a file, it is the same.
    ground.daemon.configure(OTHER)
    root.call("Reload")
    root.call("AddVpn", "inner", {key: {"variant": ["s", value]} for key, value in (
        ("Interface", "wg2"), ("Through", "other"), ("Endpoint", "203.0.113.77:51820"))})
    ground.daemon.configure(BY_NAME + OTHER)
    assert refused(root.call, "Reload").message.startswith(WHERE + told)
    names.zone({VPN: [VPN_SERVER[4], "203.0.113.77"]})
    # Said to be there, it is pinned; the guard lets nothing out to it all the same.
    ground.daemon.configure(BY_NAME + f"EndpointRange=203.0.113.0/24 {VPN_SERVER[4]}\n" + OTHER)
    root.call("Reload")
    root.call("Engage")
    assert set(servers(root)) == {VPN_SERVER[4], "203.0.113.77"}
    before = ground.uplink.snapshot()
    ground.probe(*({"kind": "udp", "to": to, "port": SERVER_PORT, "sport": 51820, "mark": MARK}
                   for to in (VPN_SERVER[4], "203.0.113.77")), user="root")
    ground.uplink.settle()
    assert ground.uplink.leaks(before) == {} and ground.uplink.since(before)["transport4"] > 0


def test_a_spoofed_answer_takes_nothing_away(ground, names):
    """What worked is kept beside what the network says, and what is the LAN's is refused."""
    names.zone({VPN: [VPN_SERVER[4]]})
    root = ground.serve(BY_NAME)
    root.call("Engage")
    root.call("Pause", 600_000_000)
    names.zone({VPN: ["192.168.77.10", "203.0.113.9"]})
    root.call("Reload")
    assert servers(root) == ["203.0.113.9", VPN_SERVER[4]]
    sentence, = root.state()[1]["Degraded"]
    assert "its address 192.168.77.10 is one of a LAN" in sentence
    root.call("Resume")
    assert servers(root) == ["203.0.113.9", VPN_SERVER[4]]
    # Without the mark nothing goes there.
    leaks, _ = ground.attempt({"kind": "udp", "to": "203.0.113.9", "port": SERVER_PORT, "device": "eth0"},
                              {"kind": "udp", "to": VPN_SERVER[4], "port": SERVER_PORT, "device": "eth0"})
    assert leaks == {}
    # With the mark it does, until a range takes it away from what is pinned.
    assert to_both(ground) == (True, True) and f"\n203.0.113.9 {VPN}\n" in hosts()
    ground.daemon.configure(BY_NAME + f"EndpointRange={VPN_SERVER[4]}/24\n")
    root.call("Reload")
    assert servers(root) == [VPN_SERVER[4]]
    assert to_both(ground) == (True, False)
    assert "203.0.113.9" not in hosts() and f"\n{VPN_SERVER[4]} {VPN}\n" in hosts()


def test_what_is_refused_leaves_no_pin(ground, names):
    names.zone({VPN: [VPN_SERVER[4]], "other.example.org": ["192.168.77.10"], "lan.example.org": ["203.0.113.9"]})
    root = ground.serve(BY_NAME)
    root.call("Reload")
    keys = {key: {"variant": ["s", value]} for key, value in (("Interface", "tun5"), ("Mark", "0x55"), ("Protocol", "udp"))}
    for server, killswitch in (("other.example.org", ""), ("lan.example.org", "LanPrefixes=public:203.0.113.0/24\n")):
        ground.daemon.configure(f"[Killswitch]\n{killswitch}{BY_NAME}")
        root.call("Reload")
        endpoints = {"variant": ["as", [f"{VPN}:1194", f"{server}:1194"]]}
        error = refused(root.call, "AddVpn", "a", keys | {"Endpoint": endpoints})
        assert "is one of a LAN" in error.message, error.message
        pins = pins_of(root)
        assert f"wg\t{VPN}\t" in pins and "a\t" not in pins and server not in pins
    # So it is with a file: the good name in it goes with the bad one.
    ground.daemon.configure(OTHER.replace(f"Endpoint={VPN_SERVER[4]}", f"Endpoint={VPN}:1\nEndpoint=other.example.org"))
    assert "is one of a LAN" in refused(root.call, "Reload").message
    assert "other\t" not in pins_of(root)


def test_a_hosts_file_that_could_not_be_written_is_tried_again(ground, names):
    names.zone({VPN: [VPN_SERVER[4]]})
    root = ground.serve(BY_NAME)
    os.unlink(HOSTS)
    os.mkdir(HOSTS)
    root.call("Engage")
    assert servers(root) == [VPN_SERVER[4]] and os.path.isdir(HOSTS)
    os.rmdir(HOSTS)
    root.call("SetLan", "none")
    assert f"\n{VPN_SERVER[4]} {VPN}\n" in hosts()


def test_nobody_else_may_ask_the_helper(ground, names):
    names.zone({VPN: [VPN_SERVER[4]]})
    root = ground.serve(BY_NAME)
    for user in ("root", "tester"):
        done = bus_call(RESOLVER, "/org/killswitch1/Resolver", RESOLVER, "Resolve", "s", VPN, user=user)
        assert done.returncode != 0 and "denied" in done.stderr.lower(), done.stderr
    assert names.asked() == 0
    root.call("Engage")
    assert servers(root) == [VPN_SERVER[4]]
    pid = names.resolver()
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert int(status["Uid"].split()[0]) != os.stat("/var/lib/killswitch").st_uid
