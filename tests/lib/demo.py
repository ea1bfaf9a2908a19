# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of tests/demo: a VPN, a kill switch, a catastrophe. Whatever it says, it has checked."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import proc  # noqa: E402
from lib.agent import Terminal  # noqa: E402
from lib.ground import BY_MARK, NOTHING, Ground  # noqa: E402
from lib.internet import HOST, PUBLIC_SERVER, UPLINK  # noqa: E402
from lib.machine import ROOT_PASSWORD, Machine, environment  # noqa: E402
from lib.senders import Flood, patient  # noqa: E402
from lib.wireguard import CLIENT  # noqa: E402

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
BOLD, GREEN, RED, DIM, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m") if COLOUR else ("",) * 5
USER = "tester"
ESCAPES = re.compile(r"\033\[[0-9;]*m")
# What a host says on its own link to keep it going, and the marks that this test sends.
LINK_UPKEEP = ("arp", "nd", "mld", "marker")


class Untrue(Exception):
    pass


class Teller:
    def __init__(self):
        self.claims = 0

    def part(self, text):
        print(f"\n{BOLD}{text}{PLAIN}", flush=True)

    def say(self, text):
        print(f"  {text}", flush=True)

    def command(self, text):
        print(f"  {DIM}{USER} ${PLAIN} {BOLD}{text}{PLAIN}", flush=True)

    def output(self, text):
        for line in (text if COLOUR else ESCAPES.sub("", text)).strip().splitlines():
            print(f"    {DIM}|{PLAIN} {line}".rstrip(), flush=True)

    def claim(self, text, true, otherwise=""):
        """Says that something is so; ends the story when it isn't."""
        self.claims += 1
        if true:
            print(f"  {GREEN}ok{PLAIN}  {text}", flush=True)
            return
        print(f"  {RED}NOT SO{PLAIN}  {text}\n          {otherwise}", flush=True)
        raise Untrue(text)


