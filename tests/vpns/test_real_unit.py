# SPDX-License-Identifier: GPL-2.0-or-later
"""wireguard-go by the recipe for its unit, in a booted container: each check an item."""
from pathlib import Path

import pytest

from lib import booted, recipes
from lib.booted import report

CHAPTER = "By its unit"
# As the script finds them beside it.
PIECES = {"tunnel.service": recipes.file(CHAPTER, "/etc/systemd/system/tunnel.service"),
          "killswitch.conf": recipes.section(CHAPTER, "tunnel")}
SCRIPT = Path(__file__).resolve().parent / "guest" / "tunnel.py"
BESIDE = Path(__file__).resolve().parent.parent / "system" / "guest"
pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    directory = tmp_path_factory.mktemp("recipe")
    for name, text in PIECES.items():
        (directory / name).write_text(text, encoding="utf-8")
    return booted.run([SCRIPT, *(BESIDE / name for name in ("beside.py", "host.py", "wire.py")), *directory.iterdir()])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_real_unit(boot, check):
    boot.verify(check)
