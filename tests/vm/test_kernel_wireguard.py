# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel WireGuard known by its port, no settings file, real units and a real session, in a virtual machine: one boot, each check an item."""
from pathlib import Path

import pytest

from lib import vm
from lib.booted import report

GUEST = Path(__file__).resolve().parent / "guest"
SCRIPT = GUEST / "kernel_wireguard.py"
pytestmark = pytest.mark.watchdog(1000)


@pytest.fixture(scope="module")
def boot():
    return vm.run([SCRIPT, GUEST / "world.py", GUEST / "probe.py"])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_kernel_wireguard(boot, check):
    boot.verify(check)
