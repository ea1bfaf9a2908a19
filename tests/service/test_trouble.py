# SPDX-License-Identifier: GPL-2.0-or-later
"""Trouble around the service: its table taken, its guard refused, its state directory gone bad."""

import os
import shutil
import socket

import pytest

from lib import proc
from lib.agent import Terminal
from lib.bus import ERROR, refused
from lib.daemon import STATE
from lib.ground import BY_MARK


def stored():
    """The files of the state directory."""
    return sorted(os.path.join(top, name) for top, _, names in os.walk(STATE) for name in names)


# The journal

class Journal:
    """Takes or leaves what the service logs: the journal's socket, and the stream on standard error."""
    PATH = "/run/systemd/journal/socket"

    def __init__(self, daemon):
        os.makedirs(os.path.dirname(self.PATH))
        self.stream, other = socket.socketpair()
        with other:
            daemon.standard_error = os.dup(other.fileno())
        told = os.fstat(daemon.standard_error)
        daemon.variables["JOURNAL_STREAM"] = f"{told.st_dev}:{told.st_ino}"
        self.entries = None

    def listen(self):
        """Makes the socket, anew perhaps."""
        self.entries = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.entries.bind(self.PATH)
        os.chmod(self.PATH, 0o666)
        self.entries.settimeout(60)

    def deafen(self):
        self.entries.close()
        os.unlink(self.PATH)

    def wait_entry(self, text):
        while text not in self.entries.recv(1 << 16):
            pass


def fill(send):
    """Until nobody can write there any more."""
    with pytest.raises(BlockingIOError):
        while True:
            send()


@pytest.fixture
def journal(ground):
    journal = Journal(ground.daemon)
    journal.listen()
    yield journal
    journal.deafen()
    shutil.rmtree("/run/systemd/journal")
    journal.stream.close()
    os.close(ground.daemon.standard_error)


def test_a_journal_that_hangs_hangs_nothing(ground, journal):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        fill(lambda: other.sendto(b"MESSAGE=x", journal.PATH))
    with socket.socket(fileno=os.dup(ground.daemon.standard_error)) as other:
        fill(lambda: other.send(bytes(1000), socket.MSG_DONTWAIT))
    root = ground.serve(BY_MARK)
    root.call("Engage")
    root.call("Release")
    assert root.state()[0] == "off"


def test_a_journal_that_starts_again_is_told_again(ground, journal):
    root = ground.serve(BY_MARK)
    root.call("Engage")
    journal.wait_entry(b"KILLSWITCH_STATE=blocking")
    journal.deafen()
    root.call("Release")
    assert journal.stream.recv(1000).startswith(b"<5>State: off")
    journal.listen()
    root.call("Engage")
    journal.wait_entry(b"KILLSWITCH_STATE=blocking")


# Somebody else's routes

@pytest.mark.parametrize("family, route", ((4, "10.9.0.0/16"), (6, "fd99::/64"), (4, "default"), (6, "default")))
def test_a_table_in_use_is_a_conflict_that_names_the_routes(ground, root, family, route):
    ground.host.ip(f"-{family}", "route", "add", route, "dev", "eth0", "table", "83")
    before, since = (ground.foreign(), ground.routes(family, 83)), root.mark()
    error = refused(root.call, "Engage")
    assert error.name == f"{ERROR}Conflict"
    assert "83" in error.message and route in error.message and "eth0" in error.message, error.message
    assert root.state()[0] == "off"
    assert (ground.foreign(), ground.routes(family, 83)) == before
    assert root.signals("StateChanged", since) == []
    assert ground.ours()["rules"] == {4: [], 6: []} and ground.guard() is None
    ground.host.ip(f"-{family}", "route", "flush", "table", "83")
    root.call("Engage")
    assert root.state()[0] == "blocking"


def test_a_conflict_on_the_way_into_a_trial_leaves_no_trial(ground, root):
    ground.host.ip("route", "add", "10.9.0.0/16", "dev", "eth0", "table", "83")
    assert refused(root.call, "EngageTrial", 60_000_000).name == f"{ERROR}Conflict"
    assert root.get("Trial") is False and root.get("Deadline") == 0
    ground.daemon.kill()
    ground.daemon.start()
    assert root.state()[0] == "off"


def test_the_setting_names_a_free_table(ground, root):
    ground.host.ip("route", "add", "10.9.0.0/16", "dev", "eth0", "table", "83")
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nTable=84\n")
    root.call("Reload")
    root.call("Engage")
    assert [route["dst"] for route in ground.routes(4, 83)] == ["10.9.0.0/16"]
    root.call("Release")
    assert [route["dst"] for route in ground.routes(4, 83)] == ["10.9.0.0/16"]


