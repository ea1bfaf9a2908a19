# SPDX-License-Identifier: GPL-2.0-or-later
"""What the suite leaves behind for its reader: a table with every way out and what became of it.

A test belongs to a row by its name (test_T02_...) or by a marker (@pytest.mark.threat("T17")). It
records what it saw with the fixture `record`; the table is printed behind the last test."""

import re
from dataclasses import dataclass, field

NAME = re.compile(r"^test_T(\d\d)_(.*)$")

ROWS = {
    "T1": "plain traffic of any protocol to a public address",
    "T2": "socket bound to the uplink (SO_BINDTODEVICE)",
    "T3": "packets told to leave by the uplink (PKTINFO, UNICAST_IF)",
    "T4": "socket bound to the uplink's own address",
    "T5": "the VPN's source port, taken once the VPN has gone",
    "T6": "the VPN's mark, set by a program",
    "T7": "any program to the VPN server's address and port",
    "T8": "routes to public addresses, pushed by DHCP",
    "T9": "routes and prefixes from router advertisements",
    "T10": "a public prefix that the network claims for its own",
    "T11": "a private prefix of the VPN that the network claims",
    "T12": "a spoofed address for the VPN server",
    "T13": "DNS to a resolver on the LAN",
    "T14": "multicast and broadcast",
    "T15": "sockets opened and connected before Engage",
    "T16": "forwarded packets of a container or virtual machine",
    "T17": "VPN link down, deleted, recreated, renamed",
    "T18": "another link that takes the VPN's name",
    "T19": "rules, routes and table deleted by somebody",
    "T20": "nftables flushed by somebody",
    "T21": "foreign rules deleted, as systemd-networkd does",
    "T22": "rules deleted in a loop, as wg-quick does",
    "T23": "a rule of smaller priority that leads out",
    "T24": "the service killed at any point",
    "T25": "power cut and boot while engaged",
    "T26": "intent that can't be read, written or trusted",
    "T27": "callers without authorization",
    "T28": "hostile names, texts and numbers",
    "T29": "floods of calls, prompts, subscribers and events",
    "T30": "IPv4-only VPN on an uplink that has IPv6",
    "T31": "packets for the VPN's address from the uplink",
    "T32": "ICMP and neighbour redirects",
    "T33": "answers to transport under strict rp_filter",
    "T34": "packet sockets and links beside the uplink",
    "T35": "a remote administrator locked out",
    "T36": "locked out after a crash",
}


class Leak(AssertionError):
    """A packet left that must not."""


class Control(AssertionError):
    """What has to arrive did not: a try proves nothing, or the VPN is cut off."""


@dataclass
class Entry:
    """One row's tries, added up."""
    tries: int = 0
    packets: int = 0
    controls: int = 0
    variants: set = field(default_factory=set)


class Report:
    def __init__(self):
        self.entries = {row: Entry() for row in ROWS}

    def add(self, row, variant, packets, control, tries=1):
        """row: its id; variant: what was tried, in a word or two; packets: that left by the uplink
        while engaged and must not; control: packets that showed that it could have arrived."""
        entry = self.entries[row]
        entry.tries += tries
        entry.packets += packets
        entry.controls += control
        entry.variants.add(variant)

    def missing(self):
        """Rows that nobody tried, or whose tries had no control."""
        return [row for row, entry in self.entries.items() if not entry.tries or not entry.controls]

    def lines(self):
        yield f"{'id':4}{'tried':60}{'cases':>7}{'on the uplink':>15}{'controls seen':>15}"
        for row, entry in self.entries.items():
            yield f"{row:4}{ROWS[row]:60}{entry.tries:>7}{entry.packets:>15}{entry.controls:>15}"
            words = ", ".join(sorted(entry.variants))
            while words:
                cut = len(words) if len(words) <= 112 else words.rfind(" ", 0, 112)
                yield f"    {words[:cut]}"
                words = words[cut + 1:]


def row_of(item):
    """The row that a test belongs to, None for the others."""
    marker = item.get_closest_marker("threat")
    if marker:
        return marker.args[0]
    name = NAME.match(getattr(item, "originalname", None) or item.name)
    return f"T{int(name[1])}" if name else None


def variant_of(item):
    """What the test tries, from its name and without its parameters."""
    name = NAME.match(getattr(item, "originalname", None) or item.name)
    return (name[2] if name else (item.originalname or item.name).removeprefix("test_")).replace("_", " ")
