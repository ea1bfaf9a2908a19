# SPDX-License-Identifier: GPL-2.0-or-later
"""The package's life on a booted system, from before its installation to its purge: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "system.py"
pytestmark = pytest.mark.watchdog(300)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_system(boot, check):
    boot.verify(check)
