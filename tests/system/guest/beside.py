#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the scripts about other network programs share: a VPN that works, and what is theirs in the kernel.

The wire's far end is the VPN's server as well, by a WireGuard in user space, and answers whoever asks
by which address it sees him.

beside.py ask SECONDS   as JSON, what the public server saw, by way
beside.py answer        be the public server, and the name servers of the LAN and inside the VPN
"""
import json
import os
import re
import selectors
import socket
import subprocess
import sys
from contextlib import contextmanager

import guest
import host
import wire
from guest import eventually, out, sh, state

LINK = "tun7"
INSIDE = {"4": "10.8.0.2", "6": "fd08::2"}
UPLINK = {"4": "192.168.7.2", "6": "2001:db8:7::2"}
PORT = 7777
# What each name server tells about every name, and where it notes for which one it was asked.
NAME_SERVERS = {"192.168.7.1": "192.0.2.7", "10.8.0.1": "192.0.2.8"}
ASKED = "/run/asked-"
FREEBIND = 15
KEYS = "/run/keys"
FAMILY = {"4": socket.AF_INET, "6": socket.AF_INET6}
KIND = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
WAYS = [(kind, family) for kind in KIND for family in FAMILY]


# The scene

def scene():
    """The wire with its servers, the package installed, the VPN up; and nothing engaged."""
    wire.up(host.COUNTS)
    host.dpkg("-i", host.FIRST)
    host.settings()
    out("ksctl reload")
    servers()
    connect()


def servers():
    """Have the wire's far end be the public server, which answers, and the VPN's, whose client's keys are made too."""
    answering = spawn("ip", "netns", "exec", "far", "python3", __file__, "answer")
    assert answering.stdout.readline() == b"ready\n"
    os.makedirs(KEYS, mode=0o700)
    for name in ("server", "client"):
        out(f"wg genkey >{KEYS}/{name} && wg pubkey <{KEYS}/{name} >{KEYS}/{name}.pub")
    out(f"ip netns exec far wireguard-go wgs && wg set wgs private-key {KEYS}/server")
    serve()
    out("""ip -n far addr add 10.8.0.1/24 dev wgs; ip -n far addr add fd08::1/64 dev wgs nodad
        ip -n far link set wgs up""")


def serve():
    """The VPN's server, there for its client, also again."""
    out(f"wg set wgs listen-port {wire.SERVER_PORT} peer $(cat {KEYS}/client.pub) allowed-ips 10.8.0.0/24,fd08::/64")


def desert():
    """The VPN's server gone without a word: nobody has its port, and it will know nothing of its client."""
    out(f"wg set wgs listen-port 0 peer $(cat {KEYS}/client.pub) remove")


