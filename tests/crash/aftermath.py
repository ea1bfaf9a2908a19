# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to hold after a call has failed."""

import signal

from lib.bus import BusError

from crash.scene import GONE, waited
from crash.striking import LIMIT

# By itself; by libnftables, which gives up without a socket (3), or when an answer is missing or was given to an
# earlier question (1); unable to load its libraries.
ENDS = {1, 3, 127}
# Libraries use what they didn't get, each by the calls behind which it does, and nothing of ours.
CRASHES = {
    # glibc's loader: no memory for the first of all libraries, or for thread-local storage (init_tls).
    # libnftables 1.0.6: `nft list table`, too, prints a set whose elements it could not ask for.
    signal.SIGSEGV: {"mmap", "sendto"},
    # libnftables 1.0.6: elements of which only a part came don't fit (constant_expr_splice).
    signal.SIGABRT: {"recvmsg"},
    # GLib: no memory for itself or for a thread (g_thread_new) is the end.
    signal.SIGTRAP: {"brk", "clone3", "mmap", "mprotect", "mremap"},
}


def is_an_end(status, call):
    return status in ENDS or status > 128 and call in CRASHES.get(status - 128, ())


def assert_sentence(error):
    """Ours say what and why; the bus library has its own words."""
    assert len(error.message.split()) > (4 if error.name.startswith("org.killswitch1.") else 1), error


class Aftermath:
    def __init__(self, operation):
        self.operation = operation
        self.scene = operation.scene
        self.ends = 0

    def ended(self, what, status, hit):
        assert is_an_end(status, what.split()[0]), (what, status, hit)
        self.ends += 1

    def start_again(self, what, status, hit):
        self.ended(what, status, hit)
        self.scene.start_again(what)

    def settle(self, what):
        """What didn't go at once is tried again. It may end only now, when libnftables misses an answer."""
        scene = self.scene
        waited(lambda: scene.struck.told() or scene.ours.read() == scene.wanted(),
               f"the kernel to hold what is asked for: {what}")
        if scene.struck.told():
            self.start_again(what, *scene.struck.ended())

    def release(self, what):
        try:
            self.scene.release()
        except BusError as error:
            assert error.name in GONE, (what, error)
            self.start_again(what, *self.scene.struck.ended())
            self.scene.release()
        if self.scene.state() != ("off", []):
            # Settings that could not be read at the start are read when somebody asks for it; whether
            # the disk is well again is looked at now and then.
            self.scene.root.call("Reload", limit=LIMIT)
            waited(lambda: self.scene.state() == ("off", []), f"that nothing is wrong any more: {what}")

    def check(self, what, outcome):
        scene, operation = self.scene, self.operation
        if outcome.ended:
            self.ended(what, outcome.ended.status, outcome.hit)
        else:
            if outcome.error:
                assert_sentence(outcome.error)
            assert scene.disk() == (operation.before if outcome.error else operation.after), (what, outcome.error)
        if scene.struck.pid:
            self.settle(what)
        elif scene.is_new(scene.left()):
            scene.start_again(what)
        else:
            return
        if scene.disk() == "up":
            scene.senders.stamp(True)
            scene.assert_inside(what)
        self.release(what)