# The guard

@pytest.fixture
def owned(ground):
    """Another program owns a table of the guard's name: the kernel lets nobody else touch it."""
    terminal = Terminal(["nft", "-i"], namespace=ground.host.name)
    terminal.expect("nft> ")
    terminal.type("add table inet killswitch { flags owner; }")
    proc.until(lambda: "killswitch" in ground.host.run("nft", "list", "tables"), "the foreign table")
    yield terminal
    terminal.kill()


def test_a_guard_that_cannot_be_had_leaves_nothing_half_applied(ground, root, owned):
    since = root.mark()
    error = refused(root.call, "Engage")
    assert error.name in (f"{ERROR}GuardUnavailable", f"{ERROR}Conflict"), error
    assert "killswitch" in error.message
    assert root.state()[0] == "off"
    assert root.signals("StateChanged", since) == []
    assert ground.ours()["rules"] == {4: [], 6: []} and ground.ours()["routes"] == {4: [], 6: []}
    owned.kill()
    proc.until(lambda: ground.guard() is None, "the foreign table to go")
    root.call("Engage")
    assert root.get("Guard") == "active"


def test_optional_guard(ground, root, owned):
    ground.daemon.configure(f"{BY_MARK}\n[Killswitch]\nGuard=optional\n")
    root.call("Reload")
    root.call("Engage")
    state, details = root.state()
    assert (state, details["Guard"]) == ("blocking", "unavailable")
    assert any("guard" in sentence.lower() for sentence in details["Degraded"])
    assert ground.ours()["rules"][4] and ground.ours()["routes"][6]


# The state directory

def make_unwritable():
    os.chown(STATE, 0, 0)
    os.chmod(STATE, 0o555)


def make_full():
    kept = f"{proc.LAB}/kept-state"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(STATE, kept)
    owner = os.stat(STATE)
    proc.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", STATE)
    os.chown(STATE, owner.st_uid, owner.st_gid)
    for name in os.listdir(kept):
        proc.run("cp", "-a", f"{kept}/{name}", f"{STATE}/{name}")
        shutil.chown(f"{STATE}/{name}", owner.st_uid, owner.st_gid)
    with open(f"{STATE}/filler", "wb", buffering=0) as file:
        for size in (4096, 64):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def make_missing():
    os.rename(STATE, f"{STATE}.away")


class Spoiled:
    """The state directory, which can be spoiled and mended."""

    def __init__(self, how):
        self.how = how
        self.owner = os.stat(STATE)

    def __call__(self):
        {"unwritable": make_unwritable, "full": make_full, "missing": make_missing}[self.how]()

    def mend(self):
        """As an administrator does: nothing else but the cause goes away."""
        if self.how == "unwritable":
            os.chown(STATE, self.owner.st_uid, self.owner.st_gid)
            os.chmod(STATE, 0o700)
        elif self.how == "full":
            os.unlink(f"{STATE}/filler")
        else:
            os.rename(f"{STATE}.away", STATE)


@pytest.fixture(params=("unwritable", "full", "missing"))
def spoil(request):
    yield Spoiled(request.param)
    proc.run("umount", STATE, check=False)
    shutil.rmtree(f"{STATE}.away", ignore_errors=True)


def problems(root):
    """What the state says about the state directory."""
    return [sentence for sentence in root.get("Degraded") if STATE in sentence]


def mended(root):
    """Wait until the service has found out by itself."""
    proc.until(lambda: problems(root) == [], "the problem to go away")


def test_engage_without_storage_is_refused(ground, root, spoil):
    spoil()
    for member, arguments in (("Engage", ()), ("EngageTrial", (60_000_000,))):
        error = refused(root.call, member, *arguments)
        assert error.name == f"{ERROR}Storage", error
        assert STATE in error.message
        assert root.state()[0] == "off"
        ground.assert_nothing_left()


def test_release_without_storage_keeps_the_shield(ground, root, spoil):
    root.call("Engage")
    before = ground.ours()
    spoil()
    for member, arguments in (("Release", ()), ("Pause", (60_000_000,)), ("SetLan", ("none",))):
        error = refused(root.call, member, *arguments)
        assert error.name == f"{ERROR}Storage", error
        state, details = root.state()
        assert (state, details["Lan"], details["Deadline"]) == ("blocking", "private", 0)
        assert ground.ours() == before


