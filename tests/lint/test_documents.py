# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents that other programs read: well-formed, and of one mind with the sources."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest

from lib.sources import TREE, files, read

NAMES = "src/common/names.h"
POLICY = "polkit/org.killswitch1.policy.in"
INTERFACE = "dbus/org.killswitch1.xml"
BUS_POLICY = "dbus/org.killswitch1.conf.in"
# any, inactive, active: raising is easy, lowering is not.
DEFAULTS = {
    "org.killswitch1.engage": ("auth_admin_keep", "auth_admin_keep", "yes"),
    "org.killswitch1.release": ("auth_admin_keep", "auth_admin_keep", "auth_admin_keep"),
    "org.killswitch1.configure": ("auth_admin_keep", "auth_admin_keep", "auth_admin_keep"),
}


def parse(path):
    return xml.parse(os.path.join(TREE, path)).getroot()


def names():
    return dict(re.findall(r'^#define (KS_\w+) "([^"]*)"', read(NAMES), re.M))


@pytest.mark.parametrize("path", files(".xml", ".policy.in", ".conf.in", under="dbus") + [POLICY])
def test_well_formed(path):
    done = subprocess.run(["xmllint", "--noout", "--nonet", os.path.join(TREE, path)], stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_polkit_actions():
    actions = {action.get("id"): action for action in parse(POLICY).findall("action")}
    assert set(actions) == set(DEFAULTS) == {value for key, value in names().items() if key.startswith("KS_ACTION_")}
    for name, action in actions.items():
        defaults = action.find("defaults")
        assert tuple(defaults.find(f"allow_{who}").text for who in ("any", "inactive", "active")) == DEFAULTS[name]
        assert action.find("description").text and action.find("message").text.endswith(("switch", "VPN"))
        owner, = [note.text for note in action.findall("annotate")
                  if note.get("key") == "org.freedesktop.policykit.owner"]
        assert owner == "unix-user:@user@"


def test_bus_names():
    known = names()
    assert parse(INTERFACE).find("interface").get("name") == known["KS_INTERFACE"]
    assert parse(INTERFACE).get("name") == known["KS_OBJECT_PATH"]
    rights = {(policy.get("user"), kind, allow.get(kind)) for policy in parse(BUS_POLICY).findall("policy")
              for allow in policy.findall("allow") for kind in ("own", "send_destination") if allow.get(kind)}
    # The helper, which only the service may call.
    helper = known["KS_RESOLVER_NAME"]
    assert rights == {("@user@", "own", known["KS_BUS_NAME"]), ("root", "own", known["KS_BUS_NAME"]),
                      (None, "send_destination", known["KS_BUS_NAME"]), ("@resolver_user@", "own", helper),
                      ("@user@", "send_destination", helper)}
    assert all(allow.attrib for allow in parse(BUS_POLICY).iter("allow"))


def test_only_what_is_documented_may_be_sent():
    default, = [policy for policy in parse(BUS_POLICY).findall("policy") if policy.get("context") == "default"]
    interfaces = {allow.get("send_interface") for allow in default.findall("allow")}
    assert None not in interfaces, "an allow without an interface lets everything in"


def test_units_give_the_service_one_right_only():
    for path in files(".service.in", under="systemd"):
        unit = read(path)
        # The one that has a network has no right, and the others have no network.
        right, user, families = (("", "@resolver_user@", "AF_UNIX AF_INET AF_INET6 AF_NETLINK")
                                 if path.endswith("killswitch-resolve.service.in")
                                 else ("CAP_NET_ADMIN", "@user@", "AF_UNIX AF_NETLINK"))
        for line in (f"AmbientCapabilities={right}", f"CapabilityBoundingSet={right}", "NoNewPrivileges=yes",
                     f"User={user}", f"RestrictAddressFamilies={families}"):
            assert re.search(f"^{re.escape(line)}$", unit, re.M), (path, line)


def test_the_threat_model_has_every_row():
    """The table of ways out, row by row as the suite that tries them has it."""
    rows = re.findall(r"^\| (T\d+) \|", read("docs/threat-model.md"), re.M)
    assert rows == re.findall(r'^    "(T\d+)": "', read("tests/leaks/report.py"), re.M)
    assert rows == [f"T{number}" for number in range(1, len(rows) + 1)]


def described(page):
    """What a manual page explains: every word in bold that stands alone at the start of a line."""
    text = read(f"docs/man/{page}.scd")
    return {re.sub(r"[=\[].*", "", word) for line in re.findall(r"^\*(.*)$", text, re.M)
            for word in re.split(r"[*, ]+", line) if word}


def test_the_manual_has_every_command_and_option():
    source = read("client/ksctl/main.c")
    verbs = re.search(r"verbs\[\] = \{(.*?)\n\};", source, re.S)[1]
    options = re.search(r"long_options\[\] = \{(.*?)\n\};", source, re.S)[1]
    wanted = set(re.findall(r'\{ "([a-z-]+)"', verbs)) | {f"--{name}" for name in re.findall(r'\{ "([a-z-]+)"', options)}
    assert len(wanted) > 20 and wanted - described("ksctl.1") == set()
    options = re.search(r"options\[\] = \{(.*?)\};", read("src/main.c"), re.S)[1]
    wanted = {f"--{name}" for name in re.findall(r'\{ "([a-z-]+)"', options)}
    assert len(wanted) > 3 and wanted - described("killswitchd.8") == set()


def test_the_manual_has_every_key():
    wanted = set(re.findall(r'^        \{ "(\w+)", (?:TRUE|FALSE),', read("src/engine/settings-keys.c"), re.M))
    assert len(wanted) > 20 and wanted - described("killswitch.conf.5") == set()
    guide = set(re.findall(r"^\| `(\w+)` \|", read("docs/configuration.md"), re.M))
    assert wanted == guide


def test_the_manual_of_the_interface_has_every_member():
    text = subprocess.run([sys.executable, os.path.join(TREE, "docs/man/interface.py"), os.path.join(TREE, INTERFACE),
                           "/dev/stdout"], stdout=subprocess.PIPE, text=True, check=True).stdout
    sections = dict(re.findall(r"^## (\w+)\n\n((?:(?!##? ).*\n)+)", text, re.M))
    members = [node.get("name") for node in parse(INTERFACE).find("interface")]
    assert len(members) > 15 and set(members) == set(sections)
    assert [name for name, section in sections.items() if len(section.split()) < 4] == []


@pytest.mark.parametrize("page", files(".scd", under="docs"))
def test_the_manual_is_sound(page):
    done = subprocess.run("scdoc | LC_ALL=C.UTF-8 groff -man -Tutf8 -ww -z", shell=True, input=read(page), text=True,
                          stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("path, leaves_out", (
    ("README.md", set()), ("docs/operations.md", set()),
    # Not to make a package, nor the tray.
    ("docs/operations.md", {"debhelper", "systemd", "libdbusmenu-glib-dev"})))
def test_documents_install_what_the_build_takes(path, leaves_out):
    """Nobody has it by chance: a list that lacks something fails on a machine that has nothing."""
    needed = re.search(r"^Build-Depends:\n((?: .*\n)+)", read("debian/control"), re.M)[1]
    names = {name.replace("debhelper-compat", "debhelper") for name in re.findall(r"^ ([a-z0-9.-]+)", needed, re.M)
             if not name.startswith("dh-sequence-")}
    lists = [set(text.split()) for text in
             re.findall(r"apt-get install (?:--yes )?((?:[a-z0-9. -]+\\\n)+[a-z0-9. -]+)$", read(path), re.M)]
    assert len(names) > 12 and any(names - leaves_out <= found for found in lists), \
        [names - leaves_out - found for found in lists]
    assert all(names - {"debhelper", "systemd", "libdbusmenu-glib-dev"} <= found for found in lists), lists
