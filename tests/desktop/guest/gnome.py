#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GNOME: the extension among the quick settings of a real shell, whose own agent asks for the password."""
import sys

import beside
import guest
import scene
from desk import Desk, eventually, keep_logs
from guest import check, out, state
from scene import becomes, trouble
from tray import TITLES, Tray

UUID, APPINDICATOR = "killswitch@killswitch1.org", "ubuntu-appindicators@ubuntu.com"
SETTINGS = (
    ("org.gnome.shell", "disable-user-extensions", "false"),
    ("org.gnome.shell", "enabled-extensions", f"['{UUID}', '{APPINDICATOR}']"),
    ("org.gnome.shell", "welcome-dialog-last-shown-version", "999"),
    ("org.gnome.desktop.interface", "enable-animations", "false"),
    ("org.gnome.desktop.lockdown", "disable-lock-screen", "true"),
    ("org.gnome.desktop.session", "idle-delay", "0"),
)
QUESTION = r"Turn the kill switch off\?"
AWAY = (500, 600, 524, 620)


class Gnome(Desk):
    """A desk with GNOME Shell."""

    def __init__(self):
        super().__init__("GNOME")
        self.tray = None
        for words in SETTINGS:
            self.run("gsettings", "set", *words)
        self.start("gnome-shell", "--x11", "--sm-disable")
        eventually(lambda: self.has_name("org.gnome.Shell"), "the shell is there")
        self.see("System", "menu")
        # It starts with the overview, which any window would end.
        while self.all("Show Applications"):
            self.key("Escape")

    def toggle(self):
        """What the toggle is, with the quick settings open."""
        if not self.all("Kill switch: .*", "toggle button"):
            self.click(self.see("System", "menu"))
        return self.see("Kill switch: .*", "toggle button")

    def menu(self):
        """Open the toggle's menu."""
        _, top, right, bottom = self.toggle()["box"]
        self.click((right - 30, top, right - 10, bottom))
        return self.see("Pause for .*|Turn on")

    def leave(self):
        """Close every menu, one after the other, and take the pointer away."""
        while self.all("Kill switch: .*", "toggle button"):
            self.key("Escape")
        self.point(AWAY)

    def shows(self, words, name):
        """Wait until the icon in the panel says so, and the picture is that state's; keep it."""
        icon = self.see(f"Kill switch: {words}", "panel")
        if self.all("Kill switch: .*", "toggle button"):
            self.leave()
        self.looks(name, icon["box"])
        self.shot(f"gnome-extension-{name}")

    def password(self, text):
        """Type into the shell's question for a password."""
        self.see(".*", "password text")
        self.type(text)
        self.key("Return")


desk = None


@check
def gnome_starts_with_the_extension():
    global desk
    scene.scene()
    desk = Gnome()
    desk.shows("off, not protected", "off")
    assert not desk.toggle()["checked"]
    desk.shot("gnome-extension-off-menu")


@check
def a_click_raises_it():
    desk.click(desk.toggle())
    becomes("blocking")
    desk.shows("blocking, no VPN", "blocking")
    assert desk.toggle()["checked"]
    desk.menu()
    desk.see("Blocking: no VPN is up, so nothing leaves this machine for the internet.")
    desk.shot("gnome-extension-blocking-menu")
    desk.leave()


@check
def it_shows_that_the_vpn_protects():
    beside.connect()
    becomes("protecting")
    beside.works()
    desk.shows("protected", "protecting")
    desk.menu()
    desk.see(f"Protected: all traffic to the internet goes through {beside.LINK}.")
    desk.shot("gnome-extension-protecting-menu")
    desk.leave()


@check
def it_says_what_is_wrong():
    trouble(True)
    becomes("protecting", degraded=True)
    desk.shows("on, with problems", "degraded")
    desk.menu()
    desk.see(scene.PROBLEM)
    desk.shot("gnome-extension-degraded-menu")
    desk.leave()
    trouble(False)
    becomes("protecting")
    desk.see("Kill switch: protected", "panel")


@check
def a_click_asks_before_it_lowers():
    desk.click(desk.toggle())
    desk.see(QUESTION)
    desk.shot("gnome-extension-question")
    desk.click(desk.see("Keep it on", "push button"))
    desk.gone(QUESTION)
    becomes("protecting")


@check
def the_question_goes_when_it_is_no_longer_the_right_one():
    desk.click(desk.toggle())
    desk.see(QUESTION)
    out("ksctl pause 5m")
    becomes("paused")
    desk.gone(QUESTION)
    out("ksctl on")
    becomes("protecting")
    desk.see("Kill switch: protected", "panel")


