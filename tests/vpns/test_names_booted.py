# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers by name with the real units, in a booted container: each check an item."""
from pathlib import Path

import pytest

from lib import booted
from lib.booted import report

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "guest" / "names.py"
pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def boot():
    return booted.run([SCRIPT, HERE.parent / "lib" / "dns.py"])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_names_booted(boot, check):
    boot.verify(check)
