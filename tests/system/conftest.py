# SPDX-License-Identifier: GPL-2.0-or-later
"""What the system suite shares: scripts that find the package beside them in a booted container."""
import os
import shutil
from pathlib import Path

import pytest

import lib.sources
from lib import booted

GUEST = Path(__file__).resolve().parent / "guest"
PACKAGES = Path(os.environ.get("KS_BUILD_DIR", "build")) / "packages"


@pytest.fixture(scope="module")
def boot(request, tmp_path_factory):
    """The Report of the script that the test module names, which installs the package by itself."""
    directory = tmp_path_factory.mktemp("packages")
    for name in ("first", "next"):
        built, = (PACKAGES / name).glob("killswitch_*.deb")
        shutil.copy(built, directory / f"{name}_{built.name}")
    module = request.module
    tools = getattr(module, "TOOLS", False)
    more = [PACKAGES / "source.tar", lib.sources.TREE + "/docs/operations.md"] if tools else directory.iterdir()
    return booted.run([module.SCRIPT, *getattr(module, "MORE", ()), GUEST / "host.py", GUEST / "wire.py", *more],
                      timeout=getattr(module, "TIMEOUT", 240), installed=False, tools=tools,
                      daemons=getattr(module, "DAEMONS", False))
