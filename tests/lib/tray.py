# SPDX-License-Identifier: GPL-2.0-or-later
"""A user's session with killswitch-tray in it: a bus of its own, a panel that reads the item, bubbles that are kept."""

import os
import pwd
import shutil
import time
import types

from . import proc
from .bus import PROPERTIES, Caller
from .daemon import COMPLAINT
from .machine import environment

ITEM = "org.kde.StatusNotifierItem"
ITEM_PATH = "/StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
MENU_PATH = "/StatusNotifierItem/Menu"
NOTIFICATIONS = "org.freedesktop.Notifications"
NOTIFICATIONS_PATH = "/org/freedesktop/Notifications"
WATCHER = "org.kde.StatusNotifierWatcher"
ABLE = ("body", "body-markup", "actions")
LIMIT = 60
# A session's bus, but it starts nothing, whatever this machine has installed.
BUS = """<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""


class Panel(Caller):
    """Watcher, notification server and menu of a session."""

    def order(self, do, **fields):
        return self.finish(self._order(do, **fields))

    def wait(self, key, since=0, wanted=lambda value: True, limit=LIMIT):
        """The first such event since that mark."""
        return self.wait_event(lambda event: key in event and wanted(event[key]), key, since, limit)[key]

    def seen(self, key, since=0):
        with self.changed:
            return [event[key] for event in self.events[since:] if key in event]


class Session:
    """The session of one user; the tray isn't started yet."""

    def __init__(self, ground, user="local", system_bus=None):
        self.user = user
        self.namespace = ground.host.name
        self.home = f"{proc.LAB}/session-{user}-{time.monotonic_ns()}"
        account = pwd.getpwnam(user)
        os.makedirs(f"{self.home}/config", mode=0o700)
        for path in (self.home, f"{self.home}/config"):
            os.chown(path, account.pw_uid, account.pw_gid)
        self.address = f"unix:path={self.home}/bus"
        self.processes = []
        with open(f"{self.home}/bus.conf", "w", encoding="ascii") as file:
            file.write(BUS.format(address=self.address))
        self.bus = self.spawn("session-bus", ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={self.home}/bus.conf"])
        proc.until(lambda: os.path.exists(f"{self.home}/bus") or not self.bus.running(), "the session's bus")
        # caller.py speaks to the bus that the environment calls the system's.
        self.panel = Panel(user, script=f"{proc.LAB}/bin/panel.py", env=environment(DBUS_SYSTEM_BUS_ADDRESS=self.address))
        self.extra = {"DBUS_SYSTEM_BUS_ADDRESS": system_bus} if system_bus else {}
        self.tray = None
        self.item = None

    def environment(self):
        return {**environment(DBUS_SESSION_BUS_ADDRESS=self.address, HOME=self.home, XDG_CONFIG_HOME=f"{self.home}/config",
                              XDG_RUNTIME_DIR=self.home), **self.extra}

    def spawn(self, label, argv):
        process = proc.Process(label, argv, namespace=self.namespace, user=self.user,
                               env=environment(DBUS_SESSION_BUS_ADDRESS=self.address, HOME=self.home))
        self.processes.append(process)
        return process

    def run(self, *arguments):
        """Another killswitch-tray, to its end."""
        return proc.run("killswitch-tray", *arguments, namespace=self.namespace, user=self.user, env=self.environment(),
                        check=False)

    def start(self, watcher=True, capabilities=ABLE):
        """Starts the tray; with a watcher, returns when its item is there."""
        since = self.panel.mark()
        if capabilities is not None:
            self.panel.order("notify", capabilities=list(capabilities))
        if watcher:
            self.panel.order("watch")
        self.tray = proc.Process("killswitch-tray", ["killswitch-tray"], namespace=self.namespace, user=self.user,
                                 env=self.environment())
        if watcher:
            self.item = self.panel.wait("watched", since)
        return self

    def configure(self, text):
        """Writes the tray's settings; returns their path."""
        path = f"{self.home}/config/killswitch/tray.conf"
        proc.run("mkdir", "-p", os.path.dirname(path), user=self.user)
        proc.run("tee", path, user=self.user, text=f"[Tray]\n{text}")
        return path

    def as_caller(self):
        """For agent_for(): whose calls the tray's are."""
        return types.SimpleNamespace(pid=self.tray.pid, user=self.user)

    # The item

    def read(self):
        """Every property of the item."""
        return self.panel.call("GetAll", ITEM, interface=PROPERTIES, signature="s", destination=self.item, path=ITEM_PATH)[0]

    def until(self, icon, limit=LIMIT):
        """Waits until the item has that icon; returns its properties."""
        return proc.until(lambda: (now := self.read())["IconName"] == f"killswitch-{icon}" and now, f"the icon {icon}", limit)

    def follow_icons(self):
        """From now on every change of the icon is kept; returns what tells how many there were."""
        self.panel.finish(self.panel._order("subscribe", sender=self.item))
        since = self.panel.mark()
        return lambda: self.panel.signals("NewIcon", since)

    def name_at_the_service(self, caller):
        """The tray's unique name on the bus that this caller is on."""
        bus = {"interface": "org.freedesktop.DBus", "destination": "org.freedesktop.DBus", "path": "/org/freedesktop/DBus"}
        names = [name for name in caller.call("ListNames", **bus)[0] if name.startswith(":")]
        return next(name for name in names if caller.call("GetConnectionUnixProcessID", name, signature="s", **bus)[0] == self.tray.pid)

    def click(self):
        return self.panel.call("Activate", 0, 0, interface=ITEM, signature="ii", destination=self.item, path=ITEM_PATH)

    # The menu

    def layout(self):
        return self.panel.call("GetLayout", 0, -1, [], interface=MENU, signature="iias", destination=self.item, path=MENU_PATH)[1]

    def entries(self, node=None):
        """The visible entries as (label, properties with "id", entries below)."""
        found = []
        for number, properties, children in (node or self.layout())[2]:
            if properties.get("visible", True) and properties.get("type") != "separator":
                found.append((properties.get("label", ""), {**properties, "id": number}, self.entries((0, 0, children))))
        return found

    def layout_all(self, node=None):
        """Every entry, those that aren't visible as well: (number, properties)."""
        found = []
        for number, properties, children in (node or self.layout())[2]:
            found += [(number, properties), *self.layout_all((0, 0, children))]
        return found

    def labels(self):
        return [label for label, _, _ in self.entries()]

    def entry(self, *path):
        """What is below a path of labels."""
        entries = self.entries()
        for label in path:
            name, properties, entries = next(entry for entry in entries if entry[0].startswith(label))
        return name, properties, entries

    def event(self, number, name):
        self.panel.call("Event", number, name, {"variant": ["i", 0]}, 0, interface=MENU, signature="isvu", destination=self.item,
                        path=MENU_PATH)

    def choose(self, *path):
        self.event(self.entry(*path)[1]["id"], "clicked")

    def open(self):
        self.panel.call("AboutToShow", 0, interface=MENU, signature="i", destination=self.item, path=MENU_PATH)
        self.event(0, "opened")

    # The bubbles

    def bubble(self, since=0, wanted=lambda bubble: True):
        return self.panel.wait("bubble", since, wanted)

    def ended(self, bubble, since):
        """Waits until a bubble is closed, or another one has taken its place."""
        def ends(event):
            return event.get("closed") == bubble["id"] or event.get("bubble", {}).get("replaces") == bubble["id"]
        self.panel.wait_event(ends, f"the end of {bubble['title']}", since, LIMIT)

    def act(self, number, key):
        self.panel.order("emit", path=NOTIFICATIONS_PATH, interface=NOTIFICATIONS, member="ActionInvoked", signature="us",
                         arguments=[number, key])

    def close(self):
        if self.tray and self.tray.running():
            assert self.tray.end() == 0, self.tray.log()
        self.panel.close()
        for process in self.processes:
            process.end()
        shutil.rmtree(self.home, ignore_errors=True)
        if self.tray:
            assert not COMPLAINT.search(self.tray.log()), self.tray.log()
