#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts inside a booted system share: checks and their report, commands, waiting, login sessions."""
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
import traceback

LIMIT = 60          # seconds that something may take which normally takes milliseconds; emulation is slow
CAP_NET_ADMIN = 12
REBOOT = 133         # the status with which a script asks for a reboot, after which it goes on
_RESUME = "/share/resume"
_CHECKS = []


class Reboot(Exception):
    """Raised by a check that has ended well: the checks after it run when the system has booted again."""


def check(function):
    """Register a check; it runs in the order of the file and is reported by its name."""
    _CHECKS.append(function)
    return function


def main(out=sys.stdout, chain=False):
    """Run every check and report each as it ends. Without the first, which sets the scene, there is no other.

    chain: each begins where the one before it ends, so that none runs after one that has failed.

    Returns the exit status. After a reboot it goes on with the check behind the one that asked for it."""
    failed = 0
    print(f"1..{len(_CHECKS)}", file=out, flush=True)
    for number, function in enumerate(_CHECKS, 1):
        if number <= _done():
            continue
        begin = time.monotonic()
        reboot = False
        try:
            function()
            word = "ok"
        except Reboot:
            word, reboot = "ok", True
        except BaseException:  # a failed check must not end the report
            word = "not ok"
            failed += 1
            journal = subprocess.run(["journalctl", "-b", "-n", "40", "--no-pager", "-o", "short-monotonic"],
                                     stdout=subprocess.PIPE, text=True, check=False).stdout
            for line in f"{traceback.format_exc()}--- journal\n{journal}".splitlines():
                print("#", line, file=out)
        print(f"# {time.monotonic() - begin:.2f} s", file=out)
        print(f"{word} {number} {function.__name__}", file=out, flush=True)
        if reboot:
            with open(_RESUME, "w", encoding="ascii") as file:
                file.write(str(number))
            return REBOOT
        if failed and (chain or number == 1):
            break
    return 1 if failed else 0


def _done():
    """How many checks ran before this boot."""
    if not os.path.exists(_RESUME):
        return 0
    with open(_RESUME, encoding="ascii") as file:
        return int(file.read())


def sh(*command, ok=True, limit=LIMIT, **options):
    """Run a command, given as words or as one line for the shell, and return it completed."""
    shell = len(command) == 1 and isinstance(command[0], str)
    done = subprocess.run(command[0] if shell else command, shell=shell, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=limit, **options)
    if ok and done.returncode:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def out(*command, **options):
    """The output of a command that must succeed."""
    return sh(*command, **options).stdout.strip()


def eventually(condition, what, limit=LIMIT):
    """Wait until a condition holds; there is no event to wait for, or the event is what is tested.

    Rests as long as a look takes, so that where that is long, as it is in emulation, the looks don't hold up what they wait for."""
    end = time.monotonic() + limit
    while True:
        begin = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"never happened: {what}")
        time.sleep(min(max(0.02, now - begin), 1))


BUS = ("busctl", "--json=short")
SERVICE = ("org.killswitch1", "/org/killswitch1", "org.killswitch1")


def call(method, *arguments, ok=True, options=()):
    """Call a method of the service as root."""
    return sh("busctl", *options, "call", *SERVICE, method, *arguments, ok=ok)


def state():
    """GetState, as the word and a plain dictionary."""
    word, details = json.loads(out(*BUS, "call", *SERVICE, "GetState"))["data"]
    return word, {key: _plain(value) for key, value in details.items()}


def _plain(value):
    value = value["data"]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{key: _plain(inner) for key, inner in entry.items()} for entry in value]
    return value


def error_of(session, method, *arguments):
    """The name of the error that a method call without interaction ends with in a session, or None."""
    done = session.run("dbus-send", "--system", "--print-reply", f"--reply-timeout={LIMIT * 1000}",
                       f"--dest={SERVICE[0]}", SERVICE[1], f"{SERVICE[2]}.{method}", *arguments)
    return done.stdout.split(":")[0].removeprefix("Error ") if done.returncode else None


def active(unit):
    """What systemctl is-active says."""
    return sh("systemctl", "is-active", unit, ok=False).stdout.strip()


