# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and reads the files of the tree, for the checks that look at sources."""

import os

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = {"build", "__pycache__", "cache"}


def files(*suffixes, under=""):
    found = []
    for top, directories, names in os.walk(os.path.join(TREE, under)):
        directories[:] = [name for name in directories
                          if name not in SKIPPED and not name.startswith((".", "build"))]
        found += [os.path.relpath(os.path.join(top, name), TREE) for name in names if name.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def executables():
    """Scripts without a suffix, known by their first line."""
    found = []
    for path in files("", under="tests") + [".ci/run"]:
        full = os.path.join(TREE, path)
        if "." not in os.path.basename(path) and os.path.isfile(full):
            with open(full, "rb") as file:
                if file.read(2) == b"#!":
                    found.append(path)
    return found
