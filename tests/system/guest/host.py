# SPDX-License-Identifier: GPL-2.0-or-later
"""What the scripts about the package share: the host that it is installed on, before and after."""
import glob
import json
import os
import re
import subprocess
from contextlib import contextmanager

import wire
from guest import eventually, out, sh, state

FIRST, NEXT = ("".join(glob.glob(f"/share/{name}_*.deb")) for name in ("first", "next"))
SETTINGS = "/etc/killswitch/killswitch.conf"
INTENT = "/var/lib/killswitch/intent"
COUNTS = "/share/counts"
# What kernel() tells when there is nothing.
NOTHING = ([], [[]] * 4)


def counts():
    """What has arrived at the far end, and been tried."""
    return wire.Counts(COUNTS)


def network():
    """Whatever the kernel knows that a kill switch may touch."""
    return {command: out(command) for command in (
        "ip -4 -N -d rule", "ip -6 -N -d rule", "ip -4 -N route show table all", "ip -6 -N route show table all",
        "nft -a list ruleset", "sysctl -a --pattern ^net 2>/dev/null | grep -v -e random -e stat -e _bucket -e _count", "ip -o link")}


def kernel():
    """What of it is the kill switch's, without counters: the guard, rules and routes of both families."""
    guard = "".join(sh(f"nft list table {family} killswitch", ok=False).stdout for family in ("inet", "netdev"))
    ours = [[rule for rule in json.loads(out(f"ip -{family} -N -j -d rule")) if str(rule.get("protocol")) == "83"]
            for family in (4, 6)]
    ours += [out(f"ip -{family} -N route show table all proto 83").splitlines() for family in (4, 6)]
    return re.sub(r"packets \d+ bytes \d+", "", guard).splitlines(), ours


def with_egress_guard():
    """Have the service, engaged, guard the uplinks as well; to be put back where removal is tried."""
    os.makedirs("/etc/killswitch/killswitch.conf.d", exist_ok=True)
    with open("/etc/killswitch/killswitch.conf.d/50-egress.conf", "w", encoding="ascii") as file:
        file.write("[Killswitch]\nEgressGuard=yes\n")
    out("ksctl reload && ksctl on")
    out("nft list table netdev killswitch")


def without_egress_guard():
    """The settings as they were."""
    os.unlink("/etc/killswitch/killswitch.conf.d/50-egress.conf")


def released():
    """Assert that the kernel has nothing of it."""
    assert kernel() == NOTHING, kernel()


def engaged(word="blocking"):
    """Assert that the service says so and the kernel has both layers."""
    assert state()[0] == word, state()
    guard, ours = kernel()
    assert guard and all(ours), kernel()


def reaches_out():
    """Assert that a user's packets get out, and are answered."""
    for target in wire.PUBLIC.values():
        out("setpriv", "--reuid=tester", "--clear-groups", "ping", "-c", "1", "-W", "30", target)


def dpkg(*words):
    """Run dpkg; it may not ask, nor may a script of the package complain."""
    done = sh("dpkg", *words, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8"))
    complaints = [line for line in done.stderr.splitlines()
                  if re.search("warn|fail|error|can't", line, re.I) and "warning: downgrading" not in line]
    assert complaints == [], complaints
    return done.stdout + done.stderr


def version_of(package):
    return out("dpkg-deb", "--field", package, "Version")


def settings():
    """Write the section of a VPN that is known by its mark."""
    os.makedirs(os.path.dirname(SETTINGS), exist_ok=True)
    with open(SETTINGS, "w", encoding="ascii") as file:
        file.write(wire.SETTINGS)


@contextmanager
def sender(leaks):
    """A user's packets all the while, by every way; of them some leave, or not one does. None: the caller looks."""
    wired = counts()
    before = wired.read()
    process = subprocess.Popen(["setpriv", "--reuid=tester", "--clear-groups", "python3", "/share/wire.py", "send",
                                COUNTS], stdin=subprocess.DEVNULL)
    try:
        rounds(wired)
        yield
        rounds(wired)
        if leaks:
            eventually(lambda: wired["leaked"] > before["leaked"], "the sender's packets leave")
    finally:
        process.kill()
        process.wait()
    wire.settle(wired)
    after = wired.read()
    assert leaks is None or (after["leaked"] > before["leaked"]) == leaks, (before, after, wire.frames(COUNTS))


def rounds(wired):
    """Return when the sender has tried every way twice more."""
    begun = wired["attempts"]
    eventually(lambda: wired["attempts"] > begun + 2, "the sender sends")
