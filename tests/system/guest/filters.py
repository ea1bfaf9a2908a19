# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside other packet filters: nftables.service, firewalld, ufw, and docker's bridge."""
import sys
from contextlib import contextmanager

import beside
import guest
import host
import wire
from beside import engage, foreign, release, same, unharmed, works, write
from guest import check, eventually, out, sh

seen = {}


@check
def the_vpn_works():
    beside.scene()
    with host.sender(leaks=True):
        works(beside.UPLINK)
    engage()
    with unharmed():
        pass


# nft, and Debian's own nftables.service, whose file flushes everything

@check
def a_flushed_ruleset_is_put_back():
    engage()
    with unharmed(flushed=True):
        out("nft flush ruleset")
    release()


@check
def nftables_service_while_off():
    release()
    out("systemctl start nftables.service")
    seen["nftables"] = foreign()
    assert "table inet filter" in seen["nftables"]["tables"], seen["nftables"]
    with host.sender(leaks=True):
        out("systemctl reload nftables.service")
    same(seen["nftables"])
    out("systemctl stop nftables.service")


@check
def nftables_service_starts_reloads_restarts():
    engage()
    for verb in ("start", "reload", "restart"):
        with unharmed(seen["nftables"], flushed=True):
            out(f"systemctl {verb} nftables.service")


@check
def nftables_service_reloads_a_file_that_flushes_its_own_table_only():
    with open("/etc/nftables.conf", encoding="utf-8") as file:
        text = file.read()
    assert "\nflush ruleset\n" in text, text
    write("/etc/nftables.conf", text.replace("flush ruleset", "table inet filter\ndelete table inet filter"))
    before = beside.repairs()
    with unharmed(seen["nftables"]):
        out("systemctl reload nftables.service")
    assert beside.repairs() == before


@check
def nftables_service_stops():
    with unharmed(dict(seen["nftables"], tables=[]), flushed=True):
        out("systemctl stop nftables.service")
    release()


# firewalld

def firewalld_runs():
    """Wait until it is done: its name is on the bus before its rules are in the kernel."""
    eventually(lambda: sh("firewall-cmd --state", ok=False).returncode == 0, "firewalld runs")


@check
def firewalld_while_off():
    release()
    out("systemctl start firewalld.service")
    firewalld_runs()
    seen["firewalld"] = foreign()
    assert "table inet firewalld" in seen["firewalld"]["tables"], seen["firewalld"]
    with host.sender(leaks=True):
        out("firewall-cmd --reload")
    same(seen["firewalld"])
    out("systemctl stop firewalld.service")


@check
def firewalld_starts_reloads_restarts():
    engage()
    for command in ("systemctl start firewalld.service", "firewall-cmd --reload", "firewall-cmd --complete-reload",
                    "systemctl restart firewalld.service"):
        with unharmed(seen["firewalld"]):
            out(command)
            firewalld_runs()


@check
def firewalld_panics():
    with unharmed(seen["firewalld"]):
        out("firewall-cmd --panic-on")
        assert not any(beside.ask(patience=1).values())
        out("firewall-cmd --panic-off")


@check
def engaged_over_firewalld():
    release()
    same(seen["firewalld"])
    engage()
    same(seen["firewalld"])
    works()


def over_ipv6(selector, options):
    """Have the VPN anew, with its server by IPv6, where firewalld drops what comes by another link than the way
    back goes: known by these lines, with these options of its link."""
    beside.disconnect()
    server = f"[{wire.SERVER6}]"
    write(host.SETTINGS, f"[VPN office]\nInterface={beside.LINK}\nProtocol=udp\n{selector}\n"
                         f"Endpoint={server}:{wire.SERVER_PORT}\n")
    out("ksctl reload")
    beside.connect(server, options)
    eventually(lambda: guest.state()[0] == "protecting", "protecting")
    with unharmed():
        works()


@check
def firewalld_lets_the_answers_to_a_marked_vpn_in():
    assert any("fib saddr . mark . iif oif missing drop" in part for part in foreign()["tables"]), foreign()
    over_ipv6(f"Mark={wire.MARK}", f"fwmark {wire.MARK}")


@check
def firewalld_lets_the_answers_to_a_vpn_known_by_its_port_in():
    over_ipv6("User=root\nSourcePort=51820", "listen-port 51820")


@check
def the_vpn_by_ipv4_again():
    beside.disconnect()
    host.settings()
    out("ksctl reload")
    beside.connect()
    eventually(lambda: guest.state()[0] == "protecting", "protecting")
    works()


@check
def firewalld_stops():
    with unharmed(dict(seen["firewalld"], tables=[])):
        out("systemctl stop firewalld.service")
    release()


# ufw

@check
def ufw_while_off():
    release()
    # What is there from an earlier run changes what it makes.
    out("ufw --force enable && ufw disable")
    seen["ufw disabled"] = foreign()
    out("ufw --force enable")
    seen["ufw"] = foreign()
    assert any("chain ufw-user-output" in part for part in seen["ufw"]["tables"]), seen["ufw"]
    with host.sender(leaks=True):
        out("ufw reload")
    seen["ufw reloaded"] = foreign()


