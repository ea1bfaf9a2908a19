# SPDX-License-Identifier: GPL-2.0-or-later
"""The package's life on a booted system: installed, upgraded, removed and purged, engaged and not; and reboots."""
import json
import os
import re
import shutil
import signal
import sys

import guest
import host
import wire
from guest import active, call, check, eventually, out, sh, state
from host import NOTHING, counts, dpkg, engaged, kernel, network, reaches_out, released, sender, version_of

FIRST, NEXT = host.FIRST, host.NEXT
NEXT_VERSION = "99.1"
CONFFILE = "/etc/iproute2/rt_tables.d/killswitch.conf"
UNITS = ("killswitchd.service", "killswitch-early.service")
# What dpkg and systemd write for themselves, and the user, who stays (see postrm).
KEPT = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow",
        "/etc/.pwd.lock", "/root/.cache", "/var/lib/systemd/", "/var/tmp/systemd-private-", "/tmp/systemd-private-")
seen = {}


def files():
    """Every file of the system, as far as packages are responsible for it."""
    listed = out("find / -xdev -path /share -prune -o -print")
    return {path for path in listed.splitlines() if not path.startswith(KEPT)}


def enabled(unit):
    """What systemctl is-enabled says."""
    return sh("systemctl", "is-enabled", unit, ok=False).stdout.strip()


def difference(new, old):
    """What differs between two looks at the network, to be shown."""
    return {key: (set(new[key].splitlines()) ^ set(old[key].splitlines())) for key in old if new[key] != old[key]}


def knows_the_vpn():
    """Whether the settings are in force."""
    return [vpn["Name"] for vpn in state()[1]["Vpns"]] == ["office"]


def serving(version):
    """Assert that the service which runs is this version's program."""
    assert out(*guest.BUS, "get-property", *guest.SERVICE, "Version") == f'{{"type":"s","data":"{version}"}}'
    pid = guest.main_pid("killswitchd.service")
    assert os.path.samefile(f"/proc/{pid}/exe", "/usr/libexec/killswitchd"), os.readlink(f"/proc/{pid}/exe")
    assert out("/usr/libexec/killswitchd --version").endswith(f" {version}")


# Installation

@check
def before_it_everything_leaves():
    wire.up(host.COUNTS)
    assert sh("dpkg -s killswitch", ok=False).returncode
    with sender(leaks=True):
        pass
    reaches_out()
    # The link's own address, and its route, come only when the kernel has noticed that the link is ready.
    eventually(lambda: out(f"ip -6 address show dev {wire.LINK} scope link -tentative"), "the link has its address")
    seen["files"], seen["network"] = files(), network()


@check
def the_first_installation_changes_nothing():
    with sender(leaks=True):
        dpkg("-i", FIRST)
    now = network()
    assert difference(now, seen["network"]) == {}, difference(now, seen["network"])
    assert [enabled(unit) for unit in UNITS] == ["enabled"] * 2
    reaches_out()


@check
def it_is_off_and_serves():
    assert active("killswitchd.service") == "active"
    assert state()[0] == "off"
    serving(version_of(FIRST))
    guest.confined()
    for where in ("", "-M .host", "--machine=root@.host"):
        assert out(f"ksctl {where} show --property=State --value") == "off", where
    released()


@check
def a_call_starts_it():
    out("systemctl stop killswitchd.service")
    assert active("killswitchd.service") == "inactive"
    assert state()[0] == "off"
    assert active("killswitchd.service") == "active"


@check
def its_files_are_what_was_packed():
    changed = [line for line in out("dpkg --verify killswitch").splitlines() if not re.search("/usr/share/(doc|locale|man)/", line)]
    assert changed == []


def confined(unit):
    """Assert that systemd finds little fault with a unit, and that the units' text says why of each fault."""
    out("systemd-analyze", "security", "--no-pager", "--threshold=15", unit)
    found = json.loads(sh("systemd-analyze", "security", "--no-pager", "--json=short", unit, ok=False).stdout)
    said = out("systemctl", "cat", "killswitchd.service")
    for fault in found:
        if not fault["set"] and fault["exposure"]:
            name = fault["name"].split("~")[-1].split("/")[0].rstrip("=")
            assert name in said, fault


@check
def the_service_has_no_rights_to_spare():
    confined("killswitchd.service")


@check
def the_early_unit_has_no_rights_to_spare():
    confined("killswitch-early.service")


@check
def a_trial_whose_service_is_killed_lets_go():
    """Nobody asks for the service meanwhile: systemd alone brings it back."""
    call("EngageTrial", "t", "2000000")
    pid = guest.main_pid("killswitchd.service")
    assert kernel() != NOTHING
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: kernel() == NOTHING, "the trial ends")
    assert guest.main_pid("killswitchd.service") not in (0, pid)
    assert state()[0] == "off"


# Upgrades

