# SPDX-License-Identifier: GPL-2.0-or-later
"""The service that is struck, with a VPN, floods and what it all has to come to."""

import configparser
import os
import re
import time

from lib import proc
from lib.bus import BusError
from lib.daemon import STATE
from lib.ground import BY_MARK
from lib.internet import PUBLIC_SERVER, UPLINK
from lib.storm import Senders, Vpn, stamped

from crash.kernel import NOTHING, Ours, Tally
from crash.striking import LIMIT, Ended, Struck

PAUSE = 3_600_000_000
# Microseconds between two rounds of the flood. What a kill leaves lasts for dozens of them, and a sender that rests
# comes to its turn at once on a busy machine.
FLOOD_REST = 200
# So long an answer is waited for that may never have been sent.
LOST = 5.0
# The bus has lost the service: it is over, or about to be.
GONE = tuple(f"org.freedesktop.DBus.Error.{name}" for name in ("NoReply", "NameHasNoOwner", "ServiceUnknown"))
# What differs from one Engage to the next.
VARIES = re.compile(r"^(Since|Saved|Deadline\w+|Checksum)=.*\n", re.M)


def waited(condition, what, pause=0.0005):
    """As proc.until(), for what takes a millisecond."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited {LIMIT:g} s in vain: {what}"
        time.sleep(pause)


class Scene:
    def __init__(self, ground, build):
        self.ground = ground
        self.build = build
        # No link-local addresses, which differ each time.
        ground.host.write("net/ipv6/conf/default/addr_gen_mode", 1)
        self.vpn = Vpn(build, ground.host)
        self.vpn.order("up")
        ground.daemon.configure(BY_MARK)
        self.tally = Tally(stamped(ground.internet))
        self.ours = Ours(ground.host)
        self.struck = Struck(build, ground.daemon)
        self.root = ground.caller("root")
        self.senders = Senders(build, ground.host, [f"{address}{device}" for address in PUBLIC_SERVER.values()
                                                    for device in ("", f"%{UPLINK}")], rest=FLOOD_REST)
        self.shown = set()
        self._control()
        self.struck.serve()
        self.engage()
        # The kernel as it has to be, by what LAN may do.
        self.plans = {"none": self.set_lan("none"), "private": self.set_lan("private")}
        self.up = self.plans["private"]
        assert self.up[0] and self.up[1] and self.up[2][0] and self.up != self.plans["none"]

    # The wire

    def _control(self):
        """Let go, the flood arrives where its packets are counted."""
        self.senders.stamp(True)
        waited(lambda: min(self.stamped()) > 0, "the flood to arrive")
        self.senders.stamp(False)
        self.pass_flood()
        self.ground.uplink.settle()
        self.before = self.stamped()

    def stamped(self):
        counts = self.tally.read()
        return counts["engaged4"], counts["engaged6"]

    def pass_flood(self):
        """Returns when every way was tried once from its beginning to its end."""
        before, = self.senders.rounds()
        waited(lambda: self.senders.rounds()[0] - before & 0xFFFFFFFF >= 2, "a round of the flood")

    def assert_inside(self, when):
        """Nothing got out that began while both states would have stopped it."""
        self.pass_flood()
        assert self.stamped() == self.before, f"leaked: {when}\n" + "\n".join(self.ground.uplink.caught()[:5])

    # Requests

    def state(self):
        """The state, and what is wrong."""
        state, details = self.root.call("GetState", limit=LIMIT)
        return state, list(details["Degraded"])

    def answers(self):
        try:
            return self.state()
        except BusError as error:
            assert error.name in GONE, error
            return None

    def engage(self):
        self.root.call("Engage", limit=LIMIT)
        self.senders.stamp(True)

    def let_go(self):
        """From here on packets may get out; those that began before are through."""
        self.senders.stamp(False)
        self.pass_flood()

    def release(self):
        self.let_go()
        self.root.call("Release", limit=LIMIT)
        assert self.ours.read() == NOTHING
        assert self.disk() == "off"

    def set_lan(self, lan):
        self.root.call("SetLan", lan, limit=LIMIT)
        return self.ours.read()

    def be_off(self):
        if not self.struck.pid:
            self.struck.serve()
        if self.disk() != "off":
            self.release()
        self.let_go()
        assert self.ours.read() == NOTHING
        self.ground.host.write("net/ipv4/conf/all/src_valid_mark", 0)

    def be_up(self):
        if not self.struck.pid:
            self.struck.serve()
        if self.disk() != "up":
            self.engage()
        if self.lan() != "private":
            self.set_lan("private")
        self.senders.stamp(True)
        assert self.ours.read() == self.up

    def ask(self, *call, strike):
        """Calls, and waits until the service has answered one more; returns the BusError or None. An answer that
        could not be sent is lost, and only that."""
        may_be_lost = strike[1] == "sendmsg" and strike[0] != "kill"
        errors = []
        for number in (self.root.start(*call), self.root.start("GetState")):
            try:
                self.root.finish(number, LOST if may_be_lost else LIMIT)
                errors.append(None)
            except BusError as problem:
                errors.append(problem)
                if problem.name in GONE:
                    raise Ended(*self.struck.ended()) from problem
            except proc.TimedOut:
                if not may_be_lost:
                    raise
                self.state()
                errors.append(None)
        return errors[0]

    # What there is, and what there has to be

    @staticmethod
    def intent():
        intent = configparser.ConfigParser()
        intent.read(f"{STATE}/intent")
        return intent["Intent"] if intent.has_section("Intent") else {"Engaged": "false"}

    def disk(self):
        """What was last asked for: off, up or paused."""
        intent = self.intent()
        if intent["Engaged"] == "false":
            return "off"
        return "paused" if intent["Mode"] == "pause" else "up"

    def lan(self):
        return self.intent().get("Lan", "private")

    def wanted(self):
        return self.plans[self.lan()] if self.disk() == "up" else NOTHING

    def left(self):
        """Kernel and disk as a value: what a start finds."""
        files = []
        for name in sorted(os.listdir(STATE)):
            with open(f"{STATE}/{name}", encoding="utf-8") as file:
                files.append((name, VARIES.sub("", file.read())))
        return self.ours.read(), tuple(files)

    def is_new(self, left):
        if left in self.shown:
            return False
        self.shown.add(left)
        return True

    def assert_converged(self, when):
        """The kernel holds what is asked for on disk, and the service says so."""
        asked = self.disk()
        if asked == "up":
            self.senders.stamp(True)
        assert self.ours.read() == self.wanted(), when
        state, degraded = self.state()
        assert (state, degraded) == ({"up": "protecting"}.get(asked, asked), []), when
        self.assert_inside(when)

    def start_again(self, when):
        """After a kill: brings what is asked for on disk into force."""
        self.struck.kill()
        self.struck.serve()
        self.assert_converged(when)

    def close(self):
        self.senders.stop()
        self.struck.kill()
        self.struck.close()
        self.vpn.close()
        self.ours.close()
        self.tally.close()
        assert not re.search(r"-CRITICAL \*\*", self.struck.tracer.log())
