# SPDX-License-Identifier: GPL-2.0-or-later
"""One ground for many tries: the host with its programs that try, and an ear on every link.

It is brought from one scene to the next; what a test spoils is made anew for the next one."""

import errno
import itertools
import json
import os
import shutil
import signal
from typing import NamedTuple

from lib import proc
from lib.bus import Caller
from lib.daemon import STATE
from lib.ground import BY_MARK, BY_PORT, Ground
from lib.internet import (HOST, HOST_ULA, LAN_HOST, LAN_HOST_GLOBAL6, PUBLIC_SERVER, ROUTER, UPLINK, VPN_NET,
                          VPN_SERVER)
from lib.wireguard import CLIENT, MARK, SERVER, SERVER_LINK, SERVER_PORT

from leaks.report import Control, Leak
from leaks.wire import Tap, Wire

PROBE = f"{proc.LAB}/bin/leak-probe"
# An unprivileged user with the one right that distributions give to ping, and a system's service.
WITH_RAW = ["setpriv", "--reuid", "tester", "--regid", "tester", "--init-groups", "--inh-caps=-all,+net_raw",
            "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw", "--"]
AS_SERVICE = ["setpriv", "--reuid", "daemon", "--regid", "daemon", "--clear-groups",
              "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service", "--"]
ENDPOINT = f"Endpoint={VPN_SERVER[4]}:{SERVER_PORT}\nEndpoint=[{VPN_SERVER[6]}]:{SERVER_PORT}\n"
SETTINGS = {"mark": BY_MARK, "port": BY_PORT, "endpoint": BY_MARK + "Protocol=udp\n" + ENDPOINT,
            "egress": BY_MARK + "[Killswitch]\nEgressGuard=yes\n",
            "service": BY_PORT.replace("User=root", "User=daemon"),
            "host": BY_MARK + "[Killswitch]\nHostInterfaces=guest0\n",
            "prefixes": BY_MARK + f"Prefixes={VPN_NET[4]} {VPN_NET[6]}\n"}


class Scene(NamedTuple):
    """What a try finds: the VPN up or gone, the LAN's setting, how the VPN is known, a protection left out;
    and which of the layers are left when the service has stopped: both, guard, steering, floor (steering
    with an empty table)."""
    vpn: str = "up"
    lan: str = "private"
    settings: str = "mark"
    without: str = ""
    layers: str = "both"


class Prober:
    """A program of one user that tries ways out, and holds its sockets between orders."""

    def __init__(self, space, user):
        argv = {"raw": WITH_RAW, "service": AS_SERVICE}.get(user, []) + [PROBE]
        self.process = proc.Process(f"leak-probe-{user}", argv, namespace=space.name, pipes=True,
                                    user=user if user in ("root", "tester", "guest") else None)

    def tell(self, verb, **fields):
        """Gives an order; returns its answer, errors as their names."""
        self.start(verb, **fields)
        return self.finish()

    def start(self, verb, **fields):
        words = [f"{key}={value}" for key, value in fields.items() if value is not None]
        self.process.popen.stdin.write(" ".join([verb, *words]) + "\n")
        self.process.popen.stdin.flush()

    def finish(self):
        line = self.process.popen.stdout.readline()
        if not line:
            raise proc.CommandFailed(f"{self.process.name} ended\n{self.process.log()}")
        told = json.loads(line)
        told["errors"] = [errno.errorcode.get(number, str(number)) for number in told["errors"]]
        return told


