# SPDX-License-Identifier: GPL-2.0-or-later
"""No protection is idle, and no row is blind: with any one left out, a named row fails.

The service is the same, but its plans lack the one protection; the row's own check runs against it and
has to see a leak, or miss what ought to arrive."""

import re

import pytest

from lib.sources import read

from leaks import checks
from leaks.lab import Scene
from leaks.report import Control, Leak
from leaks.ways import check, find

GONE, UP = Scene("gone"), Scene("up")


def way(row, identity, **scene):
    def run(lab, name):
        check(lab, find(row, identity), without=name, **scene)
    run.__name__ = f"{row} {identity}"
    return run


def row(identity, function, scene):
    def run(lab, name):
        function(lab, scene._replace(without=name))
    run.__name__ = f"{identity} {function.__name__}"
    return run


# What is left out, the check that has to notice, and as what: a packet that left, or one that got nowhere.
NOTICED = {
    "guard": (way("T2", "udp-4-gone"), Leak),
    "steering": (way("T1", "udp-4-up"), Control),
    "ipv6": (way("T1", "udp-6-gone"), Leak),
    "transport": (way("T1", "udp-4-gone"), Control),
    "transport-floor": (row("T7", checks.transport_without_a_way, UP), Leak),
    "dhcp": (row("T1", checks.dhcp_renewal, Scene("gone", lan="none")), Control),
    "dhcp-user": (way("T1", "dhcp-ports-4-gone", layers="steering"), Leak),
    "replies": (row("T33", checks.strict_filter, Scene("gone", settings="service")), Control),
    "claims": (way("T11", "route-udp-4-gone-by-prefixes", layers="steering"), Leak),
    "dns": (way("T13", "udp-53-4-up"), Control),
    "host-networks": (row("T16", checks.guest_is_reached, Scene("gone", lan="none", settings="host")), Control),
    "lan": (row("T14", checks.lan_is_reached, GONE), Control),
    "lan-suppress": (way("T8", "halves-udp-4-up-lan-all"), Control),
    "sent": (way("T7", "root-udp-4-gone-by-endpoint", layers="steering"), Leak),
    "catch-all": (way("T1", "udp-4-up"), Control),
    "floor": (way("T1", "udp-4-gone", layers="floor"), Leak),
    "blocking-default": (way("T13", "udp-53-4-gone", layers="steering"), Leak),
    "only-local": (row("T16", checks.forwarded, Scene("gone", settings="port", layers="steering")), Leak),
    "selector-protocol": (way("T6", "icmp-4-gone"), Leak),
    "selector-user": (way("T5", "udp-4-gone-by-port"), Leak),
    "selector-endpoint": (way("T12", "transport-4-gone-by-endpoint"), Leak),
    "link-kind": (row("T18", checks.name_taken, GONE), Leak),
    "guard-source-address": (way("T4", "inside-device-4-up"), Leak),
    "guard-link-type": (row("T18", checks.index_taken, UP), Leak),
    "guard-vpn-link-floor": (way("T4", "inside-lan-4-up"), Leak),
    "guard-vpn-address": (way("T4", "address-of-the-vpn-device-4-up"), Leak),
    "guard-source-route": (way("T1", "source-route-4-gone"), Leak),
    "guard-dhcp-user": (way("T1", "dhcp-ports-device-4-gone"), Leak),
    "guard-neighbour-discovery": (way("T2", "icmp-6-gone", layers="guard"), Leak),
    "guard-vpn-networks": (way("T11", "route-device-4-gone-by-prefixes"), Leak),
    "guard-dns": (way("T13", "udp-53-device-4-gone"), Leak),
    "guard-lan-ranges": (way("T10", "insistent-device-4-gone"), Leak),
    "guard-groups": (way("T14", "group-4-gone"), Leak),
    "egress": (row("T34", checks.packet_socket_of_root, Scene("gone", settings="egress")), Leak),
    "guard-refusal": (way("T3", "pktinfo-4-gone"), Leak),
    "guard-forward": (row("T16", checks.forwarded, GONE), Leak),
    "guard-vpn-address-input": (row("T31", checks.for_the_vpns_address, UP), Leak),
    "guard-redirects": (row("T32", checks.redirects, GONE), Leak),
    "guard-mark-restored": (row("T33", checks.strict_filter, GONE), Control),
    "guard-mark-saved": (row("T33", checks.strict_filter, GONE), Control),
}


def protections():
    """The names that the service knows, from where they stand."""
    text = read("src/policy/without.c")
    others = re.search(r"others\[\] = \{([^}]*)\}", text)[1]
    return set(re.findall(r'^        \{ "([a-z0-9-]+)", ', text, re.M)) | set(re.findall(r'"([^"]+)"', others))


def test_every_protection_is_in_the_table():
    assert protections() == set(NOTICED)


@pytest.mark.parametrize("name", NOTICED, ids=lambda name: f"{name}-by-{NOTICED[name][0].__name__.replace(' ', '-')}")
def test_a_row_notices(lab, name):
    function, kind = NOTICED[name]
    try:
        with pytest.raises(kind):
            function(lab, name)
    finally:
        lab.spoilt()
