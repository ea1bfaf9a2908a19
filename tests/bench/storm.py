# SPDX-License-Identifier: GPL-2.0-or-later
"""Has other programs change links, addresses, rules and routes at several rates, and measures the service's
processor time, and how long a caller that asks for the state again and again has to wait at most."""

import sys
import threading

from measure import BUILD, USER, Broken, ground, head, row, run
from lib.ground import BY_MARK
from lib.storm import Events, Poll, Vpn, lost_events, memory, processor_time

# Link and rule events a second; 0 stands for as many as the machine makes.
RATES = (100, 1000, 10000, 0)
# How long a quiet time is looked at, and how long a storm may be expected to take, in seconds.
SECONDS = 4
FASTEST = 20000


class Storm:
    def __init__(self, place):
        self.place = place
        self.pid = place.daemon.process.pid
        self.events = Events(BUILD, place.host)
        self.longest = {}

    def measure(self, title, begin, end, caller):
        """A row: events a second of links and rules and of all kinds, the processor's share, and the answers."""
        poll = Poll(BUILD, self.place.host, USER) if caller else None
        used, lost = processor_time(self.pid), sum(lost_events(self.pid).values())
        begin()
        seconds, counts = end()
        used = (processor_time(self.pid) - used) / seconds
        lost = sum(lost_events(self.pid).values()) - lost
        span, answers, median, longest = poll.end() if poll else (1, 0, "-", "-")
        self.longest[title] = longest
        row(title, int((counts.get("links", 0) + counts.get("rules", 0)) / seconds),
            int(sum(counts.values()) / seconds), lost, f"{used:.0%}", int(answers / span), median, longest)
        return used

    def quiet(self, caller):
        def end():
            threading.Event().wait(SECONDS)
            return SECONDS, {}
        return self.measure("nothing happens", lambda: None, end, caller)

    def storms(self, caller):
        return [self.measure(f"{rate} a second" if rate else "as many as go",
                             lambda rate=rate: self.events.start(rate, SECONDS * (rate or FASTEST)),
                             self.events.finish, caller) for rate in RATES]


def main():
    columns = "link+rule", "all", "lost", "CPU", "answers", "median", "longest"
    with ground() as place:
        place.vpn.link_down()
        vpn = Vpn(BUILD, place.host, link="wg1")
        vpn.order("up")
        root = place.serve(BY_MARK.replace("wg0", "wg1"))
        root.call("Engage")
        root.wait_state("protecting")
        before = place.ours()
        storm = Storm(place)
        print("\nEvents a second that concern others, by link and rule and of all kinds, and those that the service's\n"
              "sockets had no room for; its share of a processor; answers to GetState a second, waits for one in ms.")
        head("nobody calls", *columns)
        storm.quiet(False)
        used = max(storm.storms(False))
        head("a caller that never rests", *columns)
        storm.quiet(True)
        storm.storms(True)
        if place.ours() != before or root.state()[0] != "protecting":
            raise Broken("not everything is as it was")
        now, highest = memory(storm.pid)
        quiet = storm.longest["nothing happens"]
        ratio = max(wait for title, wait in storm.longest.items() if title != "nothing happens") / quiet
        print(f"\n  The longest wait in a storm is {ratio:.1f} times that in quiet. The aim for processor time is at most "
              f"half: {used:.0%}.\n  Memory: {now:.1f} MiB PSS, {highest:.1f} MiB RSS at most.\n")
        storm.events.close()
        vpn.close()


if __name__ == "__main__":
    sys.exit(run(main))