class Lab(Ground):
    def __init__(self, machine):
        super().__init__(machine)
        self.internet.serve()
        shutil.copy(f"{machine.build}/tests/leaks/probe/leak-probe", PROBE)
        self.probers = {}
        self.tags = (f"ks{number:06}" for number in itertools.count())
        self.connect()
        self.wire = Wire(self.internet)
        self.taps = {"uplink": self.wire, "public": Tap(self.internet.public, "eth0"),
                     "lan": Tap(self.internet.lan, "eth0"), "server": Tap(self.internet.vpn, "eth0"),
                     "tunnel": Tap(self.internet.vpn, SERVER_LINK, header=0)}
        self.internet.router.ip("neighbour", "add", "proxy", SERVER[6], "dev", "br0")
        # A router that honours what a sender says about the way, as old ones do.
        for key in ("all", "br0"):
            self.internet.router.write(f"net/ipv4/conf/{key}/accept_source_route", 1)
            self.internet.router.write(f"net/ipv6/conf/{key}/seg6_enabled", 1)
        self.host.write("net/ipv4/ip_unprivileged_port_start", 0)
        self.host.write("net/ipv4/tcp_fastopen", 5)
        self.scene = None
        self.engaged = False
        self.root = None
        self.controls = {}

    # Scenes

    def release(self, scene):
        """The scene before Engage."""
        scene = scene._replace(layers="both")
        self._wake()
        self._service(scene)
        self._link(scene)
        if self.engaged:
            self.root.call("Release")
            self.engaged = False
        self.scene = scene

    def engage(self, scene):
        if self.scene == scene and self.engaged:
            return
        if scene.layers != "both":
            self.engage(scene._replace(layers="both"))
            self._take_away(scene.layers)
            self.scene = scene
            return
        self.release(scene)
        self.root.call("SetLan", scene.lan)
        self.root.call("Engage")
        self.engaged = True
        wanted = "protecting" if scene.vpn == "up" else "blocking"
        assert self.root.state()[0] == wanted or scene.without, self.root.state()
        # Before that, a host whose VPN has gone may have answered its server with an ICMP error.
        self.listen()

    def _take_away(self, layers):
        """Stops the service and takes a layer out of the kernel, as somebody else might."""
        self.stop()
        if layers != "guard":
            self.host.run("nft", "flush", "ruleset")
        if layers == "guard":
            self.delete_rules()
        if layers in ("guard", "floor"):
            self.delete_routes()

    def stop(self):
        """The service does nothing until it goes on."""
        os.kill(self.daemon.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.daemon.process.pid, signal.SIGCONT)

    def delete_rules(self):
        """Deletes every rule of ours, in one go."""
        for family in (4, 6):
            self.host.run("ip", f"-{family}", "-batch", "-",
                          text="rule delete protocol 83\n" * len(self.own_rules(family)))

    def delete_routes(self):
        for family in (4, 6):
            lines = []
            for route in self.table(family):
                kind = "unreachable" if str(route.get("type")) == "7" else "unicast"
                lines.append(f"route delete {kind} {route['dst']} table 83 metric {route.get('metric', 0)}\n")
            self.host.run("ip", f"-{family}", "-batch", "-", text="".join(lines))

    def _wake(self):
        """Lets a stopped service go on; it puts everything back."""
        if not self.scene or self.scene.layers == "both":
            return
        since = self.root.mark()
        self.go_on()
        self.root.wait_signal("Repaired", None, None, since=since)
        self.root.state()
        self.scene = self.scene._replace(layers="both")

    def spoilt(self):
        """Whatever a test has done to service and kernel: the next scene starts from nothing."""
        self.stop_service()
        for tap in self.taps.values():
            tap.clear()
        self.daemon.once("--rescue", root=True)
        shutil.rmtree(STATE, ignore_errors=True)
        proc.run("install", "-d", "-m", "0700", "-o", "killswitch", "-g", "killswitch", STATE)
        proc.run("rm", "-rf", "/run/killswitch")

    def stop_service(self):
        if self.root:
            self.root.close()
            self.root = None
        if self.daemon.process:
            self.daemon.kill()
        self.engaged = False
        self.scene = None

    def _service(self, scene):
        known = self.scene and (self.scene.settings, self.scene.without)
        if known == (scene.settings, scene.without):
            return
        if self.daemon.process:
            self.spoilt()
        self.daemon.configure(SETTINGS[scene.settings])
        self.daemon.variables = {"KS_WITHOUT": scene.without} if scene.without else {}
        self.daemon.start()
        self.root = Caller("root").subscribe()

    def _link(self, scene):
        running = self.vpn.process.running() and self.host.ifindex(self.vpn.link) is not None
        if scene.vpn == "up" and not running:
            self.vpn.up()
        elif scene.vpn == "gone" and running:
            self.vpn.kill()
        else:
            return
        if self.engaged:
            self.root.wait_state("protecting" if scene.vpn == "up" else "blocking")

    # Packets

    def prober(self, user="tester", space=None):
        space = space or self.host
        key = space.name, user
        if key not in self.probers:
            self.probers[key] = Prober(space, user)
        return self.probers[key]

    def tell(self, verb, user="tester", **fields):
        return self.prober(user).tell(verb, **fields)

    def listen(self):
        """From here on it counts what arrives anywhere."""
        for tap in self.taps.values():
            if tap is not self.wire:
                tap.take()
        self.wire.forget()

    def listen_again(self):
        """The uplink has been down: its routes, and its addresses of IPv6, went along."""
        self.host.ips(f"""
            link set {UPLINK} up
            address add {HOST[6]}/64 dev {UPLINK} nodad
            address add {HOST_ULA}/64 dev {UPLINK} nodad
            route add default via {ROUTER[4]} dev {UPLINK} onlink
            route add default via {ROUTER[6]} dev {UPLINK}""")
        for name, last in (("router", "01"), ("lan", "10")):
            addresses = (ROUTER[4], ROUTER[6], "fd00:77::1") if name == "router" else \
                (LAN_HOST[4], LAN_HOST[6], LAN_HOST_GLOBAL6)
            self.host.ips("\n".join(f"neighbour replace {address} lladdr 02:00:00:00:77:{last} dev {UPLINK} "
                                    "nud permanent" for address in addresses))
        self.wire.link_was_down()
        self.listen()

    def refuse(self, what):
        """Nothing has left by the uplink since listen(); returns that number."""
        packets = self.wire.heard()
        if packets:
            raise Leak(f"{what}: {len(packets)} packets left by the uplink: " + "; ".join(map(str, packets[:5])))
        return 0

    def arrives(self, tap, wanted, what, limit=3):
        """Waits for wanted packets at a tap; returns how many."""
        try:
            return len(self.taps[tap].wait(wanted, what, limit))
        except proc.TimedOut as error:
            raise Control(f"{what} did not arrive: {error}") from None

    def vpn_speaks(self, family=4):
        """The control while engaged: the VPN's own packets do get through. Returns their number."""
        if self.scene.vpn == "up":
            tag = next(self.tags)
            # Without the routes the VPN's own network is all that is in reach.
            place, target, device = ("tunnel", SERVER, self.vpn.link) if self.scene.layers == "guard" else \
                ("public", PUBLIC_SERVER, None)
            self.tell("try", kind="udp", family=family, to=target[family], port=7, tag=tag, device=device)
            return self.arrives(place, lambda packet: packet.source == CLIENT[family] and
                                tag.encode() in packet.data, f"IPv{family} through the VPN")
        mark = {} if self.scene.settings in ("port", "service") else {"mark": MARK}
        user = "service" if self.scene.settings == "service" else "root"
        tag = next(self.tags)
        self.tell("try", user=user, kind="udp", family=family, to=VPN_SERVER[family], port=SERVER_PORT,
                  sport=51820, tag=tag, **mark)
        return self.arrives("server", lambda packet: tag.encode() in packet.data, f"IPv{family} transport")

    def route_to(self, *lines):
        """Routes and addresses that the network gives the host; a context manager that takes them back."""
        return Terrain(self.host, lines)

    def close(self):
        for prober in self.probers.values():
            prober.process.kill()
        for tap in self.taps.values():
            tap.close()
        if self.root:
            self.root.close()
        if self.daemon.process:
            # What a test has left of it is no matter; complaints are.
            self.daemon.kill()
            self.daemon.once("--rescue", root=True)
        self.root = None
        super().close()


class Terrain:
    """ip commands that add; undone by the same commands that delete."""

    def __init__(self, space, lines):
        self.space = space
        self.lines = lines

    def __enter__(self):
        self.space.ips("\n".join(self.lines))

    def __exit__(self, *_):
        undo = [line.replace(" add ", " delete ", 1).replace(" nodad", "") for line in reversed(self.lines)]
        self.space.run("ip", "-force", "-batch", "-", text="".join(f"{line}\n" for line in undo), check=False)
