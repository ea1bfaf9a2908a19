# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs behind all others: the report has every row."""


def test_every_row_was_tried_and_had_its_control(report):
    assert report.missing() == []


def test_nothing_left_by_the_uplink(report):
    assert {row: entry.packets for row, entry in report.entries.items() if entry.packets} == {}
