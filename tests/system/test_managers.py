# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside the programs that manage links and names, the real ones, in a booted container: each check an item."""
from pathlib import Path

import pytest

from lib.booted import report

GUEST = Path(__file__).resolve().parent / "guest"
SCRIPT = GUEST / "managers.py"
MORE = (GUEST / "beside.py",)
DAEMONS = True
# Much of it is other programs' starts, which a busy machine draws out.
TIMEOUT = 500
pytestmark = pytest.mark.watchdog(600)


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_managers(boot, check):
    boot.verify(check)
