# SPDX-License-Identifier: GPL-2.0-or-later
"""What the desktop suite shares: a booted container with desktops, whose pictures are kept."""
import os
from pathlib import Path

import pytest

from lib import booted

GUEST = Path(__file__).resolve().parent / "guest"
BESIDE = Path(__file__).resolve().parent.parent / "system" / "guest"
PICTURES = Path(os.environ.get("KS_BUILD_DIR", "build")) / "screenshots"


@pytest.fixture(scope="module")
def boot(request):
    """The Report of the script that the test module names; the pictures that it took are in build/screenshots."""
    script = request.module.SCRIPT
    files = [script, *(path for path in GUEST.glob("*.py") if path != script),
             *(BESIDE / name for name in ("beside.py", "host.py", "wire.py"))]
    return booted.run(files, timeout=request.module.TIMEOUT, desktop=True, keep=PICTURES)
