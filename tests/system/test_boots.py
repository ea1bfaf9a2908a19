# SPDX-License-Identifier: GPL-2.0-or-later
"""Reboots of a container, engaged and not, with a sender from the first instant: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "boots.py"
pytestmark = pytest.mark.watchdog(300)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_boots(boot, check):
    boot.verify(check)
