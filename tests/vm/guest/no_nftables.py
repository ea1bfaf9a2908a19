# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that really has no nftables: engaging is refused as a whole, and said so."""
import os
import sys

import guest
import world
from guest import check, out, sh
from world import HOST4, HOST6, PLAIN


def nothing_applied():
    """Assert that there is no steering, and that packets go where they went before."""
    for version in (4, 6):
        assert not world.rules(version), world.rules(version)
        assert not world.routes(version), world.routes(version)
    world.flows(PLAIN, (HOST4, HOST6))


@check
def the_kernel_has_no_nftables():
    world.build(meter=False)
    assert sh("nft list ruleset", ok=False).returncode
    assert not os.path.exists("/sys/module/nf_tables")
    nothing_applied()


@check
def engage_says_that_the_guard_is_unavailable():
    done = sh("dbus-send", "--system", "--print-reply", "--reply-timeout=60000", "--dest=org.killswitch1",
              "/org/killswitch1", "org.killswitch1.Engage", ok=False)
    assert done.returncode and "org.killswitch1.Error.GuardUnavailable" in done.stderr, done


@check
def nothing_is_half_applied():
    nothing_applied()
    word, details = guest.state()
    assert word == "off" and not details["Engaged"] and details["Guard"] != "active", (word, details)


@check
def ksctl_says_what_to_do():
    done = sh("ksctl", "on", ok=False)
    assert done.returncode == 1 and "nftables" in done.stderr, done
    nothing_applied()


@check
def the_intent_is_not_kept():
    out("systemctl restart killswitchd.service killswitch-early.service")
    assert guest.state()[0] == "off", guest.state()
    nothing_applied()


if __name__ == "__main__":
    sys.exit(guest.main())
