# SPDX-License-Identifier: GPL-2.0-or-later
"""The interface on the bus is the documented one, member by member, both ways."""

import os
import xml.etree.ElementTree as xml

from lib.bus import NAME
from lib.proc import run

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = f"{TREE}/dbus/org.killswitch1.xml"
INSTALLED = "/usr/share/dbus-1/interfaces/org.killswitch1.xml"
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"


def members(text):
    """Every member of the interface, as comparable values."""
    interface, = [node for node in xml.fromstring(text).iter("interface") if node.get("name") == NAME]
    found = {}
    for node in interface:
        arguments = [(argument.get("name"), argument.get("type"),
                      argument.get("direction", "in" if node.tag == "method" else None))
                     for argument in node.iter("arg")]
        if node.tag == "signal":
            arguments = [argument[:2] for argument in arguments]
        notes = {note.get("name"): note.get("value") for note in node.findall("annotation")}
        if node.tag == "property":
            notes.setdefault(EMITS, "true")
        found[(node.tag, node.get("name"))] = (arguments, node.get("type"), node.get("access"), notes)
    return found


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_introspection_is_the_document(root):
    live, documented = members(root.introspect()), members(read(DOCUMENT))
    assert sorted(live) == sorted(documented)
    for member, description in documented.items():
        assert live[member] == description, member


def test_document_is_installed(machine):
    assert machine.build
    assert read(INSTALLED) == read(DOCUMENT)


def test_every_member_is_documented():
    """A comment that begins with the member's name stands right before it."""
    parser = xml.XMLParser(target=xml.TreeBuilder(insert_comments=True))
    interface = xml.fromstring(read(DOCUMENT), parser).find("interface")
    before = None
    for node in interface:
        if node.tag is xml.Comment:
            before = node.text.strip()
            continue
        assert before and before.startswith(f"{node.get('name')}:"), node.get("name")
        before = None


def test_properties_are_the_details_of_the_state(root):
    state, details = root.state()
    properties = root.properties()
    assert properties["State"] == state == "off"
    for name, value in properties.items():
        if name in details and name not in ("Remaining", "Blocked"):
            assert details[name] == value, name
    documented = {name for kind, name in members(read(DOCUMENT)) if kind == "property"}
    assert set(properties) == documented
    for name in documented:
        assert root.get(name) == properties[name], name


def test_version(root):
    told = run("/usr/libexec/killswitchd", "--version")
    assert root.get("Version") in told
    assert root.state()[1]["Version"] == root.get("Version")


def test_only_one_object(root):
    assert "<node" in root.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path="/")[0]
    nodes = [node.get("name") for node in xml.fromstring(root.introspect()).findall("node")]
    assert nodes == []
