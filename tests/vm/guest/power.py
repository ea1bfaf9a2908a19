#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One life of a machine whose power fails.

power.py prepare    before systemd starts for the first time: have units around the kill switch's
power.py            say what was found, in one line; then change the intent at full speed until the power goes
"""
import ctypes
import json
import os
import struct
import sys
import threading

import guest
import wire
from guest import eventually, out

STATE = "/var/lib/killswitch"
# The intent as the power cut left it; what the kernel held when the first interface was about to come up.
FOUND, LOOKED = "/share/found", "/run/looked"
EARLY = "killswitch-early.service"
# By the shell, like all that runs in every boot and needn't be more: here a Python takes seconds to start.
KERNEL = "ip -4 -N -d rule; echo; ip -6 -N -d rule; echo; echo nftables; nft list tables"
LOOK = f"[Service]\nExecStartPre=/bin/sh -c '{{ {KERNEL}; }} >{LOOKED}'\n"
IN_CREATE, IN_MOVED_TO = 0x100, 0x80
PAUSE = 3600 * 1_000_000
PATIENCE = 200  # seconds, for what an emulated machine does while it boots


def tell(line):
    """Say a line; it has left the machine when this returns."""
    os.write(1, f"{line}\n".encode())


def prepare():
    """In the root file system; what is written is there in the later lives too."""
    os.makedirs("/etc/killswitch", exist_ok=True)
    units = "/etc/systemd/system"
    os.makedirs(f"{units}/wire.service.d")
    os.makedirs(f"{units}/sysinit.target.wants", exist_ok=True)
    for path, text in (("/etc/killswitch/killswitch.conf", wire.SETTINGS), (f"{units}/wire.service.d/look.conf", LOOK),
                       *((f"{units}/{name}.service", text) for name, text in wire.UNITS.items())):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    for name in wire.UNITS:
        os.symlink(f"../{name}.service", f"{units}/sysinit.target.wants/{name}.service")
    os.sync()


def kernel(text):
    """How many rules of each family, and how many tables of nftables, are the kill switch's."""
    *rules, tables = text.split("\n\n")
    return [sum("proto 83" in rule for rule in family.splitlines()) for family in rules] + [tables.count("inet killswitch")]


def content(path):
    """What is in a file, or None where there is none."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


class Service:
    """A connection to the service that stays open: no process for every call."""

    def __init__(self):
        self._library = ctypes.CDLL("libsystemd.so.0")
        self._bus = ctypes.c_void_p()
        assert self._library.sd_bus_open_system(ctypes.byref(self._bus)) >= 0
        self._library.sd_bus_set_method_call_timeout(self._bus, ctypes.c_uint64(PATIENCE * 1_000_000))
        self._names = [name.encode() for name in guest.SERVICE]

    def call(self, method, *arguments):
        """Call a method, and tell of it before and after: what is told has left the machine."""
        request = " ".join((method, *map(str, arguments)))
        tell(f"begin {request}")
        values = [ctypes.c_uint64(value) if isinstance(value, int) else value.encode() for value in arguments]
        kinds = "".join("t" if isinstance(value, int) else "s" for value in arguments)
        done = self._library.sd_bus_call_method(self._bus, *self._names, method.encode(), None, None, kinds.encode(), *values)
        assert done >= 0, f"{method}: {os.strerror(-done)}"
        tell(f"done {request}")


def properties(*units):
    """What systemd tells of units, each as a dictionary, by one process."""
    shown = out("systemctl", "show", "-p", "Result,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic", *units)
    return [dict(line.split("=", 1) for line in unit.splitlines()) for unit in shown.split("\n\n")]


def first_look():
    """All there is to know of what the power cut left, and of the control after it, in one line."""
    # Joins the boot's own job; to ask again and again would be a burden on the boot. The bus would wait for 25 s only.
    out("systemctl", "start", "wire.service", "killswitchd.service", limit=PATIENCE)
    guest.BUS += (f"--timeout={PATIENCE}",)
    counts = wire.Counts("/share/counts-" + content("/proc/sys/kernel/random/boot_id").strip().replace("-", ""))
    eventually(lambda: counts["transport"], "the VPN's own packets arrive", PATIENCE)
    # A whole turn of the sender, by every way, that began with the network up.
    turns = counts["attempts"]
    eventually(lambda: counts["attempts"] >= turns + 2, "the sender sends", PATIENCE)
    word, details = guest.state()
    wire.settle(counts)
    early, sender, network = properties(EARLY, "send.service", "wire.service")
    told = {"state": word, "degraded": details["Degraded"], "counts": counts.read(), "intent": content(FOUND),
            "kernel before the network": kernel(content(LOOKED)), "kernel": kernel(out(KERNEL)),
            "early result": early["Result"], "early done": int(early["ActiveEnterTimestampMonotonic"]),
            "sender": int(sender["ActiveEnterTimestampMonotonic"]), "wire begun": int(network["InactiveExitTimestampMonotonic"])}
    service = Service()
    service.call("Release")
    eventually(lambda: counts["leaked"] > told["counts"]["leaked"], "released, packets arrive", PATIENCE)
    told["released"] = kernel(out(KERNEL))
    tell(f"told {json.dumps(told)}")
    return service


def watch_writing():
    """Tell of the steps of writing, as they happen."""
    library = ctypes.CDLL("libc.so.6")
    descriptor = library.inotify_init()
    assert library.inotify_add_watch(descriptor, STATE.encode(), IN_CREATE | IN_MOVED_TO) >= 0
    while True:
        events = os.read(descriptor, 4096)
        while events:
            _, mask, _, length = struct.unpack_from("iIII", events)
            tell("created" if mask & IN_CREATE else "renamed")
            events = events[16 + length:]


def main():
    tell("up")
    service = first_look()
    threading.Thread(target=watch_writing, daemon=True).start()
    number = 0
    while True:
        number += 1
        for request in (("Engage",), ("SetLan", "none"), ("Pause", PAUSE + number), ("Resume",), ("SetLan", "private"),
                        ("Release",)):
            service.call(*request)


if __name__ == "__main__":
    prepare() if sys.argv[1:] == ["prepare"] else main()
