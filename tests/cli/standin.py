# SPDX-License-Identifier: GPL-2.0-or-later
"""Owns the service's name on a bus and answers as no service of this version would: standin.py WAY. Prints each call."""

import os
import sys

from gi.repository import Gio, GLib

NAME = "org.killswitch1"
PATH = "/org/killswitch1"
METHODS = ("Engage", "Release", "GetState", "Confirm", "Resume", "Audit", "Reload")


def xml(way):
    """What is introspected isn't what counts: every call comes here."""
    answer = {"bad": "u", "worse": "sas"}.get(way, "sa{sv}")
    types = answer if answer == "u" else None
    outs = f'<arg type="{types}" direction="out"/>' if types else "".join(
        f'<arg type="{kind}" direction="out"/>' for kind in ("s", answer[1:]))
    members = "".join(f'<method name="{name}">{outs if name == "GetState" else ""}</method>'
                      for name in (METHODS if way != "older" else ("Engage",)))
    return f'<node><interface name="{NAME}">{members}</interface></node>'


STATES = {
    # A version from before most of what there is now.
    "old": GLib.Variant("(sa{sv})", ("off", {"Engaged": GLib.Variant("b", False)})),
    # One from long after.
    "new": GLib.Variant("(sa{sv})", ("hovering\x1b[31m", {
        "Engaged": GLib.Variant("b", True), "Lan": GLib.Variant("s", "some"), "Guard": GLib.Variant("s", "lazy"),
        "Mood": GLib.Variant("(sa{sv}at)", ("good", {"very": GLib.Variant("b", True)}, [1, 2])),
        "Vpns": GLib.Variant("aa{sv}", [{"Name": GLib.Variant("s", "x"), "Shape": GLib.Variant("d", 1.5),
                                         "Servers": GLib.Variant("as", ["", "a:1 192.0.2.1 2001:db8::1", "b:2"])}])})),
    "bad": GLib.Variant("(u)", (7,)),
    "worse": GLib.Variant("(sas)", ("off", [])),
}


def called(_bus, _sender, _path, _interface, member, _arguments, invocation, way):
    print(member, flush=True)
    if way == "silent":
        return
    if way == "nameless":
        invocation.return_dbus_error("com.example.Error.Odd", "")
    elif member == "GetState":
        invocation.return_value(STATES[way])
    else:
        invocation.return_dbus_error("org.freedesktop.DBus.Error.UnknownMethod", f"No such method '{member}'")


def main():
    way = sys.argv[1]
    bus = Gio.DBusConnection.new_for_address_sync(
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
        Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    interface = Gio.DBusNodeInfo.new_for_xml(xml(way)).interfaces[0]
    bus.register_object(PATH, interface, lambda *call: called(*call, way), None, None)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: print("ready", flush=True), None)
    GLib.MainLoop().run()


main()