def spawn(*command):
    """Start what stays until the end, or until it is killed."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def connect(server=wire.SERVER, options=f"fwmark {wire.MARK}"):
    """The VPN of the settings, up."""
    out(f"""wireguard-go {LINK}
        wg set {LINK} private-key {KEYS}/client {options} peer $(cat {KEYS}/server.pub) \
            endpoint {server}:{wire.SERVER_PORT} allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 5
        ip addr add {INSIDE["4"]}/24 dev {LINK}; ip addr add {INSIDE["6"]}/64 dev {LINK} nodad
        ip link set {LINK} addrgenmode none; ip link set {LINK} up""")


def disconnect():
    """The VPN gone, with its link."""
    out(f"ip link delete {LINK}")


# Whether it works

def ask(*prefix, patience=20):
    """By every way, which address of ours the public server sees when a user sends, or None."""
    return json.loads(out(*prefix, "setpriv", "--reuid=tester", "--clear-groups", "python3", __file__, "ask",
                          str(patience), limit=len(WAYS) * patience + guest.LIMIT))


def wanted(addresses):
    """The answers of a server that sees these addresses."""
    return {kind + family: addresses[family] for kind, family in WAYS}


def works(seen=None):
    """Assert that a user's packets are answered, and were seen to come from the VPN's addresses, or these."""
    answers = ask()
    assert answers == wanted(seen or INSIDE), f"{answers} {state()}\n" + "".join(sh(command, ok=False).stdout for command in (
        "wg", "ip -6 rule", "ip -6 route show table all", "nft list ruleset"))


def engage(word="protecting"):
    """The kill switch up, in the state that is to follow."""
    out("ksctl on")
    eventually(lambda: state()[0] == word, word)
    host.engaged(word)


def release():
    """The kill switch off, of which nothing is left, and all else as it was."""
    others = foreign()
    out("ksctl off")
    host.released()
    same(others)
    with host.sender(leaks=True):
        pass


# What belongs to others

def foreign():
    """The addresses, rules, routes and tables in the kernel that aren't the kill switch's."""
    found = {}
    for family in (4, 6):
        rules = json.loads(out(f"ip -{family} -N -j -d rule"))
        found[f"rules {family}"] = [json.dumps(rule) for rule in rules if str(rule.get("protocol")) != "83"]
        routes = out(f"ip -{family} -N route show table all").splitlines()
        found[f"routes {family}"] = sorted(route.strip() for route in routes if " table 83 " not in f"{route} ")
    found["addresses"] = sorted(" ".join(line.split()[1:4]) for line in out("ip -o addr").splitlines())
    found["tables"] = sorted(part for line in out("nft list tables").splitlines() if line.split()[2] != "killswitch"
                             for part in parts(line))
    return found


def parts(table):
    """What is in an nftables table, in no order: they may be made anew in another one. In a chain it counts."""
    listed = out(f"nft -s list {table}")
    return [table] + [f"{table}: {part}" for part in re.findall(r"^\t\w+ \S+ \{\n.*?^\t\}$", listed, re.M | re.S)]


def difference(these, those):
    """What is in only one of two looks at it."""
    return {key: sorted(set(these[key]) ^ set(those[key]))[:20] or "the order"
            for key in those if these[key] != those[key]}


def same(others):
    """Wait until what belongs to others is this."""
    try:
        eventually(lambda: foreign() == others, "all is as before")
    except AssertionError as error:
        raise AssertionError(f"not as before: {difference(foreign(), others)}") from error


def repairs():
    """How often the service has put something back."""
    return out("journalctl", "--no-pager", "-b", "-u", "killswitchd.service").count(": Repaired the ")


def whole(ours):
    """Wait until what the kernel has of the kill switch is this."""
    try:
        eventually(lambda: host.kernel() == ours, "repaired")
    except AssertionError as error:
        raise AssertionError(f"not repaired: {host.kernel()}\nnot: {ours}") from error


@contextmanager
def unharmed(others=None, flushed=False):
    """Let no packet out whatever happens inside; afterwards the kill switch is whole, others' are as they
    are to be, or as before, and the VPN works.

    flushed: others take the guard away. What an IPv4 socket bound to the uplink sends may leave until it is back."""
    ours, repaired = host.kernel(), repairs()
    others = others or foreign()
    with host.sender(leaks=None if flushed else False):
        before = host.counts().read()
        yield
        whole(ours)
        if flushed:
            closed_again(before)
            assert repairs() > repaired, "nothing was flushed"
    same(others)
    works()


def closed_again(before):
    """Assert that nothing else left since those counts than what insists on the uplink, and nothing does now."""
    wired = host.counts()
    wire.settle(wired)
    after = wired.read()
    assert after["leaked"] - before["leaked"] == after["insisted"] - before["insisted"], \
        (before, after, wire.frames(host.COUNTS))
    host.rounds(wired)
    wire.settle(wired)
    assert wired["leaked"] == after["leaked"], (after, wired.read())


# The programs

def write(path, text, mode=0o644):
    """A file of an administrator's."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)


def one_answer(kind, family, patience):
    """Ask by one way until there is an answer, or patience is over."""
    with socket.socket(FAMILY[family], KIND[kind]) as sock:
        sock.settimeout(patience)
        try:
            sock.connect((wire.PUBLIC[FAMILY[family]], PORT))
            sock.send(b"?")
            return sock.recv(64).decode()
        except OSError:
            return None


def resolve(sock, server, told):
    """Answer one query: an address of the right kind, or none."""
    query, address = sock.recvfrom(512)
    end = query.index(0, 12) + 5
    with open(ASKED + server, "ab") as asked:
        asked.write(query[12:end - 5].lower() + b"\n")
    found = query[end - 4:end] == b"\0\1\0\1"
    reply = query[:2] + b"\x85\x80\0\1" + bytes((0, found)) + bytes(4) + query[12:end]
    if found:
        reply += b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(told)
    sock.sendto(reply, address)


def answer():
    """Be the public server: tell everybody his address."""
    ready = selectors.DefaultSelector()
    for kind, family in WAYS:
        sock = socket.socket(FAMILY[family], KIND[kind])
        sock.bind((wire.PUBLIC[FAMILY[family]], PORT))
        if kind == "tcp":
            sock.listen()
        ready.register(sock, selectors.EVENT_READ, kind)
    for server, told in NAME_SERVERS.items():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_IP, FREEBIND, 1)
        sock.bind((server, 53))
        ready.register(sock, selectors.EVENT_READ, (server, told))
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.data == "udp":
                _, address = key.fileobj.recvfrom(64)
                key.fileobj.sendto(address[0].encode(), address)
            elif key.data != "tcp":
                resolve(key.fileobj, *key.data)
            else:
                connection, address = key.fileobj.accept()
                with connection:
                    connection.send(address[0].encode())


def main():
    if sys.argv[1] == "ask":
        print(json.dumps({kind + family: one_answer(kind, family, int(sys.argv[2])) for kind, family in WAYS}))
    elif sys.argv[1] == "answer":
        answer()


if __name__ == "__main__":
    main()
