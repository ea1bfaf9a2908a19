# SPDX-License-Identifier: GPL-2.0-or-later
"""What every suite shares: C tests as items, a watchdog, the logs of a failing test, and the ground."""

import faulthandler
import json
import os
import signal
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import proc, tap  # noqa: E402  pylint: disable=wrong-import-position

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WATCHDOG = 120
CI = os.environ.get("CI") == "true"


def pytest_configure(config):
    config.stash[tap.BUILD] = os.environ.get("KS_BUILD_DIR") or os.path.join(TREE, "build")
    config.addinivalue_line("markers", "watchdog(seconds): how long the test may take, 120 unless told otherwise")


def pytest_collect_file(file_path, parent):
    if file_path.name == "meson.build" and tap.programs(parent.config.stash[tap.BUILD], file_path):
        return tap.TapFile.from_parent(parent, path=file_path)
    return None


# The watchdog

class Overdue(Exception):
    pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("watchdog")
    seconds = marker.args[0] if marker else 3 * tap.LIMIT if isinstance(item, tap.TapItem) else WATCHDOG

    def bark(*_):
        raise Overdue(f"still running after {seconds} s")
    proc.started.clear()
    previous = signal.signal(signal.SIGALRM, bark)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


# Reports

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and CI:
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as a failure with CI=true: {report.longrepr}"
    if report.failed:
        for process in list(proc.started):
            try:
                log = process.log()
            except OSError:
                continue
            if log.strip():
                report.sections.append((f"{process.name} (process {process.pid})", log[-6000:]))


def pytest_sessionfinish(session):
    """Leaves the numbers where tests/run adds them up."""
    path = os.environ.get("KS_COUNTS")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not path or not reporter:
        return
    count = {kind: len(reporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped", "xfailed",
                                                                  "xpassed")}
    with open(path, "w", encoding="ascii") as file:
        json.dump([count["passed"], count["failed"] + count["error"] + count["xpassed"] + (count["xfailed"] if CI else 0),
                   count["skipped"] + (0 if CI else count["xfailed"])], file)


# The ground

@pytest.fixture(scope="session")
def machine(request):
    """The machine with the kill switch installed, its bus and polkit running."""
    from lib.machine import Machine
    machine = Machine(request.config.stash[tap.BUILD])
    machine.start()
    yield machine
    machine.stop()


@pytest.fixture
def internet():
    """The small internet alone, with its servers."""
    from lib.internet import Internet
    internet = Internet()
    internet.serve()
    yield internet
    internet.delete()


@pytest.fixture
def ground(machine):
    """The machine in a small internet of its own; nothing runs yet but the servers."""
    from lib.ground import Ground
    ground = Ground(machine)
    ground.internet.serve()
    yield ground
    ground.close()
