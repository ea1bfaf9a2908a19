# SPDX-License-Identifier: GPL-2.0-or-later
"""wg-quick in both orders, with its marks and its own rules, in a virtual machine: one boot, each check an item."""
from pathlib import Path

import pytest

from lib import vm
from lib.booted import report

GUEST = Path(__file__).resolve().parent / "guest"
SCRIPT = GUEST / "wg_quick.py"
pytestmark = pytest.mark.watchdog(1000)


@pytest.fixture(scope="module")
def boot():
    return vm.run([SCRIPT, GUEST / "world.py", GUEST / "probe.py"])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_wg_quick(boot, check):
    boot.verify(check)
