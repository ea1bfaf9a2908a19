# SPDX-License-Identifier: GPL-2.0-or-later
"""GNOME with both ways of showing the kill switch, its own extension and the tray: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "gnome.py"
TIMEOUT = 600
pytestmark = pytest.mark.watchdog(660)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_gnome(boot, check):
    boot.verify(check)
