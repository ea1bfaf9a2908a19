# SPDX-License-Identifier: GPL-2.0-or-later
"""strongSwan on both ends with ESP in the kernel: on an xfrm interface, and by policies alone."""
import os
import shutil
import signal
import subprocess
import sys

import guest
import world
from guest import check, eventually, out, sh
from world import AROUND, HOST4, HOST6, PLAIN, TUNNEL4, TUNNEL6, VPN4, protected, reaches

DAEMON = "/usr/sbin/charon-systemd"
SERVER_CONF = """charon {
  load_modular = yes
  plugins {
    include /etc/strongswan.d/charon/*.conf
    vici { socket = unix:///run/server.vici }
  }
}
"""
running = {}


def daemon(name, socket, namespace=(), load=(), **environment):
    """Start one end, and have it told its connections."""
    if os.path.exists(socket):
        os.unlink(socket)
    with open(f"/run/{name}.log", "w", encoding="ascii") as log:
        running[name] = subprocess.Popen([*namespace, DAEMON], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         env={**os.environ, **environment})
    eventually(lambda: os.path.exists(socket) and sh("swanctl", "--load-all", "--noprompt", "--uri", f"unix://{socket}", *load,
                                                     ok=False).returncode == 0, f"{name} takes its connections")


def serve():
    """Start the server; as it refuses whom it doesn't know yet, for good, it hears nobody before."""
    subprocess.run(["ip", "netns", "exec", "vpn", "nft", "-f", "-"], text=True, check=True, input="table inet closed { chain in { "
                   "type filter hook input priority 0; udp dport { 500, 4500 } drop; }; }")
    daemon("server", "/run/server.vici", ("ip", "netns", "exec", "vpn"), ("--file", "/share/server.conf"),
           STRONGSWAN_CONF="/run/server-strongswan.conf")
    out("ip netns exec vpn nft delete table inet closed")


def end(name, number=signal.SIGTERM):
    """End one end."""
    running[name].send_signal(number)
    running.pop(name).wait()


def lose():
    """The server's machine restarts without a word: it has forgotten all keys."""
    end("server", signal.SIGKILL)
    out("ip -n vpn xfrm state flush; ip -n vpn xfrm policy flush")


def log(name):
    with open(f"/run/{name}.log", encoding="utf-8") as file:
        return file.read()


def connected(times=1):
    """IKE is through, so often."""
    try:
        eventually(lambda: log("client").count("established with SPIs") >= times, f"connected {times} times", limit=120)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log('client')[-3000:]}\n{log('server')[-3000:]}") from None


@check
def before_engaging_the_uplink_is_open():
    world.build()
    out("ip -n vpn link delete server")
    out(f"ip netns exec router nft insert rule netdev watch ingress ip daddr {VPN4} 'udp dport {{ 500, 4500 }}' counter name transport accept")
    os.makedirs("/etc/swanctl/conf.d", exist_ok=True)
    shutil.copy("/share/provider.conf", "/etc/swanctl/conf.d/office.conf")
    shutil.copy("/share/haste.conf", "/etc/strongswan.d/haste.conf")
    with open("/run/server-strongswan.conf", "w", encoding="ascii") as file:
        file.write(SERVER_CONF)
    os.makedirs("/etc/killswitch", exist_ok=True)
    shutil.copy("/share/section.conf", "/etc/killswitch/killswitch.conf")
    world.flows(PLAIN + AROUND, (HOST4, HOST6))
    serve()


@check
def policies_alone_carry_while_off():
    daemon("client", "/run/charon.vici")
    connected()
    world.flows(("udp4", "tcp4"), (TUNNEL4,))


@check
def policies_alone_are_refused_while_engaged():
    # Without an interface nothing tells what the tunnel takes from what it doesn't: nothing leaves, in the clear or not.
    out("ksctl on")
    assert guest.state()[0] == "blocking", guest.state()
    before = world.counters()
    world.refused(("all",))
    end("client")
    out("ip xfrm state flush; ip xfrm policy flush")
    after = world.counters()
    assert (after["leaked"], after["transport"]) == (before["leaked"], before["transport"]), f"{before} {after}{world.recorded()}"
    world.refused(("all",))


@check
def an_interface_connects_while_engaged():
    shutil.copy("/share/options.conf", "/etc/strongswan.d/killswitch.conf")
    shutil.copy("/share/connection.conf", "/etc/swanctl/conf.d/killswitch.conf")
    out("sh -e /share/link.sh")
    before = world.counters()
    with world.flood():
        daemon("client", "/run/charon.vici")
        reaches("protecting")
        connected()
        protected()
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND)
    assert world.counters()["transport"] > before["transport"]


@check
def it_comes_back_after_its_server():
    with world.flood():
        lose()
        eventually(lambda: "giving up after" in log("client"), "the client notices", limit=120)
        serve()
        connected(2)
        protected()
        world.flows(PLAIN, (TUNNEL4, TUNNEL6))
    world.refused(AROUND)


@check
def released_the_uplink_is_open():
    out("ksctl off")
    world.nothing_left()
    world.flows(("device4", "device6"), (HOST4, HOST6))


if __name__ == "__main__":
    sys.exit(guest.main())
