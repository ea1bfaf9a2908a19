# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests keep to their own rules: they compile, and wait for events, never by the clock."""

import ast
import os
import re
import subprocess

from lib.sources import TREE, executables, files, read

NAP = re.compile(r"(?<![\w.])(usleep|nanosleep|g_usleep|sleep)\s*\(")
SHELL_NAP = re.compile(r"(^|[;&|({]|\bdo|\bthen)\s*sleep\s+[0-9$]")
SHELL_LOOP = re.compile(r"\b(while|until|for)\b")
HERE = os.path.relpath(os.path.abspath(__file__), TREE)


def scripts(shell):
    found = []
    for path in files(".sh", under="tests") + executables():
        if ("sh" in read(path).split("\n", 1)[0] or path.endswith(".sh")) == shell:
            found.append(path)
    return found


def naps(node, looping=False):
    """Lines that call sleep() other than to ask again for a condition in a loop."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "sleep" and not looping:
        yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from naps(child, looping or isinstance(node, (ast.While, ast.For)))


def test_no_test_waits_by_the_clock():
    napping = []
    for path in files(".py", under="tests"):
        napping += [f"{path}:{line}" for line in naps(ast.parse(read(path), path))]
    napping += [path for path in files(".c", under="tests") if NAP.search(read(path))]
    for path in scripts(True):
        lines = read(path).splitlines()
        napping += [f"{path}:{number}" for number, line in enumerate(lines, 1)
                    if SHELL_NAP.search(line) and not SHELL_LOOP.search(" ".join(lines[max(number - 4, 0):number]))]
    assert napping == []


def test_python_compiles_and_says_what_it_is():
    for path in files(".py", under="tests"):
        tree = ast.parse(read(path), path)
        assert path.endswith("__init__.py") or ast.get_docstring(tree), path


def test_shell_compiles():
    for path in scripts(True):
        shell = "bash" if "bash" in read(path).split("\n", 1)[0] else "sh"
        done = subprocess.run([shell, "-n", os.path.join(TREE, path)], stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_tests_need_only_what_the_list_names():
    """No test reaches outside the tree for its parts."""
    outside = [path for path in files("", under="tests") if path != HERE and "/work/" in read_any(path)]
    assert outside == []


def read_any(path):
    with open(os.path.join(TREE, path), encoding="utf-8", errors="replace") as file:
        return file.read()
