# SPDX-License-Identifier: GPL-2.0-or-later
"""VPNs that are added and removed while the service runs, and those that packages bring."""

import os

import pytest

from lib.bus import ERROR, refused
from lib.daemon import DROP_INS, STATE
from lib.ground import BY_MARK

VENDOR = "/usr/lib/killswitch/killswitch.conf.d"
MASKS = ("empty", "link", "other")


def options(**keys):
    """Strings unless a value says what it is."""
    return {key: {"variant": list(value) if isinstance(value, tuple) else ["s", value]} for key, value in keys.items()}


OFFICE = options(Interface="tun0", Mark="0x77", Endpoint="198.51.100.10:1194")


def vpns(caller):
    return {vpn["Name"]: vpn for vpn in caller.get("Vpns")}


def marks(ground):
    return {rule.get("fwmark") for family in (4, 6) for rule in ground.own_rules(family)}


def test_added_takes_effect_at_once_and_is_kept(ground, root):
    root.call("Engage")
    before = ground.ours()
    since = root.mark()
    root.call("AddVpn", "office", OFFICE)
    assert len(root.wait_signal("PropertiesChanged", since=since)[1]["Vpns"]) == 2
    assert vpns(root)["office"] | {"Up": False, "Source": "added", "Origin": ""} == vpns(root)["office"]
    assert vpns(root)["wg"]["Source"] == "settings"
    assert vpns(root)["wg"]["Origin"] == "/etc/killswitch/killswitch.conf:2"
    assert "0x77" in marks(ground) and "0x00000077" in ground.guard()
    added = ground.ours()
    ground.daemon.kill()
    ground.daemon.start()
    assert ground.ours() == added and "office" in vpns(root)
    root.call("Reload")
    assert ground.ours() == added
    root.call("RemoveVpn", "office")
    assert ground.ours() == before and "office" not in vpns(root)
    assert root.state()[0] == "blocking"
    ground.daemon.kill()
    ground.daemon.start()
    assert ground.ours() == before and "office" not in vpns(root)


def test_natural_types(ground, root):
    root.call("Engage")
    root.call("AddVpn", "office", options(Interface="tun0", Mark=("u", 0x77), Default=("b", False), SourcePort=("q", 1194),
                                          Endpoint=("as", ["198.51.100.10:1194", "[2001:db8:51::10]:1194"])))
    assert vpns(root)["office"]["Default"] is False
    assert {rule.get("dst") for rule in ground.own_rules(4) if rule.get("fwmark") == "0x77"} >= {"198.51.100.10"}
    assert {rule.get("dst") for rule in ground.own_rules(6) if rule.get("fwmark") == "0x77"} >= {"2001:db8:51::10"}


def test_the_same_again_changes_nothing_and_asks_nobody(ground, root, tester):
    root.call("AddVpn", "office", OFFICE)
    before, since = root.properties(), root.mark()
    tester.call("AddVpn", "office", dict(reversed(OFFICE.items())))
    assert root.properties() == before
    assert root.signals("PropertiesChanged", since) == []


