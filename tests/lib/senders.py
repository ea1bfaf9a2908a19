# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs on the host that send: single probes, and floods."""

import json
import mmap
import os

from . import proc

POSITIVE_LIMIT = 15


def probe(space, *probes, user="tester"):
    """Runs probe.py with these probes; see there. Returns the results in the same order."""
    told = space.run(proc.PYTHON, f"{proc.LAB}/bin/probe.py", user=user, text=json.dumps(probes), limit=240)
    return json.loads(told)


def patient(**fields):
    """A probe that ought to be answered, and has time for it."""
    return {"wait": POSITIVE_LIMIT, **fields}


class Sender:
    def __init__(self, space, target, device="", user="tester"):
        self.label = f"{target}{'%' + device if device else ''}"
        self.path = f"{proc.LAB}/flood-{os.urandom(4).hex()}"
        with open(self.path, "wb") as file:
            file.write(bytes(32))
        os.chmod(self.path, 0o666)
        with open(self.path, "r+b") as file:
            self.shared = memoryview(mmap.mmap(file.fileno(), 32)).cast("Q")
        self.process = space.spawn("flood", ["nice", "-n", "15", proc.PYTHON, f"{proc.LAB}/bin/flood.py",
                                             self.path, target, device], user=user)

    def counts(self):
        """Attempts and successes so far."""
        return self.shared[0], self.shared[1]

    def stop(self):
        self.shared[2] = 1
        self.process.wait()
        os.unlink(self.path)
        return self.counts()


class Flood:
    """Several senders at full speed at the same time."""

    def __init__(self, space, *ways, user="tester"):
        self.senders = [Sender(space, *way, user=user) for way in ways]
        self.pass_round()

    def pass_round(self):
        """Returns when every send that was under way has come back, and another has begun."""
        before = [sender.counts()[0] for sender in self.senders]
        for sender, count in zip(self.senders, before):
            proc.until(lambda sender=sender, count=count:
                       sender.counts()[0] >= count + 2 or not sender.process.running(), f"flood to {sender.label}")
            if not sender.process.running():
                raise proc.CommandFailed(f"flood to {sender.label} ended\n{sender.process.log()}")

    def successes(self):
        return {sender.label: sender.counts()[1] for sender in self.senders}

    def stop(self):
        return {sender.label: sender.stop() for sender in self.senders}
