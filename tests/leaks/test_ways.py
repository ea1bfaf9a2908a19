# SPDX-License-Identifier: GPL-2.0-or-later
"""What one program may try by itself, with the VPN up and with the VPN gone."""

import pytest

from leaks.ways import BY_FLOOR, BY_GUARD, BY_STEERING, WAYS, tried


def ways(row):
    return pytest.mark.parametrize("way", [way for way in WAYS if way.row == row], ids=str)


def alone(ways_of_layer):
    return pytest.mark.parametrize("way", ways_of_layer, ids=lambda way: f"{way.origin}-{way}")


@ways("T1")
def test_T01_plain(lab, way, record):
    tried(lab, way, record)


@ways("T2")
def test_T02_bind_to_device(lab, way, record):
    tried(lab, way, record)


@ways("T3")
def test_T03_told_to_leave_by_the_uplink(lab, way, record):
    tried(lab, way, record)


@ways("T4")
def test_T04_bind_to_own_address(lab, way, record):
    tried(lab, way, record)


@ways("T5")
def test_T05_port_of_the_vpn(lab, way, record):
    tried(lab, way, record)


@ways("T6")
def test_T06_mark_of_the_vpn(lab, way, record):
    tried(lab, way, record)


@ways("T7")
def test_T07_to_the_vpn_server(lab, way, record):
    tried(lab, way, record)


@ways("T8")
def test_T08_pushed_routes(lab, way, record):
    tried(lab, way, record)


@ways("T10")
def test_T10_public_prefix_claimed(lab, way, record):
    tried(lab, way, record)


@ways("T11")
def test_T11_prefix_of_the_vpn_claimed(lab, way, record):
    tried(lab, way, record)


@ways("T12")
def test_T12_spoofed_server(lab, way, record):
    tried(lab, way, record)


@ways("T13")
def test_T13_dns_to_the_lan(lab, way, record):
    tried(lab, way, record)


@ways("T14")
def test_T14_multicast(lab, way, record):
    tried(lab, way, record)


@alone(BY_GUARD)
def test_T19_rules_deleted_guard_alone(lab, way, record):
    tried(lab, way, record)


@alone(BY_FLOOR)
def test_T19_table_flushed_floor_alone(lab, way, record):
    tried(lab, way, record)


@alone(BY_STEERING)
def test_T20_guard_flushed_steering_alone(lab, way, record):
    tried(lab, way, record)
