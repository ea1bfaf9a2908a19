# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: what lintian says of it, what is in it, and whether it is made the same twice."""
import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from lib.catalogue import languages
from lib.sources import read

PACKAGES = Path(os.environ.get("KS_BUILD_DIR", "build")) / "packages"


def package(directory, name="killswitch"):
    """The package, without what goes with it for debuggers."""
    found, = (PACKAGES / directory).glob(f"{name}_*.deb")
    return found


def test_lintian():
    changes, = (PACKAGES / "first").glob("*.changes")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", changes],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout


@pytest.mark.parametrize("pattern", ["killswitch_*.deb", "killswitch-dbgsym_*.deb", "killswitch-tray_*.deb"])
def test_made_the_same_twice(pattern):
    sums = [hashlib.sha256(next((PACKAGES / directory).glob(pattern)).read_bytes()).hexdigest()
            for directory in ("first", "elsewhere/again")]
    assert sums[0] == sums[1]


def test_version():
    """The changelog and Meson are of one mind."""
    said = re.match(r"killswitch \(([^)]*)\)", read("debian/changelog"))[1]
    assert f"version: '{said}'," in read("meson.build")
    assert package("first").name.startswith(f"killswitch_{said}_")


def test_needs_what_the_tests_install():
    """Who can run the tests can build the package: what it needs is in the tests' list."""
    control = read("debian/control")
    needed = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.M)[1].replace(",", " ")
    names = {name for name in re.sub(r"\(.*?\)", " ", needed).split()}
    names = {{"debhelper-compat": "debhelper", "dh-sequence-installsysusers": "debhelper"}.get(name, name) for name in names}
    listed = set(re.sub(r"#.*", "", read("tests/lib/packages")).split())
    assert names <= listed, names - listed


def test_completes_where_the_shells_look():
    listed = subprocess.run(["dpkg-deb", "--contents", package("first")], stdout=subprocess.PIPE, text=True, check=True).stdout
    for path in ("bash-completion/completions/ksctl", "zsh/vendor-completions/_ksctl", "fish/vendor_completions.d/ksctl.fish"):
        assert f" ./usr/share/{path}\n" in listed, path


@pytest.mark.parametrize("program", ["usr/libexec/killswitchd", "usr/libexec/killswitch-resolve", "usr/bin/ksctl",
                                     "usr/bin/killswitch-tray"])
def test_hardened(program, tmp_path):
    """What the hardening flags leave in a program: position independent, bound at once, relocations
    read-only, stack protected, checked string functions, branches with landing pads."""
    subprocess.run(["dpkg-deb", "--extract", package("first", "killswitch-tray" if program.endswith("tray") else "killswitch"), tmp_path], check=True)
    shown = subprocess.run(["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--symbols",
                            "--dyn-syms", tmp_path / program], stdout=subprocess.PIPE, text=True, check=True).stdout
    for sign in (r"Type:\s+DYN", r"GNU_RELRO", r"Flags:.*\bNOW\b.*PIE", r"__stack_chk_fail", r"_chk@"):
        assert re.search(sign, shown), sign
    assert not re.search(r"GNU_STACK.*\bE\b", shown.split("Section to")[0]), "an executable stack"


def test_speaks_every_language_of_its_catalogues(tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package("first"), tmp_path], check=True)
    there = {path.parts[-3] for path in tmp_path.glob("usr/share/locale/*/LC_MESSAGES/killswitch.mo")}
    assert there == set(languages()) and there
    policy = (tmp_path / "usr/share/polkit-1/actions/org.killswitch1.policy").read_text(encoding="utf-8")
    assert set(re.findall(r'<message xml:lang="(\w+)">', policy)) == there
