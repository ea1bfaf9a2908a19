# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/operations.md, word by word, in a booted container that has this machine's compiler: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "operations.py"
TOOLS = True
pytestmark = pytest.mark.watchdog(300)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_operations(boot, check):
    boot.verify(check)
