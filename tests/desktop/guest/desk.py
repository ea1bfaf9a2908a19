#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a desk: an active session on the seat, a display, and a desktop's programs on it.

What is on the screen is read from the framebuffer and from the accessibility tree, and acted on with xdotool."""
import glob
import json
import os
import re
import shutil
import sys

import guest
import screen
from guest import out

LIMIT = 120              # a software-rendered desktop on a busy machine
USER, DISPLAY, PLACE = "tester", ":7", "/run/desk"
RUNTIME = "/run/user/1000"
ENVIRONMENT = {
    "DBUS_SESSION_BUS_ADDRESS": f"unix:path={RUNTIME}/bus",
    "DISPLAY": DISPLAY,
    "GDK_BACKEND": "x11",
    "GSETTINGS_BACKEND": "keyfile",
    "HOME": f"/home/{USER}",
    "LANG": "C.UTF-8",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "XDG_RUNTIME_DIR": RUNTIME,
    "XDG_SESSION_TYPE": "x11",
}


def eventually(condition, what):
    """As guest's, with more patience."""
    return guest.eventually(condition, what, LIMIT)


def keep_logs():
    """Keep what the programs have said, beside the pictures."""
    for name in glob.glob(f"{PLACE}/*.log"):
        shutil.copy(name, f"/share/keep/{os.path.basename(sys.argv[0])}-{os.path.basename(name)}")


class Desk:
    """The session, and everything that is done in it."""

    def __init__(self, desktop):
        self._environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()] + [f"XDG_CURRENT_DESKTOP={desktop}"]
        self._session = guest.Session(USER)
        self._looks = {}
        os.mkdir(PLACE)
        out("chown", USER, PLACE)
        self.start("Xvfb", DISPLAY, "-screen", "0", f"{screen.WIDTH}x{screen.HEIGHT}x24", "-nolisten", "tcp", "-ac",
                   "-noreset", "-fbdir", PLACE)
        eventually(lambda: self._xdotool("getmouselocation", ok=False).returncode == 0, "a display")
        self.screen = screen.Screen(f"{PLACE}/Xvfb_screen0")
        self.run("dbus-update-activation-environment", "--systemd", "--all")
        self.run("gsettings", "set", "org.gnome.desktop.interface", "toolkit-accessibility", "true")

    def run(self, *command, ok=True):
        """Run a command in the session and return what it says."""
        done = self._session.run("env", *self._environment, *command)
        assert not ok or done.returncode == 0, done
        return done.stdout

    def start(self, *command):
        """Start a program in the session; its identity. What it says is in a file of its name."""
        script = f'exec setsid env "$@" >>{PLACE}/{os.path.basename(command[0])}.log 2>&1 </dev/null & echo $!'
        done = self._session.run("sh", "-c", script, "sh", *self._environment, *command)
        assert done.returncode == 0, done
        return int(done.stdout)

    def said(self, program):
        """What a program said."""
        with open(f"{PLACE}/{program}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    @staticmethod
    def end(pid):
        """End a program, and return when it has ended."""
        out("kill", str(pid))
        eventually(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} ends")

    def has_name(self, name):
        """Whether somebody on the session's bus has this name."""
        return self._session.run("env", *self._environment, "busctl", "--user", "status", name).returncode == 0

    # The eyes

    def tree(self, *options):
        """What the programs show, in the order in which they tell it."""
        return json.loads(self.run("python3", "-W", "ignore", "/share/tree.py", *options).splitlines()[-1])

    def has(self, name):
        """Whether there is anything of that name, be it hidden."""
        return any(entry["name"] == name for entry in self.tree("all"))

    def all(self, name, role=None):
        """Everything shown whose name matches, and whose role does."""
        return [entry for entry in self.tree()
                if re.fullmatch(name, entry["name"]) and (role is None or entry["role"] == role)]

    def see(self, name, role=None):
        """Wait until something is shown, and return the first of it."""
        try:
            return eventually(lambda: self.all(name, role), f"{name} is shown")[0]
        except AssertionError as error:
            raise AssertionError(f"{error}: {[(e['role'], e['name']) for e in self.tree() if e['name']]}") from error

    def gone(self, name, role=None):
        """Wait until nothing of it is shown any more."""
        eventually(lambda: not self.all(name, role), f"{name} is gone")

    def settled(self, box):
        """The pixels of a box once they don't change any more from one look to the next but one."""
        looks = [b"", b"", self.screen.look(box)]

        def same():
            looks.append(self.screen.look(box))
            return len(set(looks[-4:])) == 1
        eventually(same, "the picture settles")
        return looks[-1]

    def looks(self, name, box):
        """Wait until what is in a box is the picture of a name: as it was the last time, or like that of no other."""
        def as_it_should():
            look = self.settled(box)
            if name in self._looks:
                return look == self._looks[name] and look
            return not screen.is_plain(look) and look not in self._looks.values() and look
        self._looks[name] = eventually(as_it_should, f"the picture of {name}")

    def shot(self, name):
        """Keep a picture of the screen, once it stands still."""
        self.settled((0, 0, screen.WIDTH, screen.HEIGHT))
        self.screen.save(f"/share/keep/{name}.png")

    # The hands

    @staticmethod
    def _xdotool(*words, ok=True):
        return guest.sh("xdotool", *words, ok=ok, limit=LIMIT, env=dict(os.environ, DISPLAY=DISPLAY))

    def point(self, entry, *then):
        """Move the pointer into the middle of what is shown, or of a box."""
        left, top, right, bottom = entry["box"] if isinstance(entry, dict) else entry
        self._xdotool("mousemove", str((left + right) // 2), str((top + bottom) // 2), *then)

    def click(self, entry, button=1):
        """Click into the middle of what is shown, or of a box."""
        self.point(entry, "click", str(button))

    def key(self, *names):
        """Press keys, one after the other."""
        self._xdotool("key", *names)

    def type(self, text):
        """Type a text."""
        self._xdotool("type", text)