def test_storage_that_is_mended_is_found_well_again(ground, root, spoil):
    root.call("Engage")
    before, pid = ground.ours(), ground.daemon.process.pid
    spoil()
    assert refused(root.call, "Release").name == f"{ERROR}Storage"
    assert len(problems(root)) == 1, root.get("Degraded")
    # It is engaged, on disk too: there is nothing to do, and nobody to ask.
    root.call("Engage")
    ground.caller("guest").call("Engage")
    spoil.mend()
    mended(root)
    assert (ground.daemon.process.pid, root.state()[0], ground.ours()) == (pid, "blocking", before)
    root.call("Release")
    ground.daemon.kill()
    ground.daemon.start()
    assert root.state()[0] == "off"


def test_what_time_decided_is_written_once_storage_is_mended(ground, root, spoil):
    root.call("Engage")
    root.call("Pause", 1_000_000)
    spoil()
    root.wait_state("blocking")
    assert len(problems(root)) == 1, root.get("Degraded")
    spoil.mend()
    mended(root)
    with open(f"{STATE}/intent", encoding="ascii") as file:
        assert "Mode=steady" in file.read()
    ground.daemon.kill()
    ground.daemon.start()
    assert (root.state()[0], problems(root)) == ("blocking", [])


def garbage(path):
    with open(path, "wb") as file:
        file.write(os.urandom(200))


def truncated(path):
    with open(path, "r+b") as file:
        file.truncate(3)


def empty(path):
    with open(path, "wb"):
        pass


def unreadable(path):
    os.chown(path, 0, 0)
    os.chmod(path, 0)


def directory(path):
    os.unlink(path)
    os.mkdir(path)


@pytest.mark.parametrize("damage", (garbage, truncated, empty, unreadable, directory))
@pytest.mark.parametrize("state", ("off", "blocking"))
def test_unreadable_intent_counts_as_engaged(ground, root, damage, state):
    root.call("Engage")
    if state == "off":
        root.call("Release")
    ground.daemon.stop()
    files = stored()
    assert files
    for path in files:
        damage(path)
    ground.daemon.start()
    now, details = root.state()
    assert now == "blocking"
    assert details["Degraded"] != []
    ours = ground.ours()
    assert ours["guard"] and ours["rules"][4] and ours["rules"][6]


def test_a_fresh_machine_is_off(ground, root):
    assert f"{STATE}/intent" not in stored()
    assert root.state()[0] == "off"
    ground.assert_nothing_left()


def test_state_directory_that_cannot_be_read_at_all(ground, root):
    root.call("Engage")
    before = ground.ours()
    ground.daemon.stop()
    os.chown(STATE, 0, 0)
    ground.daemon.start()
    assert root.state()[0] == "blocking"
    assert ground.ours() == before


@pytest.mark.parametrize("state", ("off", "blocking"))
@pytest.mark.parametrize("way", ("replaced", "readable", "reachable"))
def test_an_intent_that_is_mended_is_followed(ground, root, way, state):
    root.call("Engage")
    if state == "off":
        root.call("Release")
    intent, aside = f"{STATE}/intent", f"{STATE}/aside"
    ground.daemon.stop()
    owner = os.stat(STATE)
    shutil.copy2(intent, aside)
    {"replaced": lambda: truncated(intent), "readable": lambda: unreadable(intent),
     "reachable": lambda: os.chown(STATE, 0, 0)}[way]()
    ground.daemon.start()
    # A directory that can't be entered keeps the VPNs that were added as well.
    assert root.state()[0] == "blocking" and len(problems(root)) == 1 + (way == "reachable"), root.state()
    if way == "reachable":
        os.chown(STATE, owner.st_uid, owner.st_gid)
    else:
        os.chown(aside, owner.st_uid, owner.st_gid)
        if way == "readable":
            os.unlink(aside)
            os.chown(intent, owner.st_uid, owner.st_gid)
            os.chmod(intent, 0o600)
        else:
            os.rename(aside, intent)
    mended(root)
    assert root.state()[0] == state


def test_a_damaged_intent_that_is_deleted_lets_nobody_out(ground, root):
    root.call("Engage")
    ground.daemon.stop()
    truncated(f"{STATE}/intent")
    ground.daemon.start()
    before = ground.ours()
    os.unlink(f"{STATE}/intent")
    ground.host.ip("rule", "delete", "priority", "190")
    proc.until(lambda: ground.ours() == before, "the repair")
    assert root.state()[0] == "blocking" and len(problems(root)) == 1, root.state()
    root.call("Engage")
    mended(root)
    root.call("Release")
    assert problems(root) == []
