# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine that the kill switch is installed on: overlays over /usr /etc /var, users, bus, polkit.

It changes the mount namespace of the calling process, which has to be a throw-away one."""

import json
import os
import shutil
import subprocess

from . import proc

HERE = os.path.dirname(os.path.abspath(__file__))
BUS_SOCKET = "/run/dbus/system_bus_socket"
BUS_ADDRESS = f"unix:path={BUS_SOCKET}"
POLKITD = "/usr/lib/polkit-1/polkitd"
POLKIT_SERVICE = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
ROOT_PASSWORD = "correct horse"
DAEMON_USER = "killswitch"

# Without logind every caller takes polkit's allow_any column. tester and guest have just that;
# local stands for somebody who sits at the machine, and for trusted and barred a rule decides.
USERS = ("tester", "guest", "local", "trusted", "barred")
RULES = """
var seated = %(seated)s;
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.killswitch1.") !== 0)
        return polkit.Result.NOT_HANDLED;
    if (subject.user == "trusted")
        return polkit.Result.YES;
    if (subject.user == "barred")
        return polkit.Result.NO;
    if (seated.indexOf(subject.user) >= 0 && action.id == "org.killswitch1.engage")
        return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
});
"""


def environment(**extra):
    """What a process on that machine finds in its environment."""
    kept = {key: os.environ[key] for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") if key in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DBUS_SYSTEM_BUS_ADDRESS": BUS_ADDRESS,
            "G_DEBUG": "fatal-criticals", **kept, **extra}


class Machine:
    def __init__(self, build, seated=("local",)):
        """seated: the users whom a polkit rule treats as it treats an active session at the machine."""
        self.build = build
        self.seated = seated
        self.bus = None
        self.polkit = None
        outside = os.environ.get("KS_OUTSIDE")
        if not outside or os.readlink("/proc/self/ns/mnt") == outside:
            raise proc.CommandFailed("not in throw-away namespaces: start this with tests/run")
        self._overlays()
        self._install()
        self._users()

    def _overlays(self):
        proc.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
        for path in (proc.LAB, f"{proc.LAB}/bin", f"{proc.LAB}/log", "/run/netns", "/run/lock", "/run/dbus"):
            os.makedirs(path)
        for name in ("usr", "etc", "var"):
            upper, work = f"{proc.LAB}/overlay/{name}/upper", f"{proc.LAB}/overlay/{name}/work"
            os.makedirs(upper)
            os.makedirs(work)
            proc.run("mount", "-t", "overlay", "overlay", "-o",
                     f"lowerdir=/{name},upperdir={upper},workdir={work}", f"/{name}")
        os.chmod(proc.LAB, 0o755)
        # Users run these, who may not be let into the tree.
        for script in ("probe.py", "flood.py", "caller.py", "panel.py", "tunnel.py"):
            shutil.copy(f"{HERE}/{script}", f"{proc.LAB}/bin/{script}")

    def _install(self):
        proc.run("meson", "install", "-C", self.build, "--no-rebuild", "--quiet", limit=120)

    def _users(self):
        proc.run("systemd-sysusers", "killswitch.conf")
        for number, user in enumerate(USERS):
            proc.run("useradd", "--create-home", "--uid", str(4000 + number), "--user-group",
                     "--shell", "/bin/sh", user)
        proc.run("chpasswd", text=f"root:{ROOT_PASSWORD}\n")
        os.makedirs("/etc/polkit-1/rules.d", exist_ok=True)
        with open("/etc/polkit-1/rules.d/10-tests.rules", "w", encoding="ascii") as file:
            file.write(RULES % {"seated": json.dumps(self.seated)})
        os.chmod("/etc/polkit-1/rules.d/10-tests.rules", 0o644)
        # polkit runs when a test starts it, and is absent otherwise.
        if os.path.exists(POLKIT_SERVICE):
            os.unlink(POLKIT_SERVICE)

    def start(self, polkit=True):
        proc.run("dbus-uuidgen", "--ensure=/etc/machine-id")
        self.bus = proc.Process("dbus-daemon", ["dbus-daemon", "--system", "--nofork", "--nopidfile"],
                                env=environment())
        proc.until(lambda: os.path.exists(BUS_SOCKET) or not self.bus.running(), "the system bus")
        if not self.bus.running():
            raise proc.CommandFailed(f"dbus-daemon ended\n{self.bus.log()}")
        if polkit:
            self.start_polkit()

    def start_polkit(self):
        # Criticals of ours are fatal; its own it survives on a real machine, too.
        self.polkit = proc.Process("polkitd", [POLKITD], env=environment(G_DEBUG=""))
        self.wait_for_name("org.freedesktop.PolicyKit1")

    def stop_polkit(self):
        if self.polkit:
            self.polkit.end()
            self.polkit = None

    def has_name(self, name):
        done = subprocess.run(["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "NameHasOwner", "s", name], env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return done.stdout.strip() == b"b true"

    def wait_for_name(self, name):
        proc.until(lambda: self.has_name(name), f"{name} on the bus")

    def stop(self):
        self.stop_polkit()
        if self.bus:
            self.bus.end()
            self.bus = None
            if os.path.exists(BUS_SOCKET):
                os.unlink(BUS_SOCKET)
