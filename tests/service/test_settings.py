# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings files: a mistake is told with file, line and key, and what was in force stays in force."""

import os

import pytest

from lib.bus import ERROR, refused
from lib.daemon import CONFIGURATION
from lib.ground import BY_MARK

SECTION = "[VPN wg]\nInterface=wg0\n"
KILLSWITCH = "[Killswitch]\n"
PROHIBIT = "8"  # FR_ACT_PROHIBIT

# Text, the line with the mistake, the key or words that the message has to name.
MISTAKES = {
    "unknown key": ("# fine\n[Killswitch]\nLan=none\nWan=none\n", 4, "Wan"),
    "misspelt key": (f"{SECTION}Marc=1\n", 3, "Marc"),
    "key of the other section": (f"{SECTION}Mark=1\nLan=none\n", 4, "Lan"),
    "key twice": (f"{SECTION}Mark=1\nMark=2\n", 4, "Mark"),
    "no section": ("Lan=none\n", 1, "Lan"),
    "unknown section": ("[Firewall]\n", 1, "Firewall"),
    "section without its end": ("[Killswitch\nLan=none\n", 1, "Killswitch"),
    "VPN without a name": ("[VPN ]\nInterface=wg0\n", 1, "name"),
    "hostile VPN name": ("[VPN a\"; flush ruleset]\nInterface=wg0\n", 1, "name"),
    "neither key nor section": ("[Killswitch]\njust words\n", 2, "just words"),
    "impossible Lan": (f"{KILLSWITCH}Lan=perhaps\n", 2, "Lan"),
    "impossible BlockWith": (f"{KILLSWITCH}BlockWith=throw\n", 2, "BlockWith"),
    "impossible Guard": (f"{KILLSWITCH}Guard=maybe\n", 2, "Guard"),
    "impossible LanDns": (f"{KILLSWITCH}LanDns=sometimes\n", 2, "LanDns"),
    "table 0": (f"{KILLSWITCH}Table=0\n", 2, "Table"),
    "the kernel's main table": (f"{KILLSWITCH}Table=254\n", 2, "Table"),
    "table too large": (f"{KILLSWITCH}Table=4294967296\n", 2, "Table"),
    "table negative": (f"{KILLSWITCH}Table=-1\n", 2, "Table"),
    "priority behind main": (f"{KILLSWITCH}Priority=32766\n", 2, "Priority"),
    "priority ahead of local": (f"{KILLSWITCH}Priority=0\n", 2, "Priority"),
    "quote in an interface": (f"{KILLSWITCH}\n[VPN x]\nMark=1\nInterface=wg0\"; flush ruleset\n", 5, "Interface"),
    "escaped newline in an interface": ("[VPN x]\nMark=1\nInterface=wg0\\nflush\n", 3, "Interface"),
    "interface with a slash": ("[VPN x]\nMark=1\nInterface=../wg0\n", 3, "Interface"),
    "interface too long": ("[VPN x]\nMark=1\nInterface=abcdefghijklmnop\n", 3, "Interface"),
    "loopback as a VPN": ("[VPN x]\nMark=1\nInterface=lo\n", 3, "Interface"),
    "hostile host interface": (f"{KILLSWITCH}HostInterfaces=br0 a\"b\n", 2, "HostInterfaces"),
    "mark 0": (f"{SECTION}Mark=0\n", 3, "Mark"),
    "mark that is no number": (f"{SECTION}Mark=banana\n", 3, "Mark"),
    "mark too large": (f"{SECTION}Mark=0x100000000\n", 3, "Mark"),
    "no such user": (f"{SECTION}User=nobody-at-all\n", 3, "User"),
    "unknown protocol": (f"{SECTION}Protocol=smoke\n", 3, "Protocol"),
    "port too large": (f"{SECTION}Mark=1\nSourcePort=65536\n", 4, "SourcePort"),
    "port range backwards": (f"{SECTION}Mark=1\nSourcePort=20-10\n", 4, "SourcePort"),
    "endpoint without its domain": (f"{SECTION}Mark=1\nEndpoint=vpn:51820\n", 4, "Endpoint"),
    "endpoint that is no name": (f"{SECTION}Mark=1\nEndpoint=vpn.example;org:51820\n", 4, "Endpoint"),
    "endpoint by name without its port": (f"{SECTION}Mark=1\nEndpoint=vpn.example.org\n", 4, "Endpoint"),
    "endpoint out of range": (f"{SECTION}Endpoint=999.1.1.1:51820\n", 3, "Endpoint"),
    "endpoint port out of range": (f"{SECTION}Endpoint=198.51.100.10:70000\n", 3, "Endpoint"),
    "gateway that is a network": (f"{SECTION}Mark=1\nGateway=10.8.0.0/24\n", 4, "Gateway"),
    "prefix too long": (f"{SECTION}Mark=1\nPrefixes=10.0.0.0/33\n", 4, "Prefixes"),
    "prefix that is everything": (f"{SECTION}Mark=1\nPrefixes=0.0.0.0/0\n", 4, "Prefixes"),
    "metric 0": (f"{SECTION}Mark=1\nMetric=0\n", 4, "Metric"),
    "impossible Default": (f"{SECTION}Mark=1\nDefault=often\n", 4, "Default"),
    "unit that is none": (f"{SECTION}Unit=wg\"; flush ruleset.service\n", 3, "Unit"),
    "unit that is everybody's": (f"{SECTION}Unit=system.slice\n", 3, "Unit"),
    "unit and nothing else": (f"{SECTION}Unit=wg.service\n", 3, "Unit"),
    "one mark for two": (f"{SECTION}Mark=1\n[VPN x]\nInterface=wg1\nMark=1\n", 6, "wg"),
    "the service's own mark": (f"{SECTION}Mark=0x6b730083\n", 3, "Mark"),
    "one network for two": (f"{SECTION}Mark=1\nPrefixes=10.9.0.0/16\n[VPN x]\nInterface=wg1\nMark=2\nPrefixes=10.9.0.0/16\n",
                            8, "10.9.0.0/16"),
    "through nobody": (f"{SECTION}Through=x\nEndpoint=203.0.113.9\n", 3, "[VPN x]"),
    "through itself": (f"{SECTION}Through=wg\nEndpoint=203.0.113.9\n", 3, "circle"),
    "through without a server": (f"{SECTION}Through=x\n[VPN x]\nInterface=wg1\nMark=1\n", 3, "Endpoint"),
    "through to a server by name": (f"{SECTION}Through=x\nEndpoint=v.example.org:1\n[VPN x]\nInterface=wg1\nMark=1\n",
                                    4, "Endpoint"),
    "a server that two reach each its way": (f"{SECTION}Through=x\nEndpoint=203.0.113.9\n[VPN x]\nInterface=wg1\nMark=1\n"
                                             "Endpoint=203.0.113.9\n", 8, "Endpoint"),
    "not UTF-8": ("[Killswitch]\nLan=\udcff\n", 2, "UTF-8"),
}