@pytest.mark.parametrize("name, keys, error, words", (
    ("office", options(Interface="tun0", Mark="red"), "InvalidArgument", ("Mark", "red")),
    ("office", options(Interface="tun0", Marc="1"), "InvalidArgument", ("Marc", "SourcePort")),
    ("office", options(Mark="1"), "InvalidArgument", ("Interface",)),
    ("office", options(Interface="tun0", SourcePort="5"), "InvalidArgument", ("too weak", "User=")),
    ("office", options(Interface="tun0", Mark="1\n[Killswitch]\nLan=all"), "InvalidArgument", ("Mark", "line break")),
    ("office", options(Interface="tun0", Mark=("d", 1.5)), "InvalidArgument", ("Mark", "type 'd'")),
    ("office", options(Interface="tun0", Unit="o.service"), "InvalidArgument", ("Unit", "alone")),
    ("office", options(Interface="tun0", Through="office", Endpoint="203.0.113.9"), "InvalidArgument", ("circle",)),
    ("office", options(Interface="tun0", Through="wg", Endpoint="v.example.org:1"), "InvalidArgument", ("by name",)),
    ("office", options(Interface="tun0", Mark="8"), "InvalidArgument", ("added VPN 'home'", "Mark")),
    ("../office", OFFICE, "InvalidArgument", ("name",)),
    ("wg", OFFICE, "Conflict", ("'wg'", "/etc/killswitch/killswitch.conf:2")),
    ("office", options(Interface="wg0", Mark="1"), "Conflict", ("wg0", "'wg'", "/etc/killswitch/killswitch.conf:2")),
    ("home", options(Interface="tun7", Mark="1"), "Conflict", ("'home'", "ksctl vpn remove")),
    ("office", options(Interface="tun8", Mark="1"), "Conflict", ("tun8", "'home'", "ksctl vpn add")),
    ("office", options(Interface="br7", Mark="1"), "Conflict", ("br7", "HostInterfaces")),
    ("office", options(Interface="tun0", Mark="1", Endpoint=("as", [""] * 600)), "LimitsExceeded", ("512",)),
))
def test_refused(ground, root, name, keys, error, words):
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nHostInterfaces=br7\n")
    root.call("Reload")
    root.call("AddVpn", "home", options(Interface="tun8", Mark="8"))
    root.call("Engage")
    before = root.properties() | {"Blocked": 0}, ground.ours()
    told = refused(root.call, "AddVpn", name, keys)
    assert told.name == f"{ERROR}{error}", told
    for word in words:
        assert word in told.message, told
    assert (root.properties() | {"Blocked": 0}, ground.ours()) == before


def test_removing_what_was_not_added(root):
    told = refused(root.call, "RemoveVpn", "office")
    assert told.name == f"{ERROR}NoSuchVpn" and "ksctl vpn list" in told.message
    told = refused(root.call, "RemoveVpn", "wg")
    assert told.name == f"{ERROR}Conflict" and "/etc/killswitch/killswitch.conf:2" in told.message


def test_one_inside_another(ground, root):
    """Added through a section and through an added one; what another goes through stays."""
    root.call("Engage")
    before = ground.ours()
    told = refused(root.call, "AddVpn", "inner", options(Interface="tun1", Through="outer", Endpoint="203.0.113.9"))
    assert told.name == f"{ERROR}InvalidArgument" and "[VPN outer]" in told.message
    root.call("AddVpn", "outer", options(Interface="tun0", Through="wg", Endpoint="203.0.113.8"))
    root.call("AddVpn", "inner", options(Interface="tun1", Through="outer", Endpoint="203.0.113.9"))
    assert "203.0.113.8" in ground.guard() and "203.0.113.9" in ground.guard()
    added = ground.ours()
    told = refused(root.call, "RemoveVpn", "outer")
    assert told.name == f"{ERROR}Conflict" and "ksctl vpn remove 'inner'" in told.message
    ground.daemon.kill()
    ground.daemon.start()
    assert root.get("Degraded") == [] and ground.ours() == added
    root.call("RemoveVpn", "inner")
    root.call("RemoveVpn", "outer")
    assert ground.ours() == before


def test_no_more_than_a_limit(root):
    for number in range(64):
        root.call("AddVpn", f"n{number}", options(Interface=f"tun{number}", Mark=str(number + 1)))
    told = refused(root.call, "AddVpn", "office", options(Interface="tun64", Mark="65"))
    assert told.name == f"{ERROR}LimitsExceeded" and "64" in told.message
    root.call("RemoveVpn", "n0")
    root.call("AddVpn", "office", OFFICE)


@pytest.mark.parametrize("damaged", (("profiles",), ("profiles", "profiles.good")))
def test_damage_is_told_and_opens_nothing(ground, root, damaged):
    """One of two files: nothing changes. Both: the VPN is gone, and nothing else."""
    root.call("Engage")
    without = ground.ours()
    root.call("AddVpn", "office", OFFICE)
    added = ground.ours()
    ground.daemon.kill()
    for name in damaged:
        with open(f"{STATE}/{name}", "r+b") as file:
            file.truncate(40)
    ground.daemon.start()
    state, details = root.state()
    assert state == "blocking"
    assert any("profiles is damaged" in sentence for sentence in details["Degraded"]), details["Degraded"]
    assert ground.ours() == (added if len(damaged) == 1 else without)
    root.call("AddVpn", "office", OFFICE)
    assert root.get("Degraded") == [] and ground.ours() == added
    ground.daemon.kill()
    ground.daemon.start()
    assert root.get("Degraded") == [] and ground.ours() == added


