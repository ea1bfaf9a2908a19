# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of ksctl share: it is run on a host on which the service runs, and no packet is sent."""

import pytest

from lib import proc
from lib.agent import Terminal
from lib.ground import BY_MARK, Ground
from lib.internet import HostAlone
from lib.machine import environment
from lib.tray import Session


class Host:
    """The host, its service, and ksctl for any user."""

    def __init__(self, ground):
        self.ground = ground
        self.daemon = ground.daemon
        self.programs = []
        self.root = ground.serve(BY_MARK)

    def ksctl(self, *arguments, user="root", status=0, **variables):
        """Runs it without a terminal; returns what it has printed to standard output and errors."""
        done = proc.run("ksctl", *arguments, namespace=self.ground.host.name, user=user, check=False,
                        env=environment(**variables))
        assert done.returncode == status, done
        return done.stdout, done.stderr

    def shell(self, command, **variables):
        """A line of shell; the finished process."""
        return proc.run("sh", "-c", command, namespace=self.ground.host.name, check=False, env=environment(**variables))

    def spawn(self, *arguments, user="root", **variables):
        program = self.ground.host.spawn("ksctl", ["ksctl", *arguments], user=user, env=environment(**variables))
        self.programs.append(program)
        return program

    def terminal(self, command, user="root", columns=80, **variables):
        """A line of shell at a terminal of so many columns."""
        terminal = Terminal(["sh", "-c", f"stty cols {columns}; {command}"], user=user, namespace=self.ground.host.name,
                            env=environment(**{"TERM": "xterm", **variables}))
        self.programs.append(terminal)
        return terminal

    def close(self):
        for program in self.programs:
            program.kill()


@pytest.fixture
def alone(machine):
    """The machine without anything around it; the service isn't started yet."""
    ground = Ground(machine, HostAlone)
    yield ground
    ground.close()


@pytest.fixture
def host(alone):
    host = Host(alone)
    yield host
    host.close()


@pytest.fixture
def session(alone):
    """The desktop session of somebody to whom polkit allows everything."""
    session = Session(alone, "trusted")
    yield session
    session.close()
