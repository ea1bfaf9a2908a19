# SPDX-License-Identifier: GPL-2.0-or-later
"""What one program may try by itself, with the VPN up and with the VPN gone."""

import pytest

from leaks.ways import WAYS, tried


def ways(row):
    return pytest.mark.parametrize("way", [way for way in WAYS if way.row == row], ids=str)


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


@ways("T13")
def test_T13_dns_to_the_lan(lab, way, record):
    tried(lab, way, record)


@ways("T14")
def test_T14_multicast(lab, way, record):
    tried(lab, way, record)