@check
def a_dismissed_password_lowers_nothing():
    desk.click(desk.toggle())
    desk.click(desk.see("Turn off", "push button"))
    desk.see(".*", "password text")
    desk.shot("gnome-extension-password")
    desk.key("Escape")
    desk.gone(".*", "password text")
    becomes("protecting")
    desk.see("Kill switch: protected", "panel")


@check
def the_password_lowers_it():
    desk.click(desk.toggle())
    desk.click(desk.see("Turn off", "push button"))
    desk.password("root")
    becomes("off")
    desk.shows("off, not protected", "off")
    desk.menu()
    desk.see(f"Not protected: the kill switch is off. {beside.LINK} is up, but nothing holds traffic to it.")
    desk.leave()


@check
def it_pauses_and_resumes():
    desk.click(desk.toggle())
    becomes("protecting")
    desk.menu()
    desk.click(desk.see("Pause for 5 minutes"))
    # That the password was asked for a moment ago is kept.
    becomes("paused")
    desk.shows("paused, not protected", "paused")
    assert not desk.toggle()["checked"]
    desk.menu()
    desk.see("Paused until [0-9:]+, then it engages by itself")
    desk.shot("gnome-extension-paused-menu")
    desk.click(desk.see("Turn on"))
    becomes("protecting")
    desk.see("Kill switch: protected", "panel")
    desk.leave()


@check
def without_the_service_it_knows_nothing():
    out("systemctl stop killswitchd.service")
    desk.shows("state unknown", "unknown")
    assert not desk.toggle()["checked"]
    desk.leave()
    # It is not started again by somebody who only wants to know.
    assert guest.active("killswitchd.service") == "inactive"
    out("systemctl start killswitchd.service")
    desk.see("Kill switch: protected", "panel")


def extensions(*uuids):
    """Which extensions the shell is to have."""
    desk.run("gsettings", "set", "org.gnome.shell", "enabled-extensions", str(list(uuids)))


@check
def disabled_it_leaves_nothing():
    assert desk.has("Pause for 5 minutes")
    extensions(APPINDICATOR)
    desk.gone("Kill switch.*")
    eventually(lambda: not desk.has("Pause for 5 minutes"), "its menu is gone")
    desk.click(desk.see("System", "menu"))
    desk.see("Dark Mode")
    assert not desk.all("Kill switch.*")
    desk.key("Escape")
    desk.gone("Dark Mode")
    extensions(APPINDICATOR, UUID)
    desk.see("Kill switch: protected", "panel")
    assert state()[0] == "protecting"
    extensions(APPINDICATOR)
    desk.gone("Kill switch.*")


# The tray, with the extension that many have for other programs' icons.

def item(name, sentence):
    """Wait until the tray's item says so in the panel, and looks like that; keep it."""
    entry = desk.see(sentence, "menu")
    desk.point(AWAY)
    desk.looks(f"tray-{name}", entry["box"])
    desk.shot(f"gnome-tray-{name}")
    return entry


@check
def the_tray_is_in_the_panel():
    desk.tray = Tray(desk)
    desk.tray.says("protecting")
    desk.click(item("protecting", f"Protected: all traffic to the internet goes through {beside.LINK}."), 3)
    desk.see("Turn off")
    desk.see("Pause")
    desk.shot("gnome-tray-protecting-menu")


@check
def its_menu_lowers_with_the_password_and_raises_without():
    desk.click(desk.see("Turn off"))
    desk.password("root")
    becomes("off")
    desk.click(item("off", "Not protected: the kill switch is off.*"), 3)
    desk.click(desk.see("Turn on"))
    becomes("protecting")


@check
def it_shows_what_happens():
    beside.disconnect()
    becomes("blocking")
    # Of what wants attention the panel has the title for its name.
    item("blocking", TITLES["blocking"])
    trouble(True)
    becomes("blocking", degraded=True)
    item("degraded", TITLES["degraded"])
    out("ksctl pause 5m")
    becomes("paused", degraded=True)
    item("paused", "Not protected: the kill switch is paused.*")
    out("systemctl stop killswitchd.service")
    item("unknown", "The state is unknown: .*")
    assert guest.active("killswitchd.service") == "inactive"


@check
def the_shell_complains_of_nothing():
    complaints = [line for line in (desk.said("gnome-shell") + out("journalctl -b --no-pager")).splitlines()
                  if "killswitch@" in line or "JS ERROR" in line]
    assert complaints == []


if __name__ == "__main__":
    result = guest.main(chain=True)
    keep_logs()
    sys.exit(result)
