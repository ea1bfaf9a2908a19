# SPDX-License-Identifier: GPL-2.0-or-later
"""ksctl vpn: what it shows, and the section that it makes by looking at a VPN that runs."""

import json
import os

import pytest

from lib import proc
from lib.agent import Terminal
from lib.ground import BY_MARK, Ground
from lib.internet import HOST, PUBLIC_SERVER, HostAlone
from lib.machine import environment
from lib.senders import patient
from lib.wireguard import CLIENT, MARK, PORT, SERVER_PORT

programs = []
TUNNEL = f"{proc.LAB}/bin/tunnel.py"
SERVER = "198.51.100.10"


@pytest.fixture(autouse=True)
def end_programs():
    """A device that outlives a failed test would be found by the next."""
    yield
    while programs:
        programs.pop().kill()


@pytest.fixture
def alone(machine):
    """Nothing answers; but the router is there, or a connection would end before it is looked at."""
    ground = Ground(machine, HostAlone)
    ground.host.ips("""
        neighbour add 192.168.77.1 lladdr 02:00:00:00:77:01 dev eth0 nud permanent
        neighbour add 2001:db8:77::1 lladdr 02:00:00:00:77:01 dev eth0 nud permanent""")
    yield ground
    ground.close()


def ksctl(ground, *arguments, user="root", status=0):
    done = proc.run("ksctl", *arguments, namespace=ground.host.name, user=user, check=False, env=environment())
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def start(ground, link, *arguments, user="root"):
    """A VPN's program, or what looks like one; its device and its sockets are open when this returns."""
    program = ground.host.spawn("tunnel", [proc.PYTHON, "-u", TUNNEL, link, *arguments], user=user)
    programs.append(program)
    proc.until(lambda: "ready" in program.log() or not program.running(), "the program to open its device", limit=60)
    assert program.running(), program.log()
    return program


def start_hostile(ground, link):
    """A user's: sockets of the host, a device of the VPN's name in a namespace of his own."""
    program = start(ground, link, "udp", "port=5001,5002", "apart=yes", user="guest")
    assert os.stat(f"/proc/{program.pid}/ns/net").st_ino != os.stat(f"/run/netns/{ground.host.name}").st_ino
    assert f"\niff:\t{link}\n" in "".join(open(entry.path, encoding="ascii").read()
                                          for entry in os.scandir(f"/proc/{program.pid}/fdinfo"))
    return program


def gap(ground, *arguments):
    """Why there is no proposal, whatever is asked for."""
    told = ksctl(ground, "vpn", "add", "office", *arguments, "--dry-run", status=1)
    assert ksctl(ground, "vpn", "add", "office", *arguments, "--yes", status=1) == told
    return " ".join(told.split())


