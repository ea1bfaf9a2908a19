# SPDX-License-Identifier: GPL-2.0-or-later
"""What the service is struck in."""

from crash.kernel import NOTHING, RTM_DELROUTE, RTM_DELRULE
from crash.rounds import Operation
from crash.scene import PAUSE, waited


class Request(Operation):
    """One call of root's, and the rest until the service answers the next."""

    call = ()

    def act(self, strike):
        self.scene.struck.arm(*strike)
        return self.scene.ask(*self.call, strike=strike)


class Engage(Request):
    call = ("Engage",)
    before, after = "off", "up"

    def prepare(self):
        self.scene.be_off()


class Release(Request):
    call = ("Release",)
    before, after = "up", "off"

    def prepare(self):
        self.scene.be_up()
        self.scene.let_go()


class Pause(Release):
    call = ("Pause", PAUSE)
    after = "paused"


class Tighten(Request):
    """From one engaged state to another: what neither lets out stays inside all the time."""

    call = ("SetLan", "none")
    before = after = "up"

    def prepare(self):
        self.scene.be_up()


class Repair(Operation):
    """Somebody else takes something away."""

    before = after = "up"

    def prepare(self):
        self.scene.be_up()

    def damage(self):
        raise NotImplementedError

    def act(self, strike):
        ours, struck = self.scene.ours, self.scene.struck
        struck.arm(*strike)
        self.damage()
        waited(lambda: struck.told() or ours.read() == self.scene.up, "the repair", pause=0.005)
        return self.scene.ask("GetState", strike=strike)


class RepairSteering(Repair):
    """A rule and a route; the guard holds meanwhile."""

    def damage(self):
        ours = self.scene.ours
        ours.delete(RTM_DELRULE, ours.rules()[-1])
        ours.delete(RTM_DELROUTE, ours.routes()[-1])


class RepairGuard(Repair):
    """The guard; steering alone doesn't hold who insists on a link, until it is back. So the flood rests
    meanwhile: what passes the uplink at full speed would only take the time of everybody else."""

    def prepare(self):
        super().prepare()
        self.scene.let_go()

    def act(self, strike):
        with self.scene.senders.at_rest():
            return super().act(strike)

    def damage(self):
        self.scene.ours.nft.run("delete table inet killswitch")


class Start(Operation):
    """Engaged on disk and in the kernel, or on disk alone."""

    before = after = "up"
    empty = False
    argument = ""

    def prepare(self):
        if self.scene.disk() != "up" or not self.empty and self.scene.ours.read() != self.scene.up:
            self.scene.be_up()
        self.scene.struck.kill()
        if self.empty:
            self.scene.let_go()
            self.scene.ours.wipe()
        assert self.scene.ours.read() == (NOTHING if self.empty else self.scene.up)

    def act(self, strike):
        struck = self.scene.struck
        struck.start(*strike, argument=self.argument)
        # It serves also when it could not say that it does.
        struck.ready(self.scene.answers)
        return self.scene.ask("GetState", strike=strike)


class Restore(Start):
    """As at boot, ahead of the network."""

    empty = True
    argument = "--restore"
