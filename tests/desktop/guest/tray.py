#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""killswitch-tray as a panel has it: what the item says on the session's bus."""
import json
import re
from dataclasses import dataclass, field

from desk import eventually

WATCHER = ("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher")
ITEM = ("/StatusNotifierItem", "org.kde.StatusNotifierItem")
TITLES = {
    "off": "Kill switch: off, not protected",
    "blocking": "Kill switch: blocking, no VPN",
    "protecting": "Kill switch: protected",
    "paused": "Kill switch: paused, not protected",
    "degraded": "Kill switch: on, with problems",
    "unknown": "Kill switch: state unknown",
}


@dataclass
class Entry:
    """An entry of the menu, as it is told to the panel."""
    label: str
    selectable: bool
    entries: list = field(default_factory=list)


def entry_of(layout):
    """An entry from how the bus has it, without those in it that aren't to be seen."""
    _, properties, children = layout["data"] if isinstance(layout, dict) else layout
    get = {key: value["data"] for key, value in properties.items()}
    inner = [entry_of(child) for child in children if child["data"][1].get("visible", {"data": True})["data"]]
    label = get.get("label", "").replace("__", "_")
    return Entry(label, get.get("enabled", True) and get.get("type") != "separator", inner)


class Tray:
    """The tray's program, running on a desk."""

    def __init__(self, desk):
        self._desk = desk
        self._name = None
        desk.start("killswitch-tray")
        self.registered()

    def _get(self, *words):
        return json.loads(self._desk.run("busctl", "--user", "--json=short", "get-property", *words))["data"]

    def registered(self):
        """Wait until a panel's tray has the item."""
        def items():
            return self._desk.has_name(WATCHER[0]) and self._get(*WATCHER, "RegisteredStatusNotifierItems")
        item, = eventually(items, "the tray has an item")
        # Some append or prepend the object's path.
        self._name = re.search(r":[0-9.]+", item)[0]

    def says(self, state):
        """Wait until the item has the words and the icon of a state."""
        eventually(lambda: self._get(self._name, *ITEM, "Title") == TITLES[state], f"the item says {TITLES[state]}")
        assert self._get(self._name, *ITEM, "IconName") == f"killswitch-{state}"

    def menu(self):
        """The menu as the panel gets it."""
        done = self._desk.run("busctl", "--user", "--json=short", "--", "call", self._name, f"{ITEM[0]}/Menu",
                              "com.canonical.dbusmenu", "GetLayout", "iias", "0", "-1", "0")
        return entry_of(json.loads(done)["data"][1])

    def words(self):
        """Everything that the menu says, a submenu's words behind its entry's."""
        def all_of(entry):
            return [entry.label] + [word for inner in entry.entries for word in all_of(inner)]
        return " ".join(all_of(self.menu()))

    def keys(self, *labels):
        """What to press to choose an entry of the open menu, by the labels that lead to it."""
        menu, keys = self.menu(), []
        for label in labels:
            choice = [entry for entry in menu.entries if entry.selectable]
            number = [entry.label for entry in choice].index(label)
            # A submenu that is entered has its first entry chosen.
            keys += ["Down"] * (number if keys else number + 1) + ["Right"]
            menu = choice[number]
        return keys[:-1]
