# SPDX-License-Identifier: GPL-2.0-or-later
"""The state directory on a disk of its own, which gets full, read-only, or has a file that nobody can read: real units."""
import hashlib
import json
import os
import shutil
import sys

import guest
from guest import active, call, check, eventually, out, sh, state

STATE = "/var/lib/killswitch"
INTENT, FILLER = f"{STATE}/intent", f"{STATE}/filler"
UNITS = "killswitch-early.service killswitchd.service"


def kernel_holds():
    """Whether rules of both families and the guard stand; all of it or nothing."""
    held = {any(str(rule.get("protocol")) == "83" for rule in json.loads(out(f"ip -{family} -N -j -d rule list")))
            for family in (4, 6)}
    held.add(sh("nft list table inet killswitch", ok=False).returncode == 0)
    assert len(held) == 1, held
    return held.pop()


def blocking():
    """Assert that it is engaged, to the service and to the kernel."""
    assert state()[0] == "blocking" and kernel_holds(), state()


def troubled(*words):
    """Assert that the state tells of one problem, in these words, and so does the command."""
    degraded = state()[1]["Degraded"]
    assert len(degraded) == 1 and all(word in degraded[0] for word in words), degraded
    assert all(word in " ".join(sh("ksctl", ok=False).stdout.split()) for word in words), sh("ksctl", ok=False)


def mends_itself(pid):
    """Wait until the problem has gone; the same process has to find out."""
    eventually(lambda: not state()[1]["Degraded"], f"the problem goes away: {state()}")
    assert guest.main_pid("killswitchd.service") == pid
    assert "egraded" not in sh("ksctl", ok=False).stdout


def boots():
    """What the next boot does: both units start on an empty kernel."""
    out(f"""systemctl stop {UNITS}
        nft list table inet killswitch >/dev/null 2>&1 && nft delete table inet killswitch
        for family in 4 6; do ip -$family rule flush protocol 83; ip -$family route flush table 83; done 2>/dev/null; true""")
    assert not kernel_holds()
    # Or it would be too many boots in ten seconds.
    out("systemctl reset-failed killswitch-early.service")
    out("systemctl start killswitch-early.service")
    held = kernel_holds()
    assert active("killswitchd.service") == "inactive"
    out("systemctl start killswitchd.service")
    return held


def fill():
    with open(FILLER, "wb", buffering=0) as file:
        for size in (4096, 64):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def remount(how):
    out(f"mount -o remount,{how} {STATE}")


def refused(*words):
    """Assert that a command fails and says of the state directory why; what is engaged stays so."""
    done = sh("ksctl", *words, ok=False)
    assert done.returncode == 1 and STATE in done.stdout + done.stderr, done
    blocking()


@check
def engaged_on_a_disk_of_its_own():
    out(f"""systemctl stop {UNITS}
        mount -t tmpfs -o size=64k,mode=0700,uid=$(id -u killswitch),gid=$(id -g killswitch) tmpfs {STATE}
        systemctl start {UNITS}""")
    call("Engage")
    blocking()
    assert os.path.exists(INTENT)


@check
def a_full_disk_keeps_it_engaged_and_is_told():
    fill()
    for words in (("off",), ("pause", "5m"), ("lan", "none")):
        refused(*words)
    troubled(STATE, "No space left on device")


@check
def with_a_full_disk_it_boots_engaged():
    assert boots()
    blocking()
    refused("off")


@check
def with_room_again_it_mends_itself():
    pid = guest.main_pid("killswitchd.service")
    troubled(STATE, "No space left on device")
    os.unlink(FILLER)
    mends_itself(pid)
    blocking()
    out("ksctl off")
    assert not kernel_holds()
    call("Engage")


@check
def a_read_only_disk_keeps_it_engaged_and_is_told():
    remount("ro")
    refused("off")
    troubled(STATE, "Read-only file system")


@check
def writable_again_it_mends_itself():
    pid = guest.main_pid("killswitchd.service")
    remount("rw")
    mends_itself(pid)
    blocking()


@check
def on_a_read_only_disk_it_boots_engaged():
    remount("ro")
    assert boots()
    blocking()
    refused("off")
    troubled(STATE, "Read-only file system")


@check
def writable_again_after_such_a_boot_it_is_well_when_restarted():
    # Its own view of the mount was made read-only and stays so: only another process gets another one.
    remount("rw")
    out("systemctl restart killswitchd.service")
    blocking()
    assert not state()[1]["Degraded"], state()


@check
def the_end_of_a_pause_is_kept_once_it_can_be():
    call("Pause", "t", "1000000")
    remount("ro")
    eventually(lambda: state()[0] == "blocking", "the pause is over")
    blocking()
    troubled(STATE, "Read-only file system")
    pid = guest.main_pid("killswitchd.service")
    remount("rw")
    mends_itself(pid)
    with open(INTENT, encoding="ascii") as file:
        assert "Mode=steady" in file.read()


def damaged(change, *words):
    """The service boots over an intent, set to off, that was changed in some way: engaged. Put back, it is off."""
    call("Release")
    out(f"systemctl stop {UNITS}")
    shutil.copy2(INTENT, "/run/intent")
    change()
    assert boots()
    blocking()
    troubled(INTENT, "counts as engaged", *words)
    pid = guest.main_pid("killswitchd.service")
    out(f"install -o killswitch -g killswitch -m 0600 /run/intent {STATE}/put-back && mv {STATE}/put-back {INTENT}")
    mends_itself(pid)
    assert state()[0] == "off" and not kernel_holds()


@check
def a_corrupt_intent_counts_as_engaged_until_it_is_put_right():
    def change():
        with open(INTENT, "r+b") as file:
            file.seek(20)
            file.write(b"X")
    damaged(change)


@check
def a_truncated_intent_counts_as_engaged_until_it_is_put_right():
    damaged(lambda: os.truncate(INTENT, os.path.getsize(INTENT) // 2))


def newer():
    """As a later release might write it: sound, but of another version."""
    with open(INTENT, encoding="ascii") as file:
        lines = [line for line in file if not line.startswith("Checksum=")]
    text = "".join(lines).replace("Version=1\n", "Version=2\n")
    with open(INTENT, "w", encoding="ascii") as file:
        file.write(f"{text}Checksum={hashlib.sha256(text.encode()).hexdigest()}\n")


@check
def an_intent_of_a_newer_version_counts_as_engaged_until_it_is_put_right():
    damaged(newer, "another version")


@check
def asking_anew_mends_it_too():
    for word, held in (("on", True), ("off", False)):
        out(f"systemctl stop {UNITS}")
        os.truncate(INTENT, 3)
        assert boots()
        troubled(INTENT, "counts as engaged")
        out("ksctl", word)
        assert state()[1]["Degraded"] == [] and kernel_holds() == held, state()
        assert boots() == held
        assert state()[1]["Degraded"] == [], state()


@check
def no_unit_has_failed():
    assert out("systemctl list-units --failed --no-legend") == ""


if __name__ == "__main__":
    sys.exit(guest.main())
