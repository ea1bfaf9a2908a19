# SPDX-License-Identifier: GPL-2.0-or-later
"""XFCE's panel with the tray: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "xfce.py"
TIMEOUT = 600
pytestmark = pytest.mark.watchdog(660)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_xfce(boot, check):
    boot.verify(check)
