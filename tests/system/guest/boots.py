# SPDX-License-Identifier: GPL-2.0-or-later
"""Shutdowns and boots: a sender that never tires, from before the first interface until the container's end."""
import json
import os
import signal
import sys
import time

import guest
import host
import wire
from guest import Reboot, active, call, check, eventually, out, state

EARLY = "killswitch-early.service"
PREVIOUS, STOPPED = "/share/previous", "/share/stopped"
# Started before the kill switch's units, and so stopped after them.
MARK = f"""[Unit]
DefaultDependencies=no
Before={EARLY} killswitchd.service shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/usr/bin/python3 -c 'import time; open("{STOPPED}", "w").write(str(time.monotonic_ns() // 1000))'
[Install]
WantedBy=sysinit.target
"""
UNITS = dict(wire.UNITS, mark=MARK)


def counts_path():
    return "/share/counts-" + out("cat /proc/sys/kernel/random/boot_id").replace("-", "")


def counts():
    """What has arrived in this boot."""
    return wire.Counts(counts_path())


def reboot():
    """End the check, and this boot."""
    with open(PREVIOUS, "w", encoding="ascii") as file:
        file.write(counts_path())
    raise Reboot


def before_the_reboot():
    """What had arrived by the end of the previous boot, and when the last of our units had stopped."""
    with open(PREVIOUS, encoding="ascii") as previous, open(STOPPED, encoding="ascii") as stopped:
        return wire.Counts(previous.read()).read(), int(stopped.read())


def closed(numbers):
    """Assert that packets were tried, the VPN's own arrived, and no other."""
    assert numbers["attempts"] and numbers["transport"] and not numbers["leaked"], numbers


def closed_until_now():
    """Assert the same of this boot, once everything under way has arrived."""
    here = counts()
    eventually(lambda: here["transport"], "the VPN's own packets arrive")
    wire.settle(here)
    closed(here.read())


def open_since_the_boot():
    """Assert that all packets arrive, and did so from the start: the control of the same boot engaged."""
    here = counts()
    eventually(lambda: here["leaked"], "packets arrive")
    up = moment("wire.service", "ActiveEnterTimestampMonotonic")
    assert here["first_leak"] < up + 1_000_000, (here.read(), up)


def moment(unit, name):
    """A timestamp of a unit, in microseconds."""
    return int(out("systemctl", "show", "--value", "-p", name, unit))


@check
def engaged_before_there_is_a_wire():
    host.dpkg("-i", host.FIRST)
    host.settings()
    out("ksctl reload")
    call("Engage")
    for name, text in UNITS.items():
        with open(f"/etc/systemd/system/{name}.service", "w", encoding="ascii") as file:
            file.write(text)
    out("systemctl daemon-reload; systemctl enable --now mark.service wire.service send.service")
    closed_until_now()
    reboot()


# The next boot.

@check
def nothing_left_during_the_shutdown():
    numbers, stopped = before_the_reboot()
    closed(numbers)
    # The wire was alive for longer than the kill switch's units.
    assert numbers["last_transport"] > stopped, (numbers, stopped)


@check
def nothing_left_during_the_boot():
    closed_until_now()
    host.engaged()


@check
def the_early_unit_was_done_before_the_first_interface():
    done = moment(EARLY, "ActiveEnterTimestampMonotonic")
    assert out("systemctl", "show", "--value", "-p", "Result", EARLY) == "success"
    assert moment("send.service", "ExecMainStartTimestampMonotonic") < done, "the sender was late"
    assert done < moment("network-pre.target", "ActiveEnterTimestampMonotonic")
    assert done < moment("wire.service", "InactiveExitTimestampMonotonic")


@check
def the_service_takes_over_what_it_finds():
    assert active("killswitchd.service") == "active"
    assert moment(EARLY, "ActiveEnterTimestampMonotonic") < moment("killswitchd.service", "ExecMainStartTimestampMonotonic")
    assert "Repaired" not in out("journalctl -b -u killswitchd.service --no-pager")


@check
def a_long_pause_opens():
    call("Pause", "t", str(3600 * 1_000_000))
    eventually(lambda: counts()["leaked"], "packets leave")
    reboot()


# The next boot.

@check
def the_pause_goes_on():
    word, details = state()
    assert word == "paused" and details["Deadline"] > time.time_ns() // 1000, (word, details)
    host.released()
    open_since_the_boot()


@check
def a_pause_whose_end_nobody_sees():
    call("Resume")
    host.engaged()
    pid = guest.main_pid("killswitchd.service")
    os.makedirs("/run/systemd/system/killswitchd.service.d")
    with open("/run/systemd/system/killswitchd.service.d/once.conf", "w", encoding="ascii") as file:
        file.write("[Service]\nRestart=no\n")
    out("systemctl daemon-reload")
    call("Pause", "t", "1000000")
    os.kill(pid, signal.SIGSTOP)
    over = time.time() + 1
    eventually(lambda: time.time() > over, "it is over")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: active("killswitchd.service") == "failed", "the service has ended")
    host.released()
    reboot()


# The next boot.

@check
def the_pause_was_over_at_the_boot():
    closed_until_now()
    host.engaged()


@check
def released():
    call("Release")
    eventually(lambda: counts()["leaked"], "packets leave")
    reboot()


# The next boot.

@check
def released_it_stays_off():
    assert state()[0] == "off"
    host.released()
    open_since_the_boot()


@check
def no_unit_has_failed():
    assert json.loads(out("systemctl list-units --failed --output=json")) == []


if __name__ == "__main__":
    sys.exit(guest.main())
