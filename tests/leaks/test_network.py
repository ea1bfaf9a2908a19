# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile network, guests of the host, links that are not what they seem."""

import pytest

from leaks import checks
from leaks.lab import Scene

BOTH = pytest.mark.parametrize("scene", (Scene("gone"), Scene("up")), ids=("gone", "up"))


def test_T06_mark_by_a_program(lab, record):
    record(*checks.mark_by_user(lab, Scene("gone")))


def test_T01_dhcp_renewal_passes(lab, record):
    record(*checks.dhcp_renewal(lab, Scene("gone", lan="none")))


@BOTH
def test_T14_lan_is_reached(lab, record, scene):
    record(*checks.lan_is_reached(lab, scene))


@BOTH
def test_T09_router_advertisements(lab, record, scene):
    record(*checks.router_advertisements(lab, scene))


def test_T07_transport_without_a_way(lab, record):
    record(*checks.transport_without_a_way(lab, Scene("up")))


def test_T11_network_stays_the_vpns(lab, record):
    record(*checks.network_stays_the_vpns(lab, Scene("up")))


@pytest.mark.parametrize("scene", (Scene("gone"), Scene("up"), Scene("gone", settings="port", layers="steering")),
                         ids=("gone", "up", "steering-alone"))
def test_T16_guests(lab, record, scene):
    record(*checks.forwarded(lab, scene))


def test_T16_guest_is_reached(lab, record):
    record(*checks.guest_is_reached(lab, Scene("gone", lan="none", settings="host")))


def test_T18_name_of_the_vpn(lab, record):
    record(*checks.name_taken(lab, Scene("gone")))


def test_T18_index_of_the_vpn(lab, record):
    record(*checks.index_taken(lab, Scene("up")))


def test_T30_ipv4_only(lab, record):
    record(*checks.no_ipv6(lab, Scene("up")))


def test_T31_for_the_vpns_address(lab, record):
    record(*checks.for_the_vpns_address(lab, Scene("up")))


@BOTH
def test_T32_redirects(lab, record, scene):
    record(*checks.redirects(lab, scene))


@pytest.mark.parametrize("settings", ("mark", "port", "service"))
def test_T33_strict_rp_filter(lab, record, settings):
    record(*checks.strict_filter(lab, Scene("gone", settings=settings)))