def section(text):
    """The keys of a printed section, without what explains them."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [lines[0], sorted(lines[1:])]


def test_by_keys(alone):
    root = alone.serve(BY_MARK)
    ksctl(alone, "vpn", "add", "office", "Interface=tun0", "Mark=0x77", "Endpoint=198.51.100.10:1194",
          "Endpoint=[2001:db8:51::10]:1194")
    assert [vpn["Name"] for vpn in root.get("Vpns")] == ["wg", "office"]
    table = [line.split() for line in ksctl(alone, "vpn", "list", user="tester").splitlines()]
    assert table == [["NAME", "INTERFACE", "KIND", "STATE", "FROM"],
                     ["wg", "wg0", "down", "/etc/killswitch/killswitch.conf:2"], ["office", "tun0", "down", "added"]]
    assert len(ksctl(alone, "vpn", "--no-legend").splitlines()) == 2
    assert [vpn["Name"] for vpn in json.loads(ksctl(alone, "vpn", "list", "-j"))] == ["wg", "office"]
    shown = json.loads(ksctl(alone, "vpn", "show", "office", "--json=short"))
    assert (shown["Interface"], shown["Source"]) == ("tun0", "added") and "2001:db8:51::10" in shown["Transport"]
    assert "Interface=tun0\n" in ksctl(alone, "vpn", "show", "office")
    assert ksctl(alone, "vpn", "show", "office", "-q") == ""
    told = ksctl(alone, "vpn", "add", "office", "Interface=tun1", "Mark=1", status=1)
    assert "ksctl vpn remove 'office'" in " ".join(told.split())
    assert "Marc" in ksctl(alone, "vpn", "add", "other", "--interface=tun1", "Marc=1", status=1)
    assert "killswitch.conf:2" in ksctl(alone, "vpn", "remove", "wg", status=1)
    assert "removed" in ksctl(alone, "vpn", "remove", "office")
    assert "no VPN 'office'" in ksctl(alone, "vpn", "remove", "office", status=1)
    assert "no VPN 'office'" in ksctl(alone, "vpn", "show", "office", status=1)
    told = ksctl(alone, "vpn", "add", "o", "Interface=tun1", "Mark=1", "--no-ask-password", user="tester", status=4)
    assert "sudo ksctl vpn add o Interface=tun1 Mark=1" in " ".join(told.split())
    assert [vpn["Name"] for vpn in root.get("Vpns")] == ["wg"]


def test_command_lines(alone):
    """Each is refused as what it is, without a service."""
    for words, told in ((("frobnicate",), "list, show, add, remove"), (("lst",), "vpn list"), (("list", "x"), "no arguments"),
                        (("show",), "the name"), (("remove", "a", "b"), "the name"), (("add", "Mark=1"), "a name before"),
                        (("add", "a", "Mark"), "KEY=VALUE"), (("list", "--yes"), "vpn add"), (("remove", "--dry-run"), "vpn add"),
                        (("add", "a", "Interface=b", "--interface=b"), "Either"), (("add", "-H", "far"), "this machine")):
        text = " ".join(ksctl(alone, "vpn", *words, status=2).split())
        assert told in text and text.endswith("'ksctl vpn help' tells what can be given."), (words, text)
    assert "vpn add" in ksctl(alone, "on", "--interface=tun0", status=2)
    for text in (ksctl(alone, "--help"), ksctl(alone, "vpn", "help")):
        assert "vpn" in text and max(map(len, text.splitlines())) <= 80
    printed = ksctl(alone, "vpn", "add", "a", "--interface=tun0", "Mark=1", "--dry-run")
    assert printed == "[VPN a]\nMark=1\nInterface=tun0\n"


@pytest.mark.parametrize("arguments, keys", (
    (("udp", "mark=0x77", f"to={SERVER}:1194"), ("Mark=0x77", "Protocol=udp", f"Endpoint={SERVER}:1194")),
    (("udp", "mark=0x77", "port=1194"), ("Mark=0x77", "Protocol=udp")),
    (("tcp", f"to={SERVER}:443"), ("User=root", "Protocol=tcp", f"Endpoint={SERVER}:443")),
    (("tcp", "mark=7", "to=[2001:db8:51::10]:443"), ("Mark=0x7", "Protocol=tcp", "Endpoint=[2001:db8:51::10]:443")),
    # The kernel goes by whom the socket was made by, not by what its program has become.
    (("udp", "port=1194", "user=guest"), ("User=root", "Protocol=udp", "SourcePort=1194")),
    (("udp,tcp", f"to={SERVER}:1194,{SERVER}:443"), ("User=root", f"Endpoint={SERVER}:1194", f"Endpoint={SERVER}:443")),
))
def test_what_is_seen_of_a_program(alone, arguments, keys):
    program = start(alone, "tun7", *arguments)
    root = alone.serve(BY_MARK)
    told = ksctl(alone, "vpn", "add", "office", "--dry-run")
    assert section(told) == ["[VPN office]", sorted(("Interface=tun7", "Kind=tun", *keys))]
    assert f"(process {program.pid}) has it open" in told
    assert ("reached by eth0" in told) == ("Endpoint" in told)
    # What is printed can be a file, and what is added comes to the same.
    ksctl(alone, "vpn", "add", "office", "--yes")
    added = {**[vpn for vpn in root.get("Vpns") if vpn["Name"] == "office"][0], "Source": "", "Origin": ""}
    assert (added["Interface"], added["Kind"]) == ("tun7", "tun") and added["Transport"]
    ksctl(alone, "vpn", "remove", "office")
    path = alone.daemon.configure(told, "killswitch.conf.d/office.conf")
    root.call("Reload")
    listed, = [vpn for vpn in root.get("Vpns") if vpn["Name"] == "office"]
    assert {**listed, "Source": "", "Origin": ""} == added and listed["Origin"].startswith(f"{path}:")


def test_what_cannot_be_seen(alone):
    """It says why, and what to do; nothing is added."""
    root = alone.serve(BY_MARK)
    assert "Start the VPN" in ksctl(alone, "vpn", "add", "--dry-run", status=1)
    assert "no link tun9" in ksctl(alone, "vpn", "add", "--interface=tun9", status=1)
    assert "hardware" in ksctl(alone, "vpn", "add", "--interface=lo", status=1)
    alone.host.ips("""
        tuntap add tun7 mode tun
        tuntap add tun8 mode tun""")
    assert "tun7, tun8" in ksctl(alone, "vpn", "add", status=1)
    assert "No program has tun7 open" in " ".join(ksctl(alone, "vpn", "add", "tun7", status=1).split())
    told = " ".join(ksctl(alone, "vpn", "add", "tun7", user="tester", status=1).split())
    assert "sudo ksctl vpn add --interface=tun7" in told
    assert [vpn["Name"] for vpn in root.get("Vpns")] == ["wg"]


def test_a_device_of_the_same_name_elsewhere(alone):
    """A name in /proc is no proof: it is the program of the device that is here, whoever was first."""
    alone.serve(BY_MARK)
    hostile = start_hostile(alone, "tun7")
    alone.host.ip("tuntap", "add", "tun7", "mode", "tun")
    assert "No program has tun7 open" in gap(alone)
    program = start(alone, "tun7", "udp", "mark=0x77", f"to={SERVER}:1194")
    told = ksctl(alone, "vpn", "add", "office", "--dry-run")
    keys = ("Interface=tun7", "Kind=tun", "Mark=0x77", "Protocol=udp", f"Endpoint={SERVER}:1194")
    assert section(told) == ["[VPN office]", sorted(keys)]
    assert f"(process {program.pid}) has it open" in told and f"process {hostile.pid})" not in told
    hostile.kill()
    # Who can't ask the device doesn't take its name for it, either.
    weak = proc.run("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "ksctl", "vpn", "add", "--dry-run",
                    namespace=alone.host.name, check=False, env=environment())
    assert (weak.returncode, weak.stdout) == (1, "") and "another network namespace's can't be told" in " ".join(
        weak.stderr.split())


@pytest.mark.parametrize("arguments, user, reason", (
    # A person's programs share one user.
    (("udp", "port=1194,1195"), "tester", "Everything that tester sends would pass"),
    (("udp", "port=1194,1195"), "root", "Everything that root sends would pass"),
    (("udp,tcp", "to=" + ",".join(f"{SERVER}:{port}" for port in range(1, 18))), "tester", "Everything that tester sends"),
    (("udp", "port=1194", "child=guest"), "root", "Programs of several users have it open"),
    (("udp", "port=1194", "leave=yes"), "root", "in another network namespace"),
))
def test_what_would_be_too_much(alone, arguments, user, reason):
    """There is no proposal rather than one by which others could send."""
    root = alone.serve(BY_MARK)
    alone.host.ip("tuntap", "add", "tun7", "mode", "tun", "user", user)
    program = start(alone, "tun7", *arguments, user=user)
    told = gap(alone)
    assert reason in told and f"(process {program.pid}) has it open" in told
    assert "sudo ksctl vpn add" in " ".join(ksctl(alone, "vpn", "add", user="tester", status=1).split())
    assert [vpn["Name"] for vpn in root.get("Vpns")] == ["wg"]


def test_a_user_of_its_own_is_enough(alone):
    """A system's user has nothing else to send."""
    alone.serve(BY_MARK)
    alone.host.ip("tuntap", "add", "tun7", "mode", "tun", "user", "daemon")
    start(alone, "tun7", "udp", "port=1194,1195", user="daemon")
    told = ksctl(alone, "vpn", "add", "office", "--yes")
    assert "User=daemon\n" in told and "Protocol=udp\n" in told and "Port=" not in told


