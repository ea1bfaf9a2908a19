#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""XFCE: the tray in a real panel, with a real notification daemon, and MATE's agent asking for the password."""
import os
import sys

import beside
import guest
import scene
import screen
from desk import ENVIRONMENT, USER, Desk, eventually, keep_logs
from guest import check, out
from scene import becomes, trouble
from tray import Tray

PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array"><value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray"/>
  </property>
</channel>
"""
# At the bottom on the left, away from the menu.
BUBBLES = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-notifyd" version="1.0">
  <property name="notify-location" type="uint" value="1"/>
</channel>
"""
STRIP = (0, 0, screen.WIDTH, 32)
# Where a menu is, and neither bubbles nor the icon's tool tip are.
BELOW = (600, 110, screen.WIDTH, 440)
AWAY = (500, 600, 524, 620)
QUESTION = r"Turn the kill switch off\?"
PASSWORD = "Authentication is required to let traffic out without the VPN"


class Xfce(Desk):
    """A desk with XFCE's panel, and nothing in it but a tray."""

    def __init__(self):
        super().__init__("XFCE")
        directory = f"{ENVIRONMENT['HOME']}/.config/xfce4/xfconf/xfce-perchannel-xml"
        os.makedirs(directory)
        for name, text in (("xfce4-panel", PANEL), ("xfce4-notifyd", BUBBLES)):
            with open(f"{directory}/{name}.xml", "w", encoding="ascii") as file:
                file.write(text)
        out("chown", "-R", USER, ENVIRONMENT["HOME"])
        self.start("xfwm4", "--compositor=off")
        self.start("/usr/libexec/polkit-mate-authentication-agent-1")
        self.tray = self.icon = self.panel_pid = None
        self.panel()

    def panel(self):
        """Start the panel, and return once it is on the screen; without an icon it is of one colour."""
        without = self.screen.look(STRIP)
        self.panel_pid = self.start("xfce4-panel", "--disable-wm-check")
        eventually(lambda: self.has_name("org.kde.StatusNotifierWatcher"), "the panel's tray is there")

        def drawn():
            look = self.settled(STRIP)
            return look != without and (self.icon or screen.is_plain(look))
        eventually(drawn, "the panel is drawn")

    def find(self):
        """Where the icon has come to be: what differs in the strip from how it was without."""
        without = self.settled(STRIP)
        self.tray = Tray(self)
        eventually(lambda: self.settled(STRIP) != without, "the icon is in the panel")
        line = (STRIP[2] - STRIP[0]) * 4
        places = [(offset % line // 4, offset // line) for offset, (old, new) in
                  enumerate(zip(without, self.settled(STRIP))) if old != new]
        columns, rows = zip(*places)
        self.icon = (min(columns), min(rows), max(columns) + 1, max(rows) + 1)

    def shows(self, state):
        """Wait until the item is that of a state, and its picture too; keep it."""
        self.tray.says(state)
        self.point(AWAY)
        self.looks(state, self.icon)
        self.shot(f"xfce-{state}")

    def menu(self, *labels, key="Return"):
        """Open the item's menu, which holds the keyboard once it is on the screen, and choose an entry."""
        self.click(self.icon, 3)
        eventually(lambda: not screen.is_plain(self.settled(BELOW)), "the menu is shown")
        if labels:
            self.key(*self.tray.keys(*labels), key)
            return
        self.point(AWAY)

    def leave(self):
        """Close the menu, and submenus before it."""
        while not screen.is_plain(self.settled(BELOW)):
            self.key("Escape")

    def password(self, text):
        """Type into the agent's question for a password."""
        self.see(PASSWORD)
        self.click(self.see(".*", "password text"))
        self.type(text)
        self.key("Return")


desk = None


@check
def the_panel_has_the_icon():
    global desk
    scene.scene()
    desk = Xfce()
    desk.find()
    desk.shows("off")
    desk.menu()
    assert "Not protected: the kill switch is off, and traffic leaves this machine directly." in desk.tray.words()
    desk.shot("xfce-off-menu")
    desk.leave()


@check
def a_click_raises_it():
    desk.click(desk.icon)
    becomes("blocking")
    desk.shows("blocking")


@check
def it_shows_that_the_vpn_protects():
    beside.connect()
    becomes("protecting")
    beside.works()
    desk.shows("protecting")
    desk.menu("VPNs", key="Right")
    assert f"Protected: all traffic to the internet goes through {beside.LINK}." in desk.tray.words()
    desk.shot("xfce-protecting-menu")
    desk.leave()


@check
def it_says_what_is_wrong():
    trouble(True)
    becomes("protecting", degraded=True)
    desk.shows("degraded")
    desk.menu("What is wrong, and what to do", key="Right")
    assert scene.PROBLEM in desk.tray.words()
    desk.shot("xfce-degraded-menu")
    desk.leave()
    trouble(False)
    becomes("protecting")
    desk.shows("protecting")


@check
def a_click_asks_before_it_lowers():
    desk.click(desk.icon)
    desk.see(QUESTION)
    desk.shot("xfce-question")
    desk.click(desk.see("Keep it on", "push button"))
    desk.gone(QUESTION)
    becomes("protecting")


@check
def a_dismissed_password_lowers_nothing():
    desk.click(desk.icon)
    desk.click(desk.see("Turn off", "push button"))
    desk.see(PASSWORD)
    desk.shot("xfce-password")
    desk.click(desk.see("Cancel", "push button"))
    desk.gone(PASSWORD)
    becomes("protecting")
    desk.shows("protecting")


@check
def the_password_lowers_it():
    desk.click(desk.icon)
    desk.click(desk.see("Turn off", "push button"))
    desk.password("root")
    becomes("off")
    desk.shows("off")


@check
def it_pauses_and_resumes():
    desk.click(desk.icon)
    becomes("protecting")
    desk.menu("Pause", "5 minutes")
    # That the password was asked for a moment ago is kept.
    becomes("paused")
    desk.shows("paused")
    desk.click(desk.icon)
    becomes("protecting")
    desk.shows("protecting")


@check
def without_the_service_it_knows_nothing():
    out("systemctl stop killswitchd.service")
    desk.shows("unknown")
    # It is not started again by somebody who only wants to know.
    assert guest.active("killswitchd.service") == "inactive"
    out("systemctl start killswitchd.service")
    desk.shows("protecting")


@check
def a_new_panel_has_the_icon_too():
    desk.end(desk.panel_pid)
    desk.panel()
    desk.tray.registered()
    desk.shows("protecting")
    desk.click(desk.icon)
    desk.see(QUESTION)
    desk.click(desk.see("Keep it on", "push button"))
    desk.gone(QUESTION)


if __name__ == "__main__":
    result = guest.main(chain=True)
    keep_logs()
    sys.exit(result)