@check
def it_engages():
    host.settings()
    with open(CONFFILE, "a", encoding="ascii") as file:
        file.write("# An administrator was here\n")
    out("ksctl reload")
    call("Engage")
    engaged()
    assert out("sysctl -n net.ipv4.conf.all.src_valid_mark") == "1"
    with sender(leaks=False):
        pass


# The journal

def explained():
    """The catalog's subject of each message, by the message's id."""
    with open("/usr/lib/systemd/catalog/killswitch.catalog", encoding="utf-8") as file:
        return dict(re.findall(r"^-- (\w+)\nSubject: (.*)$", file.read(), re.M))


def happened():
    """Cause what a machine's life has of events, and end as it began."""
    call("Pause", "t", "3600000000")
    call("Resume")
    call("SetLan", "s", "none")
    call("SetLan", "s", "private")
    out("nft delete table inet killswitch")
    eventually(lambda: kernel()[0], "the guard is back")
    refused = sh("setpriv", "--reuid=tester", "--clear-groups", "busctl", "call", *guest.SERVICE, "Release", ok=False)
    assert refused.returncode, refused
    with open(host.SETTINGS, "a", encoding="ascii") as file:
        file.write("Nonsense=1\n")
    assert call("Reload", ok=False).returncode
    host.settings()
    call("Reload")


@check
def the_journal_explains_what_happened():
    """Each event is found by its id, has its fields, and is explained; dpkg's trigger has read the catalog in."""
    happened()
    subjects = explained()
    wanted = {"The kill switch is up": {"KILLSWITCH_STATE": "blocking", "KILLSWITCH_OLD_STATE": "off"},
              "The kill switch is paused": {"KILLSWITCH_STATE": "paused"},
              "The kill switch is back after a pause": {"KILLSWITCH_OLD_STATE": "paused"},
              "LAN access was set to @KILLSWITCH_LAN@": {"KILLSWITCH_LAN": "none"},
              "What others had changed was repaired (@KILLSWITCH_LAYER@)": {"KILLSWITCH_LAYER": "guard"},
              "A request was refused: @KILLSWITCH_METHOD@": {"KILLSWITCH_METHOD": "Release"},
              "The settings have a mistake, and are not used": {"PRIORITY": "3"},
              "The settings were read again": {"PRIORITY": "5"}}
    ids = {subject: name for name, subject in subjects.items()}
    for subject, fields in wanted.items():
        match = [f"MESSAGE_ID={ids[subject]}", *(f"{name}={value}" for name, value in fields.items())]
        unit = ("_SYSTEMD_UNIT=killswitchd.service", "SYSLOG_IDENTIFIER=killswitchd")
        shown = eventually(lambda m=match: out("journalctl", "--no-pager", "--quiet", "--catalog", *m, *unit), subject)
        text = re.sub(r"@(\w+)@", lambda found, f=fields: f[found[1]], subject)
        assert f"Subject: {text}" in shown and "Defined-By: killswitch" in shown, shown


TARGET = wire.PUBLIC[wire.socket.AF_INET]
KNOCK = f"""
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"{wire.LINK}")
while True:
    try:
        sock.sendto(b"knock", ("{TARGET}", 4433))
    except OSError:
        pass
    time.sleep(0.2)
"""
RECORD = "/etc/killswitch/killswitch.conf.d/60-record.conf"


@check
def it_tells_the_unit_of_what_was_refused():
    os.makedirs(os.path.dirname(RECORD), exist_ok=True)
    with open(RECORD, "w", encoding="ascii") as file:
        file.write("[Killswitch]\nRecordBlocked=yes\n")
    out("ksctl reload")
    out("systemd-run", "--unit=knocker", "--uid=tester", "--property=Type=exec", "/usr/bin/python3", "-c", KNOCK)
    uid = int(out("id -u tester"))

    def told():
        rows = json.loads(out("setpriv", "--reuid=tester", "--clear-groups", "ksctl", "blocked", "--json=short"))["Rows"]
        return [row for row in rows if (row["Address"], row.get("Port"), row.get("User"), row.get("Group"))
                == (TARGET, 4433, uid, "system.slice/knocker.service")]
    eventually(told, "the unit is named")
    assert " knocker.service " in out("ksctl blocked")
    out("systemctl stop knocker.service")
    os.unlink(RECORD)
    out("ksctl reload")
    assert json.loads(out("ksctl blocked --json=short")) == {"Recording": False, "Rows": []}
    engaged()