def status_of(pid):
    """The kernel's word on a process, as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def main_pid(unit):
    """The main process of a unit."""
    return int(out("systemctl", "show", "--value", "-p", "MainPID", unit))


def confined(unit="killswitchd.service"):
    """Assert that a unit's process is nobody important: the service's user, one capability, a sandbox in force."""
    pid = main_pid(unit)
    status = status_of(pid)
    uid = out("id -u killswitch")
    assert uid != "0" and status["Uid"].split() == [uid] * 4, status["Uid"]
    for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 1 << CAP_NET_ADMIN, f"{kind} {status[kind]}"
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    inside = ("nsenter", "-t", str(pid), "-m", "--")
    assert sh(*inside, "touch", "/usr/x", ok=False).returncode, "/usr is writable"
    assert sh(*inside, "touch", "/etc/x", ok=False).returncode, "/etc is writable"
    assert sh(*inside, "ls", "/home/tester", ok=False).returncode, "/home is visible"
    assert sh(*inside, "test", "-e", "/dev/kmsg", ok=False).returncode, "devices are visible"
    out(*inside, "touch", "/var/lib/killswitch/.writable")
    os.unlink("/var/lib/killswitch/.writable")


class Session:
    """A login session through PAM and logind; commands run inside it, by its own shell.

    On the seat the youngest session is the active one. Without a seat a session is neither
    active nor inactive for polkit: it takes the "any" column. So does one from a remote host,
    which is begun by login(1) as a server for remote logins does.
    """
    _count = 0

    def __init__(self, user="tester", seat=True, terminal=None, remote=None):
        Session._count += 1
        self.unit = f"session-of-{user}-{Session._count}"
        command = ["systemd-run", "--quiet", "--wait", "--collect", f"--unit={self.unit}", f"--uid={user}",
                   "-p", "PAMName=login", "-E", "XDG_SESSION_CLASS=user"]
        if seat:
            command += ["-E", "XDG_SEAT=seat0", "-E", "XDG_SESSION_TYPE=x11"]
        if terminal:
            command += ["-p", f"TTYPath={terminal}", "-p", "StandardInput=tty-fail"]
        self._process = None
        self._directory = f"/run/{self.unit}"
        os.mkdir(self._directory)
        self._requests, self._answers = (f"{self._directory}/{name}" for name in ("requests", "answers"))
        for path in (self._requests, self._answers):
            os.mkfifo(path)
        sh("chown", "-R", user, self._directory)
        serve = ["/usr/bin/python3", os.path.abspath(__file__), "serve", self._requests, self._answers]
        with open(f"{self._directory}/log", "w", encoding="utf-8") as log:
            if remote:
                self._log_in(user, remote, serve, log)
            else:
                self._process = subprocess.Popen(command + serve, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Opened for reading and writing so that opening waits for nobody.
        self._to = os.fdopen(os.open(self._requests, os.O_RDWR), "wb", 0)
        self._from = os.fdopen(os.open(self._answers, os.O_RDWR), "rb", 0)
        self._ask({"ready": True})

    def _log_in(self, user, remote, serve, log):
        """Log in from another host, on a terminal, and have the shell there become what serves."""
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(["setsid", "--ctty", "--wait", "login", "-h", remote, "-f", user], stdin=theirs,
                                         stdout=theirs, stderr=theirs)
        os.close(theirs)
        said, end = "", time.monotonic() + LIMIT
        while not said.rstrip().endswith(("$", "#")):
            assert select.select([self._terminal], [], [], max(0, end - time.monotonic()))[0], f"no prompt: {said}"
            said += os.read(self._terminal, 4096).decode(errors="replace")
        log.write(said)
        os.write(self._terminal, f"exec {' '.join(serve)}\n".encode())

    def _ask(self, request):
        self._to.write(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            readable, _, _ = select.select([self._from], [], [], LIMIT)
            if not readable or self._process.poll() is not None:
                with open(f"{self._directory}/log", encoding="utf-8") as log:
                    raise AssertionError(f"{self.unit} does not answer {request}: {log.read()}")
            answer += self._from.read(65536)
        return json.loads(answer)

    def run(self, *command, typed=None):
        """Run a command in the session; typed is what to type at a password prompt on a terminal."""
        status, text = self._ask({"command": command, "typed": typed})
        return subprocess.CompletedProcess(command, status, text)

    def properties(self):
        """What logind knows about the session."""
        done = self.run("loginctl", "show-session", "self")
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def end(self):
        """Log out."""
        self._to.write(b'{"end": true}\n')
        self._process.wait(LIMIT)
        eventually(lambda: active(self.unit + ".service") not in ("active", "deactivating"), f"{self.unit} ends")


def _typing(command, typed):
    """Run a command on a terminal of its own and type at the password prompt."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    text, end = b"", time.monotonic() + LIMIT - 5
    while time.monotonic() < end:
        # What is typed before the prompt has switched the echo off is thrown away.
        if typed is not None and b"assword:" in text and not termios.tcgetattr(terminal)[3] & termios.ECHO:
            os.write(terminal, typed.encode() + b"\n")
            typed = None
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        text += data
    else:
        text += b"\n(still running)"
        os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode(errors="replace")


def _serve(requests, answers):
    """Inside a session: run what is asked for, one request a line."""
    with open(requests, "rb", 0) as lines, open(answers, "wb", 0) as reply:
        for line in lines:
            request = json.loads(line)
            if "end" in request:
                return
            if "ready" in request:
                answer = True
            elif request["typed"] is not None:
                answer = _typing(request["command"], request["typed"])
            else:
                done = subprocess.run(request["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
                answer = (done.returncode, done.stdout)
            reply.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__" and sys.argv[1:2] == ["serve"]:
    _serve(*sys.argv[2:4])
