# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray beside the real service and a real WireGuard: memory, wakeups in each state, and the time from the
service's signal to the item's, both seen by one process on both buses."""

import glob
import statistics
import sys
import time

from footprint import IDLE_SECONDS, mappings, memory, wakeups
from measure import USER, Broken, ground, head, row, run
from lib import proc
from lib.bus import SECOND
from lib.ground import BY_MARK
from lib.machine import BUS_ADDRESS
from lib.tray import Session

ROUNDS = 40
RSS_AIM, LATENCY_AIM = 20, 50
WATCH = f"""
import sys, time
from gi.repository import Gio, GLib
FLAGS = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
def watch(address, interface, member):
    bus = Gio.DBusConnection.new_for_address_sync(address, FLAGS, None, None)
    bus.signal_subscribe(None, interface, member, None, None, Gio.DBusSignalFlags.NONE,
                         lambda *_: print(member, time.monotonic_ns(), flush=True))
    bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", None, None, 0, -1, None)
    return bus
kept = [watch("{BUS_ADDRESS}", "org.killswitch1", "StateChanged"), watch(sys.argv[1], "org.kde.StatusNotifierItem", "NewIcon")]
print("ready 0", flush=True)
GLib.MainLoop().run()
"""


class Watch:
    """Tells when signals of both buses arrive."""

    def __init__(self, session):
        self.process = proc.Process("watch", [proc.PYTHON, "-u", "-c", WATCH, session.address], user=session.user,
                                    env=session.environment(), pipes=True)
        self.take("ready")

    def take(self, *wanted):
        """The times of these signals, in any order."""
        times = {}
        while set(times) != set(wanted):
            word, moment = (self.process.popen.stdout.readline() or "ended 0").split()
            if word not in wanted or word in times:
                raise Broken(f"the watch tells {word} while it waits for {wanted}\n{self.process.log()}")
            times[word] = int(moment) / 1e6
        return times


def latencies(caller, watch):
    """Milliseconds from StateChanged to NewIcon."""
    found = []
    for number in range(ROUNDS):
        caller.call("Release" if number % 2 else "Engage")
        times = watch.take("StateChanged", "NewIcon")
        found.append(times["NewIcon"] - times["StateChanged"])
    return found


def report_latency(found, calls):
    head("milliseconds", "median", "most")
    row(f"StateChanged to the new icon, {len(found)} times", statistics.median(found), max(found))
    row("beside it: GetState, asked and answered", statistics.median(calls), max(calls))
    ratio = statistics.median(found) / statistics.median(calls)
    print(f"\n  The aim is less than {LATENCY_AIM} ms: at most {max(found):.2f}; {ratio:.2f} times one question to the service.")


def ask(caller):
    """GetState as another program of the same kind has it."""
    found = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        caller.state()
        found.append((time.monotonic() - begun) * 1e3)
    return found


def observe(place, session, caller):
    pid = session.tray.pid
    rows, ticks = {}, {}
    for title, method, icon in (("off", None, "off"), ("engaged, VPN up", "Engage", "protecting")):
        if method:
            caller.call(method)
        session.until(icon)
        rows[title], ticks[title] = memory(pid), wakeups(pid)
    caller.call("Pause", 3600 * SECOND)
    session.until("paused")
    rows["paused"], ticks["paused"] = memory(pid), wakeups(pid)
    caller.call("Resume")
    session.until("protecting")
    place.daemon.stop()
    session.until("unknown")
    # What it says of that comes once it has lasted.
    session.bubble(wanted=lambda bubble: "unknown" in bubble["title"])
    rows["unknown"], ticks["unknown"] = memory(pid), wakeups(pid)
    place.daemon.start()
    session.until("protecting")
    return rows, ticks


def report(pid, rows, ticks, other):
    head("memory in MiB", "RSS", "PSS", "anon", "private")
    for title, values in rows.items():
        row(title, *values)
    row("beside it: a Python program with GIO", *other)
    head("the most of it", "PSS KiB")
    for name, size in mappings(pid)[:6]:
        row(name, size)
    head(f"wakeups within {IDLE_SECONDS} s, {len(glob.glob(f'/proc/{pid}/task/*'))} threads", "count")
    for state, count in ticks.items():
        row(state, count)
    most = max(values[0] for values in rows.values())
    print(f"\n  The aim is less than {RSS_AIM} MiB RSS: at most {most:.2f}.")
    if most >= RSS_AIM:
        raise Broken("it has grown too large")


def main():
    with ground() as place:
        place.daemon.configure(BY_MARK)
        place.daemon.start()
        session = Session(place, USER).start()
        caller = place.caller(USER)
        rows, ticks = observe(place, session, caller)
        caller.call("Release")
        session.until("off")
        watch = Watch(session)
        found = latencies(caller, watch)
        report(session.tray.pid, rows, ticks, memory(session.panel.pid))
        report_latency(found, ask(caller))
        watch.process.end()
        session.close()
        if any(ticks.values()):
            raise Broken("something ticks: an idle tray has to sleep")
        if max(found) >= LATENCY_AIM:
            raise Broken("the icon comes late")


if __name__ == "__main__":
    sys.exit(run(main))