@check
def ufw_reloaded_disabled_enabled():
    engage()
    same(seen["ufw reloaded"])
    works()
    with unharmed(seen["ufw reloaded"]):
        out("ufw reload")
    with unharmed(seen["ufw disabled"]):
        out("ufw disable")
    with unharmed(seen["ufw"]):
        out("ufw --force enable")
    release()
    same(seen["ufw"])
    out("ufw disable && nft flush ruleset")


# A bridge with a guest, as docker makes it

BRIDGE = """
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add docker0 address 02:42:ac:11:00:01 type bridge
ip addr add 172.17.0.1/16 dev docker0
ip addr add fd17::1/64 dev docker0 nodad
ip link set docker0 up
ip link add veth0 address 02:42:ac:11:00:02 type veth peer name eth0 netns guest
ip link set veth0 master docker0 up
ip -n guest addr add 172.17.0.2/16 dev eth0
ip -n guest addr add fd17::2/64 dev eth0 nodad
ip -n guest link set eth0 up
ip -n guest route add default via 172.17.0.1
ip -n guest route add default via fd17::1
"""
NETWORKS = {"iptables": "172.17.0.0/16", "ip6tables": "fd17::/64"}
# The chains of docker 20, in its order.
CHAINS = """
{tool} -t filter -P FORWARD DROP
{tool} -t nat -N DOCKER
{tool} -t filter -N DOCKER
{tool} -t filter -N DOCKER-ISOLATION-STAGE-1
{tool} -t filter -N DOCKER-ISOLATION-STAGE-2
{tool} -t filter -N DOCKER-USER
{tool} -t filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
{tool} -t filter -A DOCKER-ISOLATION-STAGE-1 -j RETURN
{tool} -t filter -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
{tool} -t filter -A DOCKER-ISOLATION-STAGE-2 -j RETURN
{tool} -t filter -A DOCKER-USER -j RETURN
{tool} -t filter -A FORWARD -j DOCKER-USER
{tool} -t filter -A FORWARD -j DOCKER-ISOLATION-STAGE-1
{tool} -t filter -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{tool} -t filter -A FORWARD -o docker0 -j DOCKER
{tool} -t filter -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
{tool} -t filter -A FORWARD -i docker0 -o docker0 -j ACCEPT
{tool} -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
{tool} -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
{tool} -t nat -A POSTROUTING -s {network} ! -o docker0 -j MASQUERADE
{tool} -t nat -A DOCKER -i docker0 -j RETURN
"""


def docker_starts():
    """Its chains, and the bridge with the guest."""
    for tool, network in NETWORKS.items():
        out("set -e" + CHAINS.format(tool=tool, network=network))
    out("set -e" + BRIDGE)


def docker_stops():
    """All of it gone, but for the guest's namespace."""
    out("ip link delete docker0 && ip link delete veth0")
    for tool in NETWORKS:
        out(f"{tool} -P FORWARD ACCEPT; for t in nat filter; do {tool} -t $t -F; {tool} -t $t -X; done")


def guest_is_seen(addresses):
    """Assert that the guest is answered, and is seen to come from these addresses, or isn't answered."""
    answers = beside.ask("ip", "netns", "exec", "guest", patience=20 if addresses else 1)
    wanted = beside.wanted(addresses) if addresses else dict.fromkeys(answers)
    assert answers == wanted, answers


@contextmanager
def guest_sends():
    """The guest's packets all the while; the wire's counts have those that leave."""
    tried = wire.Counts("/share/guest-counts")
    process = beside.spawn("ip", "netns", "exec", "guest", "python3", "/share/wire.py", "send", "/share/guest-counts")
    try:
        host.rounds(tried)
        yield
        host.rounds(tried)
    finally:
        process.kill()
        process.wait()


@check
def docker_while_off():
    release()
    out("ip netns add guest; ip -n guest link set lo up")
    docker_starts()
    seen["docker"] = foreign()
    guest_is_seen(beside.UPLINK)
    before = host.counts()["leaked"]
    with guest_sends():
        eventually(lambda: host.counts()["leaked"] > before, "the guest's packets leave")


@check
def engaged_over_docker():
    engage()
    same(seen["docker"])
    with unharmed(), guest_sends():
        guest_is_seen(beside.INSIDE)


@check
def dockers_guest_without_the_vpn_goes_nowhere():
    with unharmed(), guest_sends():
        beside.disconnect()
        eventually(lambda: guest.state()[0] == "blocking", "blocking")
        guest_is_seen(None)
        beside.connect()
        eventually(lambda: guest.state()[0] == "protecting", "protecting")
    guest_is_seen(beside.INSIDE)


@check
def docker_restarts():
    with unharmed():
        docker_stops()
        docker_starts()
        with guest_sends():
            guest_is_seen(beside.INSIDE)
    release()
    guest_is_seen(beside.UPLINK)


if __name__ == "__main__":
    sys.exit(guest.main())
