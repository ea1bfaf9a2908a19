# SPDX-License-Identifier: GPL-2.0-or-later
"""A program on the bus that does what it is told, one JSON object a line, and tells what it sees.

Told: {"id", "do": "call", "destination", "path", "interface", "member", "signature", "arguments",
"interactive"}; {"id", "do": "subscribe", "sender"}; {"id", "do": "agent", "pid"} to become the
polkit agent of a process, one that leaves its user thinking for ever.
Tells: {"id", "value"} or {"id", "error", "message"}; {"signal", "arguments"};
{"agent": "begin" or "cancel", "action"}."""

import json
import os

from gi.repository import Gio, GLib

AUTHORITY = ("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
             "org.freedesktop.PolicyKit1.Authority")
AGENT_PATH = "/org/killswitch1/test/agent"
AGENT = """<node><interface name='org.freedesktop.PolicyKit1.AuthenticationAgent'>
<method name='BeginAuthentication'><arg type='s' direction='in'/><arg type='s' direction='in'/>
<arg type='s' direction='in'/><arg type='a{ss}' direction='in'/><arg type='s' direction='in'/>
<arg type='a(sa{sv})' direction='in'/></method>
<method name='CancelAuthentication'><arg type='s' direction='in'/></method></interface></node>"""


def tell(**fields):
    print(json.dumps(fields), flush=True)


def failed(number, error):
    name = Gio.DBusError.get_remote_error(error) or f"GLib.{error.domain}.{error.code}"
    tell(id=number, error=name, message=error.message.removeprefix(f"GDBus.Error:{name}: "))


def argument(value):
    """JSON has no variants: {"variant": [signature, value]} stands for one, also in a dict."""
    if not isinstance(value, dict):
        return value
    if "variant" in value:
        return GLib.Variant(*value["variant"])
    return {key: argument(item) for key, item in value.items()}


def call(bus, order):
    flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if order.get("interactive") else 0
    arguments = GLib.Variant(f"({order.get('signature', '')})",
                             tuple(argument(value) for value in order.get("arguments", [])))

    def done(_, result):
        try:
            tell(id=order["id"], value=bus.call_finish(result).unpack())
        except GLib.Error as error:
            failed(order["id"], error)
    bus.call(order["destination"], order["path"], order["interface"], order["member"], arguments, None,
             Gio.DBusCallFlags(flags | Gio.DBusCallFlags.NO_AUTO_START), GLib.MAXINT32, None, done)


def subscribe(bus, order):
    def arrived(_, _sender, path, interface, member, arguments):
        tell(signal=member, interface=interface, path=path, arguments=arguments.unpack())
    bus.signal_subscribe(order["sender"], None, None, None, None, Gio.DBusSignalFlags.NONE, arrived)
    # Once the bus has answered this, it has seen the match rule as well.
    bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", None, None,
                  Gio.DBusCallFlags.NONE, -1, None)
    tell(id=order["id"], value=[])


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[19])


class Agent:
    """Shows every prompt for ever, until polkit takes it back."""

    pending = None

    @classmethod
    def asked(cls, _bus, _sender, _path, _interface, method, arguments, invocation):
        if method == "BeginAuthentication":
            cls.pending[arguments[4]] = invocation
            tell(agent="begin", action=arguments[0])
            return
        pending = cls.pending.pop(arguments[0], None)
        tell(agent="cancel", action="")
        invocation.return_value(None)
        if pending:
            pending.return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "cancelled")


def agent(bus, order):
    if Agent.pending is None:
        Agent.pending = {}
        bus.register_object(AGENT_PATH, Gio.DBusNodeInfo.new_for_xml(AGENT).interfaces[0], Agent.asked, None, None)
    subject = ("unix-process", {"pid": GLib.Variant("u", order["pid"]),
                                "start-time": GLib.Variant("t", start_time(order["pid"]))})
    try:
        bus.call_sync(*AUTHORITY, "RegisterAuthenticationAgent",
                      GLib.Variant("((sa{sv})ss)", (subject, "C", AGENT_PATH)), None,
                      Gio.DBusCallFlags.NONE, -1, None)
        tell(id=order["id"], value=[])
    except GLib.Error as error:
        failed(order["id"], error)


def main(more=None):
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    bus.set_exit_on_close(False)
    loop = GLib.MainLoop()
    orders = {"call": call, "subscribe": subscribe, "agent": agent, **(more or {})}
    pending = bytearray()

    def told(_channel, _condition):
        data = os.read(0, 65536)
        if not data:
            loop.quit()
            return False
        pending.extend(data)
        *lines, rest = bytes(pending).split(b"\n")
        pending[:] = rest
        for line in lines:
            order = json.loads(line)
            orders[order["do"]](bus, order)
        return True
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT,
                      GLib.IOCondition.IN | GLib.IOCondition.HUP, told)
    tell(name=bus.get_unique_name())
    loop.run()


if __name__ == "__main__":
    main()
