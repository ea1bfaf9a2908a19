#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what the programs of a session show, as they tell it to a screen reader: a line of JSON for everything that
is on the screen; with "all", also for what is hidden."""
import json
import sys

import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  pylint: disable=wrong-import-position


ALL = sys.argv[1:] == ["all"]


def walk(node, found):
    """Collect what is shown at or below a node."""
    states = node.get_state_set()
    if not ALL and not states.contains(Atspi.StateType.SHOWING) and node.get_role() != Atspi.Role.APPLICATION:
        return
    if node.get_component_iface():
        box = node.get_extents(Atspi.CoordType.SCREEN)
        found.append({"role": node.get_role_name(), "name": node.get_name() or "",
                      "box": [box.x, box.y, box.x + box.width, box.y + box.height],
                      "checked": states.contains(Atspi.StateType.CHECKED)})
    for number in range(node.get_child_count()):
        child = node.get_child_at_index(number)
        if child:
            walk(child, found)


def main():
    Atspi.init()
    desktop = Atspi.get_desktop(0)
    found = []
    for number in range(desktop.get_child_count()):
        try:
            walk(desktop.get_child_at_index(number), found)
        except GLib.Error as error:
            # What has gone while it was looked at.
            print(error, file=sys.stderr)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
