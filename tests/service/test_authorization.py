# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may call what: every method, by callers allowed and not, with interaction allowed and not."""

import os
import xml.etree.ElementTree as xml

import pytest

from lib.bus import ACCESS_DENIED, INTERACTION_REQUIRED, SECOND, refused

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

ENGAGE, RELEASE, CONFIGURE, NONE = "engage", "release", "configure", None

OFFICE = {"Interface": {"variant": ["s", "tun0"]}, "Mark": {"variant": ["u", 16]}}

# Method: its action, its arguments, and the calls of root that bring the state in which it does something.
METHODS = {
    "Engage": (ENGAGE, [], []),
    "Release": (RELEASE, [], [("Engage",)]),
    "GetState": (NONE, [], []),
    "Audit": (NONE, [], []),
    "GetBlocked": (NONE, [], []),
    "EngageTrial": (ENGAGE, [60 * SECOND], []),
    "Confirm": (ENGAGE, [], [("EngageTrial", 60 * SECOND)]),
    "Pause": (RELEASE, [60 * SECOND], [("Engage",)]),
    "Resume": (ENGAGE, [], [("Engage",), ("Pause", 60 * SECOND)]),
    "SetLan": (CONFIGURE, ["none"], []),
    "Reload": (CONFIGURE, [], []),
    "AddVpn": (CONFIGURE, ["office", OFFICE], []),
    "RemoveVpn": (CONFIGURE, ["office"], [("AddVpn", "office", OFFICE)]),
}
GUARDED = sorted(name for name, entry in METHODS.items() if entry[0])


def prepare(root, method):
    for call in METHODS[method][2]:
        root.call(*call)


def condition(ground, root):
    """What a refused call must leave as it was."""
    properties = root.properties()
    properties.pop("Blocked")
    return properties, ground.ours()


def test_every_method_has_its_row():
    """A new method without a row here has nobody who thought about its authorization."""
    interface = xml.parse(f"{TREE}/dbus/org.killswitch1.xml").find("interface")
    assert sorted(METHODS) == sorted(method.get("name") for method in interface.findall("method"))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_root_may(root, method):
    prepare(root, method)
    root.call(method, *METHODS[method][1])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_rule_may_allow(ground, root, method):
    prepare(root, method)
    ground.caller("trusted").call(method, *METHODS[method][1])


@pytest.mark.parametrize("user", ("tester", "guest"))
@pytest.mark.parametrize("method", GUARDED)
def test_without_interaction_a_normal_user_is_told_what_it_takes(ground, root, method, user):
    prepare(root, method)
    before = condition(ground, root)
    error = refused(ground.caller(user).call, method, *METHODS[method][1])
    assert error.name == INTERACTION_REQUIRED, error
    assert error.message
    assert condition(ground, root) == before


@pytest.mark.parametrize("method", GUARDED)
def test_with_interaction_but_nobody_to_ask_it_is_refused(ground, root, method):
    prepare(root, method)
    before = condition(ground, root)
    error = refused(ground.caller("tester").call, method, *METHODS[method][1], interactive=True)
    assert error.name == INTERACTION_REQUIRED, error
    assert condition(ground, root) == before


@pytest.mark.parametrize("interactive", (False, True))
@pytest.mark.parametrize("method", GUARDED)
def test_a_rule_may_forbid(ground, root, method, interactive):
    prepare(root, method)
    before = condition(ground, root)
    error = refused(ground.caller("barred").call, method, *METHODS[method][1], interactive=interactive)
    assert error.name == ACCESS_DENIED, error
    assert condition(ground, root) == before


@pytest.mark.parametrize("method", GUARDED)
def test_who_sits_at_the_machine_may_raise_but_not_lower(ground, root, method):
    prepare(root, method)
    local = ground.caller("local")
    if METHODS[method][0] == ENGAGE:
        local.call(method, *METHODS[method][1])
    else:
        error = refused(local.call, method, *METHODS[method][1])
        assert error.name == INTERACTION_REQUIRED, error


@pytest.mark.parametrize("user", ("tester", "barred"))
def test_reading_needs_nothing(ground, root, user):
    caller = ground.caller(user)
    assert caller.state() == root.state()
    assert caller.properties()["State"] == "off"
    assert caller.introspect()


def test_properties_are_read_only(ground, root):
    for user in ("root", "tester"):
        caller = ground.caller(user)
        for name in root.properties():
            error = refused(set_property, caller, name)
            assert error.name in ("org.freedesktop.DBus.Error.PropertyReadOnly", ACCESS_DENIED), error


def set_property(caller, name):
    return caller.call("Set", "org.killswitch1", name, {"variant": ["s", "off"]},
                       interface="org.freedesktop.DBus.Properties", signature="ssv")


def test_unknown_methods_are_refused(ground, root):
    for user in ("root", "tester"):
        caller = ground.caller(user)
        for method in ("Disengage", "engage", "GetStates"):
            error = refused(caller.call, method)
            assert error.name in ("org.freedesktop.DBus.Error.UnknownMethod", ACCESS_DENIED), error
    assert root.state()[0] == "off"


def test_nobody_else_may_take_the_name(ground, root):
    assert root.state()
    for user in ("tester", "trusted"):
        error = refused(ground.caller(user).call, "RequestName", "org.killswitch1", 0, signature="su",
                        destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                        interface="org.freedesktop.DBus")
        assert error.name == ACCESS_DENIED


# Nothing to do: nobody is asked

def test_engage_while_engaged_asks_nobody_and_changes_nothing(ground, root, tester):
    root.call("Engage")
    before, since = condition(ground, root), root.mark()
    for caller in (tester, ground.caller("barred"), root):
        caller.call("Engage")
    assert condition(ground, root) == before
    assert root.signals("StateChanged", since) == []
    assert root.signals("PropertiesChanged", since) == []


def test_release_while_off_asks_nobody_and_changes_nothing(ground, root, tester):
    before, since = condition(ground, root), root.mark()
    for caller in (tester, ground.caller("barred"), root):
        caller.call("Release")
    assert condition(ground, root) == before
    assert root.signals("StateChanged", since) == []


def test_resume_while_engaged_asks_nobody(root, tester):
    root.call("Engage")
    tester.call("Resume")


# Without polkit

@pytest.fixture
def no_polkit(machine):
    machine.stop_polkit()
    yield
    machine.start_polkit()


@pytest.mark.parametrize("method", GUARDED)
def test_without_polkit_only_root_may(ground, root, no_polkit, method):
    prepare(root, method)
    before = condition(ground, root)
    for user in ("tester", "local", "trusted"):
        for interactive in (False, True):
            error = refused(ground.caller(user).call, method, *METHODS[method][1], interactive=interactive)
            assert error.name == ACCESS_DENIED, error
            assert error.message
    assert condition(ground, root) == before
    root.call(method, *METHODS[method][1])


def test_service_starts_without_polkit_and_asks_it_once_it_is_there(ground, machine):
    machine.stop_polkit()
    try:
        root = ground.serve()
        trusted = ground.caller("trusted")
        assert refused(trusted.call, "Engage").name == ACCESS_DENIED
    finally:
        machine.start_polkit()
    trusted.call("Engage")
    assert root.state()[0] == "blocking"
