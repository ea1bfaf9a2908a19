# SPDX-License-Identifier: GPL-2.0-or-later
"""What a session has around a tray, as a program that does what it is told: a watcher of status items, a
notification server, and a service that answers when it is told to. It is caller.py with more orders:

{"do": "watch"} and {"do": "notify", "capabilities"} take the names and tell what comes as
{"watched": NAME} and {"bubble": {...}} or {"closed": ID}; {"do": "leave", "name"} gives one up;
{"do": "serve"} takes the service's name and tells {"asked": METHOD}; {"do": "answer", "state", "details"} answers
the oldest GetState, and a Release is never answered, as if somebody thought about the password; {"do": "emit", ...} sends a signal, to everybody or to one "destination"."""

import collections
import itertools

import caller
from caller import argument, tell
from gi.repository import Gio, GLib

WATCHER = """<node><interface name='org.kde.StatusNotifierWatcher'>
<method name='RegisterStatusNotifierItem'><arg type='s' direction='in'/></method>
<property name='IsStatusNotifierHostRegistered' type='b' access='read'/></interface></node>"""
NOTIFICATIONS = """<node><interface name='org.freedesktop.Notifications'>
<method name='GetCapabilities'><arg type='as' direction='out'/></method>
<method name='Notify'><arg type='s' direction='in'/><arg type='u' direction='in'/><arg type='s' direction='in'/>
<arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='as' direction='in'/>
<arg type='a{sv}' direction='in'/><arg type='i' direction='in'/><arg type='u' direction='out'/></method>
<method name='CloseNotification'><arg type='u' direction='in'/></method></interface></node>"""
SERVICE = """<node><interface name='org.killswitch1'>
<method name='GetState'><arg type='s' direction='out'/><arg type='a{sv}' direction='out'/></method>
<method name='Engage'/><method name='Release'/><method name='Pause'><arg type='t' direction='in'/></method>
</interface></node>"""

owned = {}
numbers = itertools.count(1)
capabilities = []
questions = collections.deque()


def watcher(_bus, _sender, _path, _interface, _method, arguments, invocation):
    tell(watched=arguments[0])
    invocation.return_value(None)


def watcher_property(*_):
    return GLib.Variant("b", True)


def server(_bus, _sender, _path, _interface, method, arguments, invocation):
    if method == "GetCapabilities":
        invocation.return_value(GLib.Variant("(as)", (capabilities,)))
    elif method == "CloseNotification":
        tell(closed=arguments[0])
        invocation.return_value(None)
    else:
        app, replaces, icon, title, body, actions, hints, _timeout = arguments.unpack()
        number = replaces or next(numbers)
        tell(bubble={"app": app, "id": number, "replaces": replaces, "icon": icon, "title": title, "body": body,
                     "actions": dict(zip(actions[::2], actions[1::2])), "urgency": hints.get("urgency")})
        invocation.return_value(GLib.Variant("(u)", (number,)))


def service(_bus, _sender, _path, _interface, method, _arguments, invocation):
    tell(asked=method)
    if method == "GetState":
        questions.append(invocation)
    elif method != "Release":
        invocation.return_value(None)


def own(bus, order, name, path, text, called, read=None):
    """The object first, so that whoever sees the name finds it."""
    interface = Gio.DBusNodeInfo.new_for_xml(text).interfaces[0]
    if name not in owned:
        owned[name] = bus.register_object(path, interface, called, read, None)
    bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                  GLib.Variant("(su)", (name, 0)), None, Gio.DBusCallFlags.NONE, -1, None)
    tell(id=order["id"], value=[])


def watch(bus, order):
    own(bus, order, "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", WATCHER, watcher, watcher_property)


def notify(bus, order):
    capabilities[:] = order["capabilities"]
    own(bus, order, "org.freedesktop.Notifications", "/org/freedesktop/Notifications", NOTIFICATIONS, server)


def serve(bus, order):
    own(bus, order, "org.killswitch1", "/org/killswitch1", SERVICE, service)


def leave(bus, order):
    bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReleaseName",
                  GLib.Variant("(s)", (order["name"],)), None, Gio.DBusCallFlags.NONE, -1, None)
    tell(id=order["id"], value=[])


def variant(value):
    """[SIGNATURE, VALUE], where an array of dictionaries has the same in it."""
    signature, content = value
    if signature == "aa{sv}":
        content = [{key: variant(item) for key, item in entry.items()} for entry in content]
    return GLib.Variant(signature, content)


def answer(_bus, order):
    details = {key: variant(value) for key, value in order["details"].items()}
    questions.popleft().return_value(GLib.Variant("(sa{sv})", (order["state"], details)))
    tell(id=order["id"], value=[])


def emit(bus, order):
    values = tuple(argument(value) for value in order["arguments"])
    bus.emit_signal(order.get("destination"), order["path"], order["interface"], order["member"], GLib.Variant(f"({order['signature']})", values))
    tell(id=order["id"], value=[])


if __name__ == "__main__":
    caller.main({"watch": watch, "notify": notify, "serve": serve, "leave": leave, "answer": answer, "emit": emit})
