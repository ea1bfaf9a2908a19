# SPDX-License-Identifier: GPL-2.0-or-later
"""The suite's report: every test of a row records what it saw, and the table ends the run."""

import pytest

from leaks.report import ROWS, Report, row_of, variant_of

REPORT = pytest.StashKey[Report]()


def pytest_configure(config):
    config.addinivalue_line("markers", "threat(id): the row of the table of threats that the test belongs to")
    config.stash[REPORT] = Report()


def pytest_collection_modifyitems(config, items):
    """The check of the report comes last; tries of one scene stand together."""
    def place(item):
        way = getattr(item, "callspec", None) and item.callspec.params.get("way")
        return item.path.name == "test_report.py", str(item.path), tuple(way.scene) if way else ()
    items.sort(key=place)
    unknown = {row_of(item) for item in items} - set(ROWS) - {None}
    if unknown:
        raise pytest.UsageError(f"tests for rows that there are not: {sorted(unknown)}")


@pytest.fixture(scope="module")
def lab(machine):
    """One ground for all tests of a file."""
    from leaks.lab import Lab
    lab = Lab(machine)
    yield lab
    lab.close()


@pytest.fixture
def report(request):
    return request.config.stash[REPORT]


@pytest.fixture
def record(request, report):
    """record(packets, control): packets that left and must not, packets that show that it could have been;
    more than once where a test tries more than one thing, then with variant=."""
    row = row_of(request.node)

    def add(packets, control, variant=None, tries=1):
        report.add(row, variant or variant_of(request.node), packets, control, tries)
        request.node.stash[RECORDED] = True
    return add


RECORDED = pytest.StashKey[bool]()


@pytest.fixture(autouse=True)
def recorded(request):
    """A test of a row that passes has told what it saw."""
    yield
    failed = request.node.stash.get(FAILED, False)
    if row_of(request.node) and not failed:
        assert request.node.stash.get(RECORDED, False), "this test of a row has recorded nothing"


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


def pytest_terminal_summary(terminalreporter, config):
    report = config.stash[REPORT]
    if any(entry.tries for entry in report.entries.values()):
        terminalreporter.section("ways out")
        for line in report.lines():
            terminalreporter.write_line(line)
