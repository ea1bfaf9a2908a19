# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom polkit asks: passwords at a real terminal, no terminal, no agent, no polkit, and Ctrl-C while it asks."""

import os
import re
import termios

import pytest

from lib import proc
from lib.machine import ROOT_PASSWORD

OFF = "exec ksctl off"


@pytest.fixture(autouse=True)
def engaged(host):
    host.root.call("Engage")


def joined(text):
    return " ".join(text.split())


def has_echo(terminal):
    return bool(termios.tcgetattr(terminal.master)[3] & termios.ECHO)


def hidden(terminal):
    terminal.expect("[Pp]assword: ")
    proc.until(lambda: not has_echo(terminal), "the terminal to hide the password", limit=60)


def test_the_password(host):
    terminal = host.terminal(OFF, user="tester")
    terminal.password(ROOT_PASSWORD)
    status, text = terminal.wait()
    assert status == 0 and "Not protected: the kill switch is off" in text
    assert host.root.state()[0] == "off"


def test_a_wrong_password(host):
    terminal = host.terminal(OFF, user="tester")
    terminal.password("wrong")
    status, text = terminal.wait()
    assert status == 4 and "Not authorized to release" in text and "sudo ksctl off" in joined(text)
    assert host.root.state()[0] == "blocking"


def test_dismissed(host):
    """Ctrl-D instead of a password."""
    terminal = host.terminal(OFF, user="tester")
    hidden(terminal)
    os.write(terminal.master, b"\x04")
    status, text = terminal.wait()
    assert status == 4 and "Not authorized to release" in text and "sudo ksctl off" in joined(text)
    assert host.root.state()[0] == "blocking"


def test_ctrl_c_at_the_password(host):
    """The shell gets its terminal back as it was."""
    terminal = host.terminal("trap : INT; ksctl off; echo \"status $?\"; exec cat", user="tester")
    hidden(terminal)
    terminal.interrupt()
    assert terminal.expect(r"status (\d+)")[1] == "130"
    assert has_echo(terminal) and termios.tcgetattr(terminal.master)[3] & termios.ICANON
    assert host.root.state()[0] == "blocking"


@pytest.mark.parametrize("words", ("off", "pause 5m", "lan none", "reload", "vpn add x Interface=tun7 Mark=1"))
def test_without_a_terminal(host, words):
    """Nobody can be asked: it says so, and what to type instead."""
    for options in ("", "--no-ask-password "):
        _, text = host.ksctl(*(options + words).split(), user="tester", status=4)
        assert re.search(rf"Not authorized to .*sudo ksctl {words}$", joined(text)), text
        assert ("Leave out --no-ask-password" in joined(text)) == bool(options)


@pytest.mark.parametrize("words", ("off", "lan none"))
def test_no_agent(host, words):
    """At a terminal, on a system without pkttyagent."""
    place = "/run/lab/bare"
    os.makedirs(place, exist_ok=True)
    if not os.path.exists(f"{place}/ksctl"):
        os.symlink("/usr/bin/ksctl", f"{place}/ksctl")
    terminal = host.terminal(f"PATH={place}; exec ksctl {words}", user="tester")
    status, text = terminal.wait()
    assert status == 4 and f"sudo ksctl {words}" in joined(text), text


def test_refused_by_a_rule(host):
    _, text = host.ksctl("off", user="barred", status=4)
    assert "Not authorized to release" in text and "sudo ksctl off" in joined(text)


def test_without_polkit(host, machine):
    machine.stop_polkit()
    try:
        for arguments in ((), ("--no-ask-password",)):
            _, text = host.ksctl("off", *arguments, user="tester", status=4)
            assert "Not authorized to release" in text and "sudo ksctl off" in joined(text)
        terminal = host.terminal(OFF, user="tester")
        status, text = terminal.wait()
        assert status == 4 and "sudo ksctl off" in joined(text), text
        assert host.root.state()[0] == "blocking"
        # The administrator needs nobody's leave.
        host.ksctl("off")
    finally:
        machine.start_polkit()


def test_the_service_dies_at_the_password(host):
    terminal = host.terminal(OFF, user="tester")
    hidden(terminal)
    host.daemon.kill()
    status, text = terminal.wait()
    assert status == 8 and "service is not available" in joined(text) and "stays in force" in joined(text)
    assert host.ground.guard()


def test_nobody_needs_a_password_to_look(host):
    for verb in ("status", "is-active", "show", "vpn", "lan"):
        out, told = host.ksctl(verb, user="guest")
        assert out and told == ""