def write(ground, text, name="killswitch.conf"):
    path = ground.daemon.configure("", name)
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    return path


def assert_told(message, path, line, words):
    assert f"{path}:{line}:" in message, message
    assert words in message, message
    assert len(message) < 500 and "\n" not in message, message


@pytest.mark.parametrize("engaged", (False, True))
def test_mistakes_are_told_and_change_nothing(ground, root, engaged):
    if engaged:
        root.call("Engage")
    before = root.state()[1] | {"Blocked": 0}, ground.ours()
    for name, (text, line, words) in MISTAKES.items():
        path = write(ground, text)
        error = refused(root.call, "Reload")
        assert error.name == f"{ERROR}Settings", (name, error)
        assert_told(error.message, path, line, words)
        assert (root.state()[1] | {"Blocked": 0, "Degraded": before[0]["Degraded"]}, ground.ours()) == before, name
    write(ground, BY_MARK)
    root.call("Reload")
    assert (root.state()[1] | {"Blocked": 0}, ground.ours()) == before


def test_mistake_in_a_drop_in(ground, root):
    path = write(ground, "[Killswitch]\n\nLna=none\n", "killswitch.conf.d/50-mine.conf")
    error = refused(root.call, "Reload")
    assert error.name == f"{ERROR}Settings"
    assert_told(error.message, path, 3, "Lna")


def test_two_vpns_with_one_interface(ground, root):
    path = write(ground, "[VPN one]\nInterface=wg0\nMark=1\n[VPN two]\nInterface=wg0\nMark=2\n")
    error = refused(root.call, "Reload")
    assert error.name == f"{ERROR}Settings"
    assert path in error.message and "one" in error.message and "two" in error.message and "wg0" in error.message