@pytest.mark.parametrize("mark", (MARK, 0))
def test_wireguard_from_nothing_to_protecting(ground, mark):
    """One command tells the kill switch, engaged and blocking, of a WireGuard in user space."""
    hostile = start_hostile(ground, "wg0")
    ground.connect(mark=mark)
    root = ground.serve(settings=None)
    root.call("Engage")
    assert root.state()[0] == "blocking" and root.get("Vpns") == []
    told = " ".join(ksctl(ground, "vpn", "add", user="tester", status=1).split())
    assert "sudo ksctl vpn add --interface=wg0" in told
    told = ksctl(ground, "vpn", "add", "--dry-run")
    how = ("Mark=0xca6c",) if mark else ("User=root", f"SourcePort={PORT}")
    keys = ("Interface=wg0", "Kind=tun", "Protocol=udp", f"Endpoint={SERVER}:{SERVER_PORT}", *how)
    assert section(told) == ["[VPN wg0]", sorted(keys)]
    assert told.count("has it open") == 1 and f"process {hostile.pid})" not in told
    hostile.kill()
    assert "wireguard-go (process" in told and "private" not in told and ground.vpn.private not in told
    assert "nobody to ask" in " ".join(ksctl(ground, "vpn", "add", status=2).split())
    for answer, status in (("n", 1), ("", 1), ("y", 0)):
        assert root.get("Vpns") == []
        terminal = Terminal(["ksctl", "vpn", "add", "home"], namespace=ground.host.name)
        terminal.expect(r"Add this VPN\? \[y/N\] ")
        terminal.type(answer)
        got, text = terminal.wait()
        assert got == status and ("was added" if status == 0 else "Nothing was changed") in text
    root.wait_state("protecting")
    for family in (4, 6):
        assert ground.seen_as(family=family) == CLIENT[family]
    assert root.call("Audit")[0]
    before = ground.uplink.snapshot()
    ksctl(ground, "vpn", "remove", "home")
    assert root.state()[0] == "blocking"
    leaks, _ = ground.attempt(*({"kind": kind, "to": PUBLIC_SERVER[family], "port": 7, "device": device}
                                for kind in ("udp", "tcp") for family in (4, 6) for device in ("", "eth0")))
    assert leaks == {} and ground.uplink.leaks(before) == {}
    root.call("Release")
    assert ground.probe(patient(kind="udp", to=PUBLIC_SERVER[4], port=7, device="eth0"))[0]["reply"] == HOST[4]
