# SPDX-License-Identifier: GPL-2.0-or-later
"""ksctl against a bus without a service, one that goes away, and services of other versions."""

import json
import os
import signal

import pytest

from lib import proc
from lib.agent import Terminal
from lib.machine import environment

HERE = os.path.dirname(os.path.abspath(__file__))
SOCKET = "/run/lab/other-bus"
ADDRESS = f"unix:path={SOCKET}"
BUS = f"""<busconfig><type>system</type><listen>{ADDRESS}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>"""
READING = (("status",), ("is-active",), ("show",), ("lan",), ("vpn",), ("monitor",))
CHANGING = (("on",), ("off",), ("confirm",), ("resume",), ("pause", "5m"), ("lan", "none"), ("reload",), ("on", "--trial"))


class Other:
    """A bus that nobody else is on."""

    def __init__(self):
        with open("/run/lab/other-bus.conf", "w", encoding="ascii") as file:
            file.write(BUS)
        self.bus = proc.Process("other-bus", ["dbus-daemon", "--config-file=/run/lab/other-bus.conf", "--nofork"],
                                env=environment())
        self.programs = [self.bus]
        proc.until(lambda: os.path.exists(SOCKET) or not self.bus.running(), "the bus", limit=60)
        assert self.bus.running(), self.bus.log()

    def serve(self, way):
        standin = proc.Process("standin", [proc.PYTHON, "-u", f"{HERE}/standin.py", way], env=self.environment())
        self.programs.append(standin)
        proc.until(lambda: "ready" in standin.log() or not standin.running(), "the stand-in", limit=60)
        assert standin.running(), standin.log()
        return standin

    @staticmethod
    def environment(**variables):
        return environment(DBUS_SYSTEM_BUS_ADDRESS=ADDRESS, **variables)

    def ksctl(self, *arguments):
        return proc.run("ksctl", *arguments, check=False, env=self.environment())

    def spawn(self, *arguments):
        self.programs.append(proc.Process("ksctl", ["ksctl", *arguments], env=self.environment()))
        return self.programs[-1]

    def terminal(self, *argv):
        self.programs.append(Terminal(list(argv), env=self.environment(TERM="xterm")))
        return self.programs[-1]

    def close(self):
        for program in self.programs[::-1]:
            program.kill()
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)


@pytest.fixture
def other(machine):
    assert machine
    other = Other()
    yield other
    other.close()


def explained(done, status, *texts):
    """It fails with this status, prints no result, and says what is wrong and what to do."""
    text = " ".join(done.stderr.split())
    assert done.returncode == status and done.stdout == "", done
    assert all(wanted in text for wanted in texts), text
    assert len(done.stderr.splitlines()) >= 2 and "(null)" not in text and "\x1b" not in text, text


def test_no_service(other):
    for words in READING + CHANGING:
        explained(other.ksctl(*words), 8, "service is not available", "sudo systemctl start killswitchd.service", "--rescue")


def test_no_bus(machine):
    assert machine
    for words in READING + CHANGING:
        done = proc.run("ksctl", *words, check=False, env=environment(DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/lab/nowhere"))
        explained(done, 8, "Cannot reach the system bus", "systemctl status dbus.socket", "--rescue")


def test_an_old_service(other):
    """What it lacks is said; what it tells is shown."""
    other.serve("old")
    for words in CHANGING:
        explained(other.ksctl(*words), 1, "older than this program", "sudo systemctl restart killswitchd.service")
    done = other.ksctl("status")
    assert (done.returncode, done.stderr) == (3, "") and done.stdout.startswith("Not protected: the kill switch is off")
    assert json.loads(other.ksctl("status", "-j").stdout) == {"State": "off", "Engaged": False}
    assert other.ksctl("is-active").stdout == "off\n"
    explained(other.ksctl("show", "-p", "Guard"), 2, "no property 'Guard'")
    explained(other.ksctl("audit"), 1, "older than this program")


def test_an_older_service(other):
    other.serve("older")
    for words in READING:
        explained(other.ksctl(*words), 1, "older than this program", "sudo systemctl restart killswitchd.service")


def test_a_service_from_the_future(other):
    """What isn't known is passed on as it is, made safe, and not taken for protection."""
    other.serve("new")
    done = other.ksctl("status")
    assert done.stderr == "" and "too old to explain" in " ".join(done.stdout.split())
    assert "\\x1b" in done.stdout and "\x1b" not in done.stdout and "Protected" not in done.stdout
    servers = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith(" Server:")]
    assert servers == ["a:1 is 192.0.2.1, 2001:db8::1", "b:2 is not known"]
    told = json.loads(other.ksctl("show", "-j").stdout)
    assert told["Mood"] == ["good", {"very": True}, [1, 2]] and told["Vpns"][0]["Shape"] == 1.5
    assert other.ksctl("lan").stdout == "some\n"


@pytest.mark.parametrize("way", ("bad", "worse"))
def test_an_answer_that_is_none(other, way):
    other.serve(way)
    for words in READING:
        explained(other.ksctl(*words), 1, "can't be understood", "busctl introspect")


def test_an_error_without_words(other):
    other.serve("nameless")
    for words in READING + (("on",), ("off",), ("reload",), ("audit",)):
        explained(other.ksctl(*words), 1, "com.example.Error.Odd", "journalctl -u killswitchd.service")


@pytest.mark.parametrize("words, member", ((("off",), "Release"), (("status",), "GetState"), (("monitor",), "GetState")))
@pytest.mark.parametrize("who", ("bus", "service"))
def test_gone_in_the_middle(other, words, member, who):
    service = other.serve("silent")
    ksctl = other.spawn(*words)
    proc.until(lambda: member in service.log(), "the call", limit=60)
    (other.bus if who == "bus" else service).kill()
    assert ksctl.wait(60) == 8
    told = " ".join(ksctl.log().split())
    assert ("Cannot reach the system bus" if who == "bus" else "service is not available") in told and "--rescue" in told


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_interrupted_while_it_waits(other, number):
    """The shell sees what ended it."""
    service = other.serve("silent")
    ksctl = other.spawn("off")
    proc.until(lambda: "Release" in service.log(), "the call", limit=60)
    assert ksctl.end(number, limit=60) == -number
    assert "'ksctl status' tells what is in force" in ksctl.log()


@pytest.mark.parametrize("words, member", ((("off",), "Release"), (("status",), "GetState"), (("monitor",), "GetState")))
def test_ctrl_c_while_it_waits(other, words, member):
    service = other.serve("silent")
    terminal = other.terminal("sh", "-c", "trap : INT; ksctl \"$@\"; echo \"status $?\"; stty -a", "sh", *words)
    proc.until(lambda: member in service.log(), "the call", limit=60)
    terminal.interrupt()
    expected = 0 if words == ("monitor",) else 130
    assert int(terminal.expect(r"status (\d+)")[1]) == expected
    terminal.expect(r" echo .*")
    assert terminal.wait()[0] == 0


def test_the_bus_goes_under_the_monitor(other):
    other.serve("old")
    monitor = other.spawn("monitor")
    proc.until(lambda: "  off: " in monitor.log(), "the state", limit=60)
    other.bus.kill()
    assert monitor.wait(60) == 8
    assert "Cannot reach the system bus" in monitor.log() and "--rescue" in monitor.log()