class Story:
    def __init__(self, machine):
        self.tell = Teller()
        self.ground = Ground(machine)
        self.uplink = self.ground.uplink

    def prepare(self):
        self.ground.internet.serve()
        self.vpn = self.ground.connect()
        self.root = self.ground.serve(BY_MARK)

    def ksctl(self, *arguments):
        """As the normal user, without a terminal; the output is shown."""
        self.tell.command(" ".join(("ksctl", *arguments)))
        begun = time.monotonic()
        done = self.ground.host.run("ksctl", *arguments, user=USER, env=environment(), check=False)
        took = time.monotonic() - begun
        self.tell.output(done.stdout + done.stderr)
        return done, took

    def arrivals(self, addresses):
        """Every program's way to the public server, in both families: as whom it arrives."""
        for family, name in ((4, "IPv4"), (6, "IPv6")):
            seen = {kind: self.ground.seen_as(kind, family) for kind in ("udp", "tcp")}
            self.tell.claim(f"{name}: the public server sees {addresses[family]}",
                            set(seen.values()) == {addresses[family]}, f"it sees {seen}")

    def silent(self, before, text):
        leaks = self.uplink.leaks(before)
        self.tell.claim(text, leaks == {}, f"{leaks} {self.uplink.caught()[:5]}")

    # The parts

    def beginning(self):
        tell = self.tell
        tell.part("A host, its router, a VPN server and a public server; all real, in network namespaces.")
        tell.say("WireGuard is up, but nothing obliges the host to use it.")
        self.arrivals(HOST)

    def engage(self):
        tell = self.tell
        tell.part(f"{USER}, a normal user at the machine, raises the kill switch.")
        done, took = self.ksctl("on")
        tell.say("(no session manager runs in here, so a polkit rule says that tester sits at the machine)")
        tell.claim(f"done in {took * 1000:.0f} ms, nobody was asked for a password", done.returncode == 0,
                   f"exit status {done.returncode}")
        tell.claim("the service says it is protecting", self.root.state()[0] == "protecting")
        before = self.uplink.snapshot()
        self.arrivals(CLIENT)
        self.silent(before, "beside WireGuard's own packets, not one left the host")
        sent = self.uplink.since(before)["transport4"]
        tell.claim(f"WireGuard's own did: {sent} packets to its server", sent > 0)

    def catastrophe(self):
        tell = self.tell
        tell.part("The VPN dies: kill -9, in the middle of four programs that send as fast as they can.")
        flood = Flood(self.ground.host, *((PUBLIC_SERVER[family], device)
                                          for family in (4, 6) for device in ("", UPLINK)))
        before = self.uplink.snapshot()
        self.vpn.kill()
        self.root.wait_state("blocking")
        flood.pass_round()
        attempts = sum(sent for sent, _ in flood.stop().values())
        tell.say(f"They tried {attempts:,} times, by IPv4 and IPv6, two of them bound to {UPLINK}.")
        self.silent(before, "not one of those packets is on the uplink, neither then nor since")
        before = self.uplink.snapshot()
        for family, name in ((4, "IPv4"), (6, "IPv6")):
            result, = self.ground.probe({"kind": "tcp", "to": PUBLIC_SERVER[family], "port": 7, "wait": 20})
            tell.claim(f"{name}: a connection is refused after {result.get('seconds', 0) * 1000:.1f} ms, it doesn't hang",
                       result["errors"] not in ([], ["EINPROGRESS"]) and result["seconds"] < 5, str(result))
            results = self.ground.probe(*({"kind": kind, "to": PUBLIC_SERVER[family], "port": 7, **way}
                                          for kind in ("udp", "icmp") for way in
                                          ({}, {"device": UPLINK}, {"source": HOST[family]})))
            tell.claim(f"{name}: UDP and ping are refused too, also when they insist on {UPLINK}",
                       all(result["reply"] is None and result["errors"] for result in results), str(results))
        self.uplink.settle()
        counted = {kind: count for kind, count in self.uplink.since(before).items()
                   if count and kind not in LINK_UPKEEP}
        tell.claim("all of that put 0 packets on the uplink", counted == {}, str(counted))
        done, _ = self.ksctl("status")
        tell.claim("that is what it says", "blocking" in done.stdout.lower() and done.returncode == 0,
                   f"exit status {done.returncode}")

    def recovery(self):
        tell = self.tell
        old = self.ground.host.ifindex(self.vpn.link)
        tell.part("The VPN comes back. Nobody touches the kill switch.")
        before = self.uplink.snapshot()
        self.vpn.up()
        self.root.wait_state("protecting")
        index = self.ground.host.ifindex(self.vpn.link)
        tell.claim(f"{self.vpn.link} is a new interface, number {index}, and is taken as the VPN again",
                   index != old and index is not None)
        self.arrivals(CLIENT)
        self.silent(before, "again nothing beside WireGuard's own packets")

    def crash(self):
        tell = self.tell
        tell.part("The kill switch's own service is killed.")
        rules = self.ground.ours()
        self.ground.daemon.kill()
        tell.claim("the shield stands without it, unchanged", self.ground.ours() == rules)
        before = self.uplink.snapshot()
        leaks, _ = self.ground.attempt({"kind": "udp", "to": PUBLIC_SERVER[4], "port": 7, "device": UPLINK},
                                       {"kind": "udp", "to": PUBLIC_SERVER[6], "port": 7, "device": UPLINK})
        tell.claim("and lets nothing past", leaks == {} and self.uplink.leaks(before) == {}, str(leaks))
        self.ground.daemon.start()
        tell.claim("the next start takes over what is there", self.root.state()[0] == "protecting"
                   and self.ground.ours() == rules)

    def release(self):
        tell = self.tell
        tell.part("Lowering the shield is not as easy as raising it: ksctl asks for the administrator's password.")
        tell.command("ksctl off")
        terminal = Terminal(["ksctl", "off"], user=USER, namespace=self.ground.host.name)
        try:
            terminal.password(ROOT_PASSWORD)
            status, text = terminal.wait()
        finally:
            terminal.kill()
        tell.output("Password: ********\n" + "\n".join(line for line in text.splitlines() if line.strip()))
        tell.claim("with it, the kill switch is off", status == 0 and self.root.state()[0] == "off",
                   f"exit status {status}")
        ours = self.ground.ours()
        tell.claim("its rules, routes and filters are gone to the last one",
                   ours == NOTHING, str(ours))
        self.arrivals(HOST)
        before = self.uplink.snapshot()
        results = self.ground.probe(*(patient(kind="udp", to=PUBLIC_SERVER[family], port=7, device=UPLINK)
                                      for family in (4, 6)))
        tell.claim("and what was refused above arrives now: it could have arrived all along",
                   all(result["reply"] for result in results) and len(self.uplink.leaks(before)) == 2, str(results))


def main():
    begun = time.monotonic()
    machine = Machine(os.environ["KS_BUILD_DIR"], seated=("local", USER))
    machine.start()
    story = Story(machine)
    try:
        story.prepare()
        for part in (story.beginning, story.engage, story.catastrophe, story.recovery, story.crash, story.release):
            part()
        story.ground.close()
        machine.stop()
    except (Untrue, AssertionError, proc.CommandFailed) as error:
        if not isinstance(error, Untrue):
            print(f"  {RED}NOT SO{PLAIN}  {error}")
        for process in proc.started:
            if process.name == "killswitchd" and process.log().strip():
                print(f"\n{process.name} said:\n{process.log()}")
        return 1
    print(f"\n{BOLD}{story.tell.claims} claims, all of them checked, in {time.monotonic() - begun:.0f} seconds. "
          f"Nothing is left behind.{PLAIN}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
