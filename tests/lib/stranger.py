# SPDX-License-Identifier: GPL-2.0-or-later
"""A service that answers GetState like killswitchd, but with VPNs of any name: stranger.py JSON-LIST-OF-NAMES.

killswitchd itself takes no such names from anybody; what reads names has to bear them all the same, because a link of the
kernel may be called almost anything."""

import json
import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.killswitch1", "/org/killswitch1"
INTERFACE = f"<node><interface name='{NAME}'><method name='GetState'><arg type='s' direction='out'/>" \
    "<arg type='a{sv}' direction='out'/></method></interface></node>"


def main():
    vpns = [{"Name": GLib.Variant("s", name), "Interface": GLib.Variant("s", "tun0"), "Source": GLib.Variant("s", "added")}
            for name in json.loads(sys.argv[1])]
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)

    def called(_bus, _sender, _path, _interface, _method, _arguments, invocation):
        invocation.return_value(GLib.Variant("(sa{sv})", ("off", {"Vpns": GLib.Variant("aa{sv}", vpns)})))
    bus.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], called, None, None)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.DO_NOT_QUEUE, lambda *_: print("ready", flush=True), None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
