# SPDX-License-Identifier: GPL-2.0-or-later
"""One scene a test, and a line about what was struck."""

import pytest

from lib.tap import BUILD


@pytest.fixture
def scene(ground, request):
    from crash.scene import Scene
    scene = Scene(ground, request.config.stash[BUILD])
    yield scene
    scene.close()


@pytest.fixture
def say(capsys):
    """Prints numbers also when the test passes."""
    def say(*words):
        with capsys.disabled():
            print("\n  ", *words)
    return say
