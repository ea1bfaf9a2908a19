# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN that is known by its systemd unit, in a booted container with real units: each check an item."""
from pathlib import Path

import pytest

from lib import booted
from lib.booted import report

SCRIPT = Path(__file__).resolve().parent / "guest" / "units.py"
BESIDE = Path(__file__).resolve().parent.parent / "system" / "guest"
pytestmark = pytest.mark.watchdog(300)


@pytest.fixture(scope="module")
def boot():
    return booted.run([SCRIPT, BESIDE / "host.py", BESIDE / "wire.py"])


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_units(boot, check):
    boot.verify(check)
