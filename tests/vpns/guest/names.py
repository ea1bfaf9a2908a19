# SPDX-License-Identifier: GPL-2.0-or-later
"""Names under a real systemd: the helper as its unit confines it, and the hosts file in a VPN's unit."""
import json
import os
import stat
import subprocess
import sys

import guest
from guest import active, call, check, eventually, out, sh, state

NAME, PORT = "vpn.example.org", 51820
FIRST, SECOND = "198.51.100.10", "198.51.100.11"
HOSTS = "/run/killswitch/names/hosts"
ZONE = "/run/zone"
UNIT = "killswitch-resolve.service"
BIND = f"BindReadOnlyPaths=-{HOSTS}:/etc/hosts"
processes = []


def zone(addresses):
    """What DNS says of the name from now on."""
    with open(f"{ZONE}.new", "w", encoding="ascii") as file:
        json.dump({NAME: addresses}, file)
    os.rename(f"{ZONE}.new", ZONE)


def servers():
    """What is told of the server: its addresses."""
    told, = state()[1]["Vpns"][0]["Servers"]
    name, *addresses = told.split()
    assert name == f"{NAME}:{PORT}"
    return addresses


def looked_up(*command):
    """What the C library finds for the name, in IPv4."""
    done = sh(*command, "getent", "ahostsv4", NAME, ok=False)
    return list(dict.fromkeys(line.split()[0] for line in done.stdout.splitlines()))


@check
def a_resolver_on_this_host_answers():
    zone([FIRST])
    # The C library asks for IPv4 where this host has an address of it, besides that of the loopback.
    out("ip link add uplink type veth peer name far && ip address add 192.0.2.100/24 dev uplink && "
        "ip link set uplink up && ip link set far up")
    if os.path.lexists("/etc/resolv.conf"):
        os.unlink("/etc/resolv.conf")
    with open("/etc/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    with open("/etc/hosts", "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost\n192.0.2.7 other.example.org\n")
    processes.append(subprocess.Popen(["/usr/bin/python3", "-u", "/share/dns.py", "127.0.0.1", ZONE],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
    eventually(lambda: looked_up() == [FIRST], "DNS answers")


@check
def a_name_is_pinned():
    os.makedirs("/etc/killswitch", exist_ok=True)
    with open("/etc/killswitch/killswitch.conf", "w", encoding="ascii") as file:
        file.write(f"[VPN a]\nInterface=tun0\nMark=1\nProtocol=udp\nEndpoint={NAME}:{PORT}\n")
    assert state()[0] == "off" and servers() == []
    call("Engage")
    assert state()[0] == "blocking" and servers() == [FIRST]
    assert state()[1]["Degraded"] == []
    assert f"{NAME}:{PORT} is {FIRST}" in sh("ksctl status", ok=False).stdout


@check
def the_helper_is_nobody():
    # It ends when it is idle; asked again it is there.
    call("Reload")
    pid = guest.main_pid(UNIT)
    status = guest.status_of(pid)
    uid = out("id -u killswitch-resolve")
    assert uid not in ("0", out("id -u killswitch")) and status["Uid"].split() == [uid] * 4, status["Uid"]
    for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, f"{kind} {status[kind]}"
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    out("systemd-analyze", "security", "--no-pager", "--threshold=20", UNIT)
    inside = ("nsenter", "-t", str(pid), "-m", "--")
    for path in ("/usr/x", "/etc/x", "/var/lib/x"):
        assert sh(*inside, "touch", path, ok=False).returncode, f"{path} is writable"
    for path in ("/home/tester", "/var/lib/killswitch/pins", "/dev/kmsg"):
        assert sh(*inside, "test", "-r", path, ok=False).returncode, f"{path} is visible"


@check
def nobody_else_may_call_it():
    for user in ("root", "tester"):
        done = sh("setpriv", f"--reuid={user}", "--clear-groups", "busctl", "call", "org.killswitch1.Resolver",
                  "/org/killswitch1/Resolver", "org.killswitch1.Resolver", "Resolve", "s", NAME, ok=False)
        assert done.returncode and "denied" in done.stderr.lower(), done.stderr


@check
def the_service_itself_still_has_no_network():
    shown = out("systemctl show --value -p RestrictAddressFamilies killswitchd.service")
    assert sorted(shown.split()) == ["AF_NETLINK", "AF_UNIX"], shown
    assert "0.0.0.0/0" in out("systemctl show --value -p IPAddressDeny killswitchd.service")
    guest.confined()


@check
def a_unit_finds_the_name_while_nobody_can_be_asked():
    # Type=exec, so that it is inside when this returns.
    out("systemd-run", "--unit=vpn", "-p", "Type=exec", "-p", BIND, "-p", "User=tester", "sleep", "infinity")
    zone(None)
    inside = ("nsenter", "-t", str(guest.main_pid("vpn.service")), "-m", "--")
    assert looked_up(*inside) == [FIRST]
    assert looked_up() == [], "the control: outside of the unit nobody knows it"
    assert "192.0.2.7" in sh(*inside, "getent", "ahosts", "other.example.org").stdout
    assert stat.S_IMODE(os.stat(HOSTS).st_mode) == 0o644
    assert sh(*inside, "sh", "-c", "echo >>/etc/hosts", ok=False).returncode, "the unit may write it"


@check
def a_unit_that_runs_sees_what_changes():
    zone([SECOND])
    call("Reload")
    assert servers() == [SECOND, FIRST]
    inside = ("nsenter", "-t", str(guest.main_pid("vpn.service")), "-m", "--")
    zone(None)
    assert looked_up(*inside) == [SECOND, FIRST]
    # Off, everybody may ask, and the file says nothing of the name.
    call("Release")
    assert looked_up(*inside) == []
    zone([FIRST])
    assert looked_up(*inside) == [FIRST]
    call("Engage")


@check
def stopping_the_service_leaves_the_file():
    out("systemctl stop killswitchd.service")
    zone(None)
    inside = ("nsenter", "-t", str(guest.main_pid("vpn.service")), "-m", "--")
    assert sorted(looked_up(*inside)) == [FIRST, SECOND]
    assert sorted(looked_up("systemd-run", "--quiet", "--wait", "--pipe", "-p", BIND)) == [FIRST, SECOND]
    # And it is known when it starts.
    assert sorted(servers()) == [FIRST, SECOND]


@check
def the_helper_ends_when_it_is_idle():
    eventually(lambda: active(UNIT) == "inactive", "the helper ends")
    assert "fail" not in out("systemctl", "show", "--value", "-p", "Result", UNIT)
    for process in processes:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(guest.main())
