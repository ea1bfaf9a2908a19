# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands and long-running processes: in a network namespace, as a user, with their output kept."""

import os
import signal
import subprocess
import threading
import time

LAB = "/run/lab"
PYTHON = "/usr/bin/python3"
LIMIT = 30.0

# What was started since the last test began; shown when that test fails.
started = []


class CommandFailed(Exception):
    pass


class TimedOut(AssertionError):
    pass


def inside(namespace, argv):
    return list(argv) if namespace is None else ["nsenter", f"--net=/run/netns/{namespace}", "--", *argv]


def as_user(user, argv):
    """A login's rights and no more: no capability can be had, setuid programs still work."""
    if user in (None, "root"):
        return list(argv)
    return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--inh-caps=-all", "--", *argv]


def run(*argv, namespace=None, user=None, text=None, check=True, env=None, limit=60):
    done = subprocess.run(
        inside(namespace, as_user(user, argv)), input=text, text=True, timeout=limit,
        stdin=subprocess.DEVNULL if text is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=env)
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done if not check else done.stdout


def until(condition, what, limit=LIMIT):
    """Asks again until the condition is true, and returns its value. For events that nobody announces."""
    end = time.monotonic() + limit
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimedOut(f"waited {limit:g} s in vain: {what}")
        pause.wait(0.01)


class Process:
    """A process whose output goes to a file that a failing test shows."""

    def __init__(self, name, argv, namespace=None, user=None, env=None, pipes=False, pass_fds=(), stderr=None):
        os.makedirs(f"{LAB}/log", exist_ok=True)
        self.name = name
        self.path = f"{LAB}/log/{name}-{time.monotonic_ns()}"
        with open(self.path, "wb") as log:
            self.popen = subprocess.Popen(
                inside(namespace, as_user(user, argv)), cwd="/", env=env, pass_fds=pass_fds,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log, stderr=log if stderr is None else stderr, text=True, bufsize=1)
        self.pid = self.popen.pid
        started.append(self)

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def running(self):
        return self.popen.poll() is None

    def wait(self, limit=LIMIT):
        try:
            return self.popen.wait(limit)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{self.name} did not end within {limit:g} s\n{self.log()}") from None

    def end(self, number=signal.SIGTERM, limit=LIMIT):
        if self.running():
            self.popen.send_signal(number)
        status = self.wait(limit)
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                stream.close()
        return status

    def kill(self):
        return self.end(signal.SIGKILL)
