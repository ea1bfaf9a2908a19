# SPDX-License-Identifier: GPL-2.0-or-later
"""A state directory that is full, read-only or damaged, with the real units in a booted container: each check an item."""
from pathlib import Path

import pytest

from lib import booted
from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "storage.py"
pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def boot():
    return booted.run([SCRIPT])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_storage(boot, check):
    boot.verify(check)
