# SPDX-License-Identifier: GPL-2.0-or-later
"""The service as a program on the bus sees it: calls, answers, signals, for any user."""

import itertools
import json
import queue
import threading
import time

from . import proc
from .machine import environment

NAME = "org.killswitch1"
PATH = "/org/killswitch1"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
INTERACTION_REQUIRED = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
ERROR = "org.killswitch1.Error."
SIGNATURES = {"EngageTrial": "t", "Pause": "t", "SetLan": "s", "AddVpn": "sa{sv}", "RemoveVpn": "s"}
SECOND = 1_000_000


class BusError(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Caller:
    """A process of a user with its own connection to the bus."""

    def __init__(self, user="root", namespace=None, script=f"{proc.LAB}/bin/caller.py", env=None):
        self.user = user
        self.numbers = itertools.count(1)
        self.answers = {}
        self.events = []
        self.changed = threading.Condition()
        self.process = proc.Process(f"caller-{user}", [proc.PYTHON, "-u", script],
                                    namespace=namespace, user=user, env=env or environment(), pipes=True)
        self.pid = self.process.pid
        first = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(first,), daemon=True)
        self.reader.start()
        try:
            self.unique_name = first.get(timeout=proc.LIMIT)
        except queue.Empty:
            raise proc.TimedOut(f"{user} could not connect to the bus\n{self.process.log()}") from None

    def _read(self, first):
        for line in self.process.popen.stdout:
            told = json.loads(line)
            if "name" in told:
                first.put(told["name"])
                continue
            with self.changed:
                if "id" in told:
                    self.answers[told["id"]] = told
                else:
                    self.events.append(told)
                self.changed.notify_all()

    def _order(self, do, **fields):
        number = next(self.numbers)
        self.process.popen.stdin.write(json.dumps({"id": number, "do": do, **fields}) + "\n")
        self.process.popen.stdin.flush()
        return number

    def start(self, member, *arguments, interactive=False, interface=NAME, signature=None,
              destination=NAME, path=PATH):
        """Sends a call; finish() gets its answer."""
        if signature is None:
            signature = SIGNATURES.get(member, "") if interface == NAME else ""
        return self._order("call", destination=destination, path=path, interface=interface, member=member,
                           signature=signature, arguments=list(arguments), interactive=interactive)

    def finish(self, number, limit=proc.LIMIT):
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers, limit):
                raise proc.TimedOut(f"no answer to call {number} of {self.user} within {limit:g} s")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise BusError(answer["error"], answer["message"])
        return answer["value"]

    def answered(self, number):
        with self.changed:
            return number in self.answers

    def call(self, member, *arguments, limit=proc.LIMIT, **options):
        return self.finish(self.start(member, *arguments, **options), limit)

    def state(self):
        """GetState's two answers: the state, and the details as a dict."""
        return tuple(self.call("GetState"))

    def get(self, name):
        return self.call("Get", NAME, name, interface=PROPERTIES, signature="ss")[0]

    def properties(self):
        return self.call("GetAll", NAME, interface=PROPERTIES, signature="s")[0]

    def introspect(self):
        return self.call("Introspect", interface=INTROSPECTABLE)[0]

    def subscribe(self):
        """From now on every signal of the service is kept; also over its restart."""
        self.finish(self._order("subscribe", sender=NAME))
        return self

    def become_agent(self, pid):
        """Registers this process as the polkit agent of another one, and lets every prompt hang."""
        self.finish(self._order("agent", pid=pid))

    def mark(self):
        """A place in the list of events, for wait_event()."""
        with self.changed:
            return len(self.events)

    def wait_event(self, wanted, what, since=0, limit=proc.LIMIT):
        """The first event since that mark for which wanted() is true."""
        end = time.monotonic() + limit
        with self.changed:
            while True:
                for event in self.events[since:]:
                    if wanted(event):
                        return event
                if not self.changed.wait(max(end - time.monotonic(), 0)):
                    raise proc.TimedOut(f"waited {limit:g} s in vain: {what}\nseen: {self.events[since:]}")

    def signals(self, member, since=0):
        """The arguments of every such signal since that mark."""
        with self.changed:
            return [event["arguments"] for event in self.events[since:] if event.get("signal") == member]

    def wait_signal(self, member, *arguments, since=0, limit=proc.LIMIT):
        """Waits for a signal whose arguments are these; None stands for anything."""
        def wanted(event):
            return event.get("signal") == member and all(
                want is None or want == got for want, got in zip(arguments, event["arguments"]))
        return self.wait_event(wanted, f"signal {member}{arguments}", since, limit)["arguments"]

    def wait_state(self, state, limit=proc.LIMIT):
        """Waits until the service is in this state; returns the details."""
        since = self.mark()
        now, details = self.state()
        if now != state:
            self.wait_signal("StateChanged", None, state, None, since=since, limit=limit)
            now, details = self.state()
            assert now == state, f"{now} right after {state} was announced"
        return details

    def vanish(self):
        """Leaves the bus without a word."""
        self.process.kill()
        self.reader.join()

    def close(self):
        if self.process.running():
            self.process.popen.stdin.close()
            self.process.end()
            self.reader.join()


def refused(function, *arguments, **options):
    """Calls, and returns the BusError that has to come."""
    try:
        value = function(*arguments, **options)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} succeeded with {value}, and had to be refused")