@pytest.mark.parametrize("text, words", (
    ("[VPN wg]\nMark=1\n", "Interface"),
    ("[VPN wg]\nInterface=wg0\nSourcePort=51820\nProtocol=udp\n", "User"),
))
def test_sections_that_say_too_little(ground, root, text, words):
    """No interface; or a port alone, which any program may bind."""
    path = write(ground, text)
    error = refused(root.call, "Reload")
    assert error.name == f"{ERROR}Settings"
    assert path in error.message and words in error.message, error


@pytest.mark.parametrize("kind", ("unreadable", "directory", "huge", "NUL"))
def test_files_that_cannot_be_read(ground, root, kind):
    root.call("Engage")
    before = ground.ours()
    path = f"{CONFIGURATION}/killswitch.conf"
    if kind == "unreadable":
        os.chmod(path, 0)
    elif kind == "directory":
        os.unlink(path)
        os.mkdir(path)
    elif kind == "huge":
        write(ground, "# " + "x" * 2_000_000)
    else:
        write(ground, "[Killswitch]\0\n")
    error = refused(root.call, "Reload")
    assert error.name == f"{ERROR}Settings" and path in error.message, error
    assert ground.ours() == before
    assert root.state()[0] == "blocking"


def test_engaged_service_does_not_get_weaker_by_a_mistake_over_its_restart(ground, root):
    """The last good settings are still in force after kill -9, and it says what is wrong."""
    root.call("Engage")
    before = ground.ours()
    path = write(ground, "[VPN wg]\nInterfaec=wg0\n")
    ground.daemon.kill()
    ground.daemon.start()
    state, details = root.state()
    assert state == "blocking"
    assert ground.ours() == before
    assert any(f"{path}:2" in sentence and "Interfaec" in sentence for sentence in details["Degraded"]), details
    write(ground, BY_MARK)
    root.call("Reload")
    assert root.state()[1]["Degraded"] == []
    assert ground.ours() == before


def test_reload_takes_new_settings_at_once(ground, root):
    root.call("Engage")
    since = root.mark()
    write(ground, f"{BY_MARK}\n[VPN other]\nInterface=wg7\nMark=0x77\n[Killswitch]\nLan=none\nBlockWith=prohibit\n")
    root.call("Reload")
    state, details = root.state()
    assert (state, details["Lan"]) == ("blocking", "none")
    assert [vpn["Name"] for vpn in details["Vpns"]] == ["wg", "other"]
    changed = root.wait_signal("PropertiesChanged", since=since)[1]
    assert changed["Lan"] == "none" and len(changed["Vpns"]) == 2
    assert any("0x77" in str(rule.get("fwmark")) for rule in ground.rules(4))
    assert any(rule.get("action") == PROHIBIT for rule in ground.rules(6))


def test_reload_moves_to_another_table_without_leaving_anything(ground, root):
    root.call("Engage")
    write(ground, f"{BY_MARK}\n[Killswitch]\nTable=84\nPriority=200\n")
    root.call("Reload")
    assert ground.table(4) == [] and ground.table(6) == []
    assert ground.routes(4, 84) and ground.routes(6, 84)
    ours = ground.ours()["rules"]
    assert all(200 <= rule["priority"] < 300 for family in (4, 6) for rule in ours[family]) and ours[4]
    root.call("Release")
    ground.assert_nothing_left()


def test_later_files_win(ground, root):
    write(ground, "[Killswitch]\nLan=none\n")
    write(ground, "[Killswitch]\nLan=all\n", "killswitch.conf.d/20-b.conf")
    write(ground, "[Killswitch]\nLan=private\n", "killswitch.conf.d/10-a.conf")
    write(ground, "[Killswitch]\nLan=none\n", "/run/killswitch/killswitch.conf.d/20-b.conf")
    root.call("Reload")
    assert root.get("Lan") == "all"


def test_set_lan_is_kept_over_a_restart(ground, root):
    root.call("Engage")
    for lan in ("none", "all", "private", "none"):
        since = root.mark()
        root.call("SetLan", lan)
        assert root.get("Lan") == lan
        assert root.wait_signal("PropertiesChanged", since=since)[1]["Lan"] == lan
        before = ground.ours()
        ground.daemon.kill()
        ground.daemon.start()
        assert root.get("Lan") == lan
        assert ground.ours() == before
    write(ground, f"{BY_MARK}\n[Killswitch]\nLan=all\n")
    root.call("Reload")
    assert root.get("Lan") == "all"


def test_no_settings_at_all(ground):
    root = ground.serve(settings=None)
    root.call("Engage")
    state, details = root.state()
    assert (state, details["Vpns"], details["Degraded"]) == ("blocking", [], [])
    root.call("Release")
    ground.assert_nothing_left()
