#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the desktops have in common: the network around them, and each state of the service as it is brought about."""
import os

import beside
import guest
import host
import wire
from guest import out, state
from host import sender

TROUBLE = "/etc/killswitch/killswitch.conf.d/50-trouble.conf"
# Of a VPN that can't work: what the service says of it is what is wrong.
PROBLEM = "The unit absent.service does not run, or there is none of that name; the VPN absent can't reach its server until it does."


def scene():
    """A wire with a VPN's server at its end, and nothing engaged; as the control, packets leave."""
    wire.up(host.COUNTS)
    host.settings()
    out("ksctl reload")
    beside.servers()
    host.released()
    with sender(leaks=True):
        pass


def becomes(word, degraded=False):
    """Wait until the service is in a state and the kernel follows, and assert that it lets out what it should."""
    def there():
        now, details = state()
        return now == word and bool(details["Degraded"]) == degraded
    guest.eventually(there, word)
    if word in ("blocking", "protecting"):
        host.engaged(word)
        with sender(leaks=False):
            pass
    else:
        host.released()
        with sender(leaks=True):
            pass


def trouble(there):
    """Have something be wrong, or right again."""
    if there:
        os.makedirs(os.path.dirname(TROUBLE), exist_ok=True)
        with open(TROUBLE, "w", encoding="ascii") as file:
            file.write(f"[VPN absent]\nInterface=tun8\nUnit=absent.service\nProtocol=udp\nEndpoint={wire.SERVER}:5000\n")
    else:
        os.unlink(TROUBLE)
    out("ksctl reload")
