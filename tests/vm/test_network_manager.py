# SPDX-License-Identifier: GPL-2.0-or-later
"""NetworkManager's own kernel WireGuard, in a virtual machine: one boot, each check an item."""
from pathlib import Path

import pytest

from lib import vm
from lib.booted import report

GUEST = Path(__file__).resolve().parent / "guest"
SCRIPT = GUEST / "network_manager.py"
pytestmark = pytest.mark.watchdog(1000)


@pytest.fixture(scope="module")
def boot():
    return vm.run([SCRIPT, GUEST / "world.py", GUEST / "probe.py"])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_network_manager(boot, check):
    boot.verify(check)
