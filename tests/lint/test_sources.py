# SPDX-License-Identifier: GPL-2.0-or-later
"""The sources keep to the house's rules: layers, sizes, licenses, formatting."""

import os
import re
import subprocess

from lib.sources import TREE, executables, files, read

# Each layer may use those before it, and itself.
LAYERS = ("common", "policy", "kernel", "engine", "service")
# Libraries that the pure layer does without.
IMPURE = re.compile(r"^(netlink/|systemd/|nftables/|polkit/|gio/)")
FILE_LINES = 600
# About 60; a table of cases may have a few more.
FUNCTION_LINES = 70


def includes(path):
    return re.findall(r'^\s*#\s*include\s+(["<])([^">]+)[">]', read(path), re.M)


def test_includes_run_one_way():
    wrong = []
    for path in files(".c", ".h", under="src"):
        parts = path.split(os.sep)
        allowed = LAYERS if len(parts) == 2 else LAYERS[:LAYERS.index(parts[1]) + 1]
        for quote, name in includes(path):
            if quote == '"' and name != "config.h" and name.split("/")[0] not in allowed:
                wrong.append(f"{path} includes {name}")
            if parts[1] in ("common", "policy") and quote == "<" and IMPURE.match(name) and \
                    not (parts[1] == "common" and name.startswith("systemd/")):
                wrong.append(f"{path} includes <{name}>")
    assert wrong == []


def test_client_uses_nothing_of_the_service_but_common():
    wrong = [f"{path} includes {name}" for path in files(".c", ".h", under="client") for quote, name in includes(path)
             if quote == '"' and name != "config.h" and name.split("/")[0] not in ("client", "common")]
    assert wrong == []


def test_files_stay_small():
    long = {path: lines for path in files(".c", ".h", ".py", ".sh") + executables()
            if (lines := read(path).count("\n")) > FILE_LINES}
    assert long == {}


def functions(path):
    """Name and length of every function: from its opening brace in the first column to its closing one."""
    head = name = ""
    begun = 0
    for number, line in enumerate(read(path).splitlines(), 1):
        if line == "{":
            begun, name = number, head
        elif line == "}" and begun:
            yield name, number - begun - 1
            begun = 0
        elif not begun and re.match(r"^[A-Za-z].*\(", line):
            head = line.split("(")[0].split()[-1].lstrip("*")


def test_functions_stay_small():
    long = {f"{path}: {name}": lines for path in files(".c") for name, lines in functions(path)
            if lines > FUNCTION_LINES}
    assert long == {}


def test_licenses():
    named = files(".c", ".h", ".py", ".sh", "meson.build", ".xml", ".policy.in", ".conf.in", ".service.in",
                  ".service", ".rules") + executables()
    without = [path for path in named if "SPDX-License-Identifier: GPL-2.0-or-later" not in read(path)[:600]]
    assert without == []


def test_formatting():
    # All in one go: it starts slowly.
    done = subprocess.run(["clang-format", "--style=file", "--dry-run", *files(".c", ".h")], cwd=TREE,
                          stderr=subprocess.PIPE, text=True, check=False)
    wrong = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: warning: code should be clang-formatted", done.stderr, re.M)))
    assert (done.returncode, wrong) == (0, []), "clang-format -i " + " ".join(wrong)


def test_whitespace():
    wrong = []
    for path in files(".c", ".h", ".py", ".sh", ".xml", ".in", ".build", ".md") + executables():
        text = read(path)
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            wrong.append(f"{path}: its end")
        wrong += [f"{path}:{number}" for number, line in enumerate(text.splitlines(), 1)
                  if line != line.rstrip() or "\t" in line and path.endswith((".c", ".h", ".py"))]
    assert wrong == []


def test_nothing_is_left_for_later():
    later = re.compile(r"(#|//|/?\*).*\b(TODO|FIXME|XXX|HACK)\b")
    here = os.path.relpath(os.path.abspath(__file__), TREE)
    found = [path for path in files(".c", ".h", ".py", ".sh", ".build") + executables()
             if path != here and later.search(read(path))]
    assert found == []


def test_switches_of_the_tests_are_in_no_ordinary_build():
    """What lets the environment leave a protection out is compiled only where the option asks for it."""
    assert re.search(r"option\('test_switches', type: 'boolean', value: false", read("meson_options.txt"))
    wrong = []
    for path in files(".c", ".h", under="src"):
        if not os.path.basename(path).startswith("without."):
            ordinary = re.sub(r"#ifdef KS_TEST_SWITCHES\n.*?#endif", "", read(path), flags=re.S)
            wrong += [path for word in ("KS_WITHOUT", "ks_without", "without.h") if word in ordinary]
    assert wrong == []