def replaced(package):
    """Install another version over an engaged one, and assert that neither the kernel nor the wire noticed."""
    before, intent, pid = kernel(), open(host.INTENT, "rb").read(), guest.main_pid("killswitchd.service")
    tunnel = counts()["transport"]
    with sender(leaks=False):
        said = dpkg("-i", package)
    assert kernel() == before, (before, kernel())
    assert open(host.INTENT, "rb").read() == intent
    engaged()
    assert guest.main_pid("killswitchd.service") not in (0, pid), said
    serving(version_of(package))
    assert knows_the_vpn()
    # The wire is not cut: what belongs to the VPN arrives.
    sock = wire.sender(wire.socket.AF_INET, server=True)
    sock.send(b"hello")
    eventually(lambda: counts()["transport"] > tunnel, "the VPN's own packet arrives")


@check
def an_upgrade_leaves_no_gap():
    replaced(NEXT)
    assert version_of(NEXT) == NEXT_VERSION


@check
def a_downgrade_leaves_no_gap():
    replaced(FIRST)


@check
def an_upgrade_keeps_what_the_administrator_wrote():
    assert open(host.SETTINGS, encoding="ascii").read() == wire.SETTINGS
    assert "An administrator was here" in open(CONFFILE, encoding="ascii").read()
    assert [line.split()[-1] for line in out("dpkg --verify killswitch").splitlines()
            if not re.search("/usr/share/(doc|locale|man)/", line)] == [CONFFILE]


@check
def an_upgrade_keeps_what_the_administrator_disabled():
    out("systemctl disable --now killswitchd.service")
    assert [enabled(unit) for unit in UNITS] == ["disabled"] * 2
    with sender(leaks=False):
        dpkg("-i", NEXT)
    assert [enabled(unit) for unit in UNITS] == ["disabled"] * 2
    out("systemctl enable killswitchd.service")
    assert [enabled(unit) for unit in UNITS] == ["enabled"] * 2


# Removal

@check
def removal_releases():
    engaged()
    with sender(leaks=True):
        dpkg("-r", "killswitch")
    released()
    reaches_out()
    assert [active(unit) for unit in UNITS] == ["inactive"] * 2
    assert not os.path.exists("/usr/libexec/killswitchd")
    assert os.path.exists(host.SETTINGS) and os.path.exists(CONFFILE)


@check
def reinstalled_it_is_off():
    dpkg("-i", FIRST)
    assert state()[0] == "off"
    released()
    assert knows_the_vpn()
    assert [enabled(unit) for unit in UNITS] == ["enabled"] * 2


@check
def removal_in_a_chroot_leaves_the_host_alone():
    call("Engage")
    jail = "/run/jail"
    shutil.copytree(os.path.dirname(host.INTENT), jail + os.path.dirname(host.INTENT))
    shutil.copy("/var/lib/dpkg/info/killswitch.prerm", f"{jail}/prerm")
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", f"{jail}/{name}")
    enter = "".join(f"mkdir {jail}/{name} && mount --bind /{name} {jail}/{name} && " for name in ("usr", "proc", "run"))
    before = kernel()
    with sender(leaks=False):
        out("unshare", "--mount", "sh", "-c", f"{enter} chroot {jail} /prerm remove")
    assert kernel() == before, (before, kernel())
    assert os.path.exists(host.INTENT) and not os.path.exists(jail + host.INTENT)
    shutil.rmtree(jail)


@check
def removal_without_bus_and_service_releases():
    engaged()
    # systemd starts the service again, and without the mask that would start the bus.
    out("systemctl mask --runtime dbus.socket dbus.service")
    out("systemctl stop dbus.socket dbus.service; systemctl kill --signal=KILL killswitchd.service")
    assert sh("ksctl", ok=False).returncode == 8
    assert kernel()[0]
    # What of dpkg's triggers has to do with the bus complains of course.
    out("dpkg -r killswitch")
    released()
    reaches_out()
    out("systemctl unmask --runtime dbus.socket dbus.service && systemctl start dbus.socket")


@check
def removal_with_a_broken_program_releases():
    dpkg("-i", FIRST)
    host.with_egress_guard()
    engaged()
    os.unlink("/usr/libexec/killswitchd")
    shutil.copy("/bin/false", "/usr/libexec/killswitchd")
    assert "done by hand" in sh("dpkg -r killswitch").stderr
    host.without_egress_guard()
    released()
    reaches_out()


@check
def purging_leaves_nothing():
    dpkg("-P", "killswitch")
    left = files()
    assert left == seen["files"], (left - seen["files"], seen["files"] - left)
    assert sh("dpkg -s killswitch", ok=False).returncode
    now = network()
    # That marks count in reverse lookups does no harm, and may be somebody else's wish by now.
    now = {key: text.replace("all.src_valid_mark = 1", "all.src_valid_mark = 0") for key, text in now.items()}
    assert difference(now, seen["network"]) == {}, difference(now, seen["network"])
    reaches_out()


@check
def nothing_of_it_is_loaded():
    listed = out("systemctl list-units --all --no-legend 'killswitch*'")
    assert listed == "", listed
    assert "org.killswitch1" not in out("busctl --system --no-legend list")


if __name__ == "__main__":
    sys.exit(guest.main())