def test_what_could_not_be_read_is_read_by_reload(ground, root):
    root.call("AddVpn", "office", OFFICE)
    root.call("Engage")
    added = ground.ours()
    ground.daemon.kill()
    files = [f"{STATE}/{name}" for name in ("profiles", "profiles.good")]
    for path in files:
        os.chmod(path, 0)
    ground.daemon.start()
    told = root.get("Degraded")
    assert any("can't be read" in sentence for sentence in told), told
    root.call("Reload")
    assert root.get("Degraded") == told and "office" not in vpns(root)
    for path in files:
        os.chmod(path, 0o600)
    root.call("Reload")
    assert root.get("Degraded") == [] and "office" in vpns(root) and ground.ours() == added


def test_failure_to_write_changes_nothing(ground, root):
    root.call("AddVpn", "home", options(Interface="tun8", Mark="8"))
    root.call("Engage")
    before = root.properties() | {"Blocked": 0}, ground.ours()
    os.makedirs(f"{STATE}/profiles.good.new/full")
    for member, arguments in (("AddVpn", ("office", OFFICE)), ("RemoveVpn", ("home",))):
        told = refused(root.call, member, *arguments)
        assert told.name == f"{ERROR}Storage", told
        after = root.properties() | {"Blocked": 0}
        assert any("profiles" in sentence for sentence in after.pop("Degraded"))
        assert (after | {"Degraded": []}, ground.ours()) == before
    os.removedirs(f"{STATE}/profiles.good.new/full")
    root.call("AddVpn", "office", OFFICE)
    assert root.get("Degraded") == [] and "office" in vpns(root)


def test_a_file_comes_before_what_was_added(ground, root):
    """Reload refuses both at once; a start takes the file's, and says so."""
    root.call("AddVpn", "office", OFFICE)
    root.call("Engage")
    before = ground.ours()
    path = ground.daemon.configure("[VPN corp]\nInterface=tun0\nMark=0x99\n", "killswitch.conf.d/corp.conf")
    told = refused(root.call, "Reload")
    assert told.name == f"{ERROR}Settings" and f"{path}:1" in told.message and "'office'" in told.message, told
    assert ground.ours() == before
    ground.daemon.kill()
    ground.daemon.start()
    assert sorted(vpns(root)) == ["corp", "wg"] and {"0x99"} <= marks(ground) and "0x77" not in marks(ground)
    assert any("'office'" in sentence and "not used" in sentence for sentence in root.get("Degraded"))
    assert "isn't used" in refused(root.call, "AddVpn", "office", options(Interface="tun7", Mark="1")).message
    root.call("RemoveVpn", "office")
    assert root.get("Degraded") == []
    root.call("Reload")


# What packages bring

@pytest.fixture
def vendor(ground):
    """A VPN's package ships one file."""
    os.makedirs(VENDOR, exist_ok=True)
    path = f"{VENDOR}/50-example-vpn.conf"
    ground.daemon.configure("[VPN example]\nInterface=tun5\nMark=0x55\n", path)
    yield path
    os.unlink(path)


@pytest.mark.parametrize("mask", MASKS)
def test_the_file_of_a_package(ground, vendor, mask):
    """It counts as it is; the administrator masks it, or puts another in its place, by its name."""
    root = ground.serve(BY_MARK)
    root.call("Engage")
    assert vpns(root)["example"]["Origin"] == f"{vendor}:1"
    assert "0x55" in marks(ground)
    told = refused(root.call, "RemoveVpn", "example")
    assert told.name == f"{ERROR}Conflict" and vendor in told.message and "mask" in told.message
    path = f"{DROP_INS}/{os.path.basename(vendor)}"
    if mask == "link":
        os.symlink("/dev/null", path)
    else:
        ground.daemon.configure("" if mask == "empty" else "[VPN example]\nInterface=tun6\nMark=0x66\n", path)
    root.call("Reload")
    assert "0x55" not in marks(ground)
    assert ("0x66" in marks(ground)) == (mask == "other")
    assert vpns(root).get("example", {}).get("Origin") == (f"{path}:1" if mask == "other" else None)
    os.unlink(path)
    root.call("Reload")
    assert vpns(root)["example"]["Origin"] == f"{vendor}:1"
