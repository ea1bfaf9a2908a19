# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/vpns.md tells people to write, so that the tests do just that.

A recipe is a chapter of that page; its fenced pieces are taken by their first line:
a settings section by `[VPN name]`, a file by `# /path`."""

import os
import re

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs/vpns.md")
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)


def pieces(chapter):
    """All fenced pieces of a chapter, subchapters included."""
    with open(PAGE, encoding="utf-8") as file:
        chapters = re.split(r"^## ", file.read(), flags=re.M)
    found, = [text for text in chapters if text.split("\n", 1)[0] == chapter]
    return FENCE.findall(found)


def section(chapter, name):
    """The settings section [VPN name]."""
    found, = [piece for piece in pieces(chapter) if piece.startswith(f"[VPN {name}]\n")]
    return found


def file(chapter, path):
    """What goes into a file, or to its end."""
    found, = [piece for piece in pieces(chapter) if piece.startswith(f"# {path}\n")]
    return found


def commands(chapter, first):
    """The command lines of the piece whose first line begins so; continued lines are joined."""
    found, = [piece for piece in pieces(chapter) if piece.startswith(first)]
    return [line.removeprefix("sudo ") for line in found.replace("\\\n", " ").splitlines() if line]
