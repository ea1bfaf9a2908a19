# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections from before: those that the VPN can't carry on end at once, and nothing of them leaves."""

import errno
import socket
import threading

import pytest

from lib import proc
from lib.ground import BY_MARK
from lib.internet import HOST, HOST_ULA, LAN_HOST, PUBLIC_SERVER, VPN_SERVER
from lib.wireguard import CLIENT, MARK, SERVER_LINK

SO_MARK = 36
TCP_ESTABLISHED = 1
ENDED = (errno.ECONNABORTED, errno.ECONNRESET)


class Connection:
    """A program with a connection, which waits for data from the other end."""

    def __init__(self, space, to, kind=socket.SOCK_STREAM, mark=0, port=7):
        with space.entered():
            self.sock = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, kind)
        self.sock.settimeout(proc.LIMIT)
        if mark:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        self.sock.connect((to, port))
        self.waiter = None
        self.error = None

    def ask(self):
        """The address that the other end sees."""
        self.sock.send(b"hello")
        return self.sock.recv(100).split()[0].decode()

    def wait(self):
        """From now on a thread is stuck in recv()."""
        def receive():
            try:
                self.sock.recv(100)
            except OSError as error:
                self.error = error.errno
        self.sock.settimeout(None)
        self.waiter = threading.Thread(target=receive, daemon=True)
        self.waiter.start()
        return self

    def ended(self):
        self.waiter.join(proc.LIMIT)
        assert not self.waiter.is_alive(), "recv() waits on"
        return self.error in ENDED

    def state(self):
        return self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    def close(self):
        self.sock.close()


@pytest.fixture
def connect(ground):
    """Opens connections, which end with the test."""
    opened = []

    def connect(to, **options):
        opened.append(Connection(ground.host, to, **options))
        return opened[-1]
    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture(params=("vpn", "no-vpn"))
def vpn(ground, request):
    """With the VPN up, or gone; its server also answers on port 7."""
    ground.connect()
    ground.internet.serve(ground.internet.vpn)
    if request.param == "no-vpn":
        ground.vpn.kill()
        # Or it goes on sending, and the host answers with ICMP while it is not engaged yet.
        ground.internet.vpn.run("wg", "set", SERVER_LINK, "peer", ground.vpn.public, "remove")
    return request.param == "vpn"


def public(connect, kinds=(socket.SOCK_STREAM, socket.SOCK_DGRAM)):
    """Connections to the public server over the uplink, of every kind, in use."""
    opened = []
    for kind in kinds:
        for to, seen in ((PUBLIC_SERVER[4], HOST[4]), (PUBLIC_SERVER[6], HOST[6]),
                         (f"::ffff:{PUBLIC_SERVER[4]}", HOST[4])):
            connection = connect(to, kind=kind)
            assert connection.ask() == seen
            opened.append(connection)
    return opened


def test_stranded_connections_end_at_once(ground, vpn, connect):
    root = ground.serve(BY_MARK)
    stranded = [connection.wait() for connection in public(connect)]
    spared = {connect(LAN_HOST[4]): HOST[4], connect(LAN_HOST[6]): HOST_ULA,
              connect(LAN_HOST[4], kind=socket.SOCK_DGRAM): HOST[4]}
    transport = {connect(VPN_SERVER[family], mark=MARK, kind=kind): HOST[family]
                 for family in (4, 6) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)}
    unmarked = connect(VPN_SERVER[4]).wait()
    for connection, seen in (spared | transport).items():
        assert connection.ask() == seen

    before, inside = ground.uplink.snapshot(), ground.vpn.at_server.read()
    root.call("Engage")
    assert root.state()[0] == ("protecting" if vpn else "blocking")
    for connection in stranded + [unmarked]:
        assert connection.ended(), connection.sock
    # Not even the reset to the other end got out, nor into the tunnel.
    assert ground.uplink.leaks(before) == {}, "\n".join(ground.uplink.caught())
    counted = ground.vpn.at_server.since(inside)
    assert counted["wrong4"] == counted["wrong6"] == 0, counted
    for connection, seen in (spared | transport).items():
        assert connection.ask() == seen
    # A program that tries again is carried by the VPN.
    if vpn:
        assert [connect(PUBLIC_SERVER[family]).ask() for family in (4, 6)] == [CLIENT[4], CLIENT[6]]
    root.call("Release")
    assert connect(PUBLIC_SERVER[4]).ask() == HOST[4]


def test_they_stay_if_the_settings_say_so(ground, vpn, connect):
    root = ground.serve(BY_MARK + "[Killswitch]\nResetConnections=no\n")
    opened = public(connect, kinds=(socket.SOCK_STREAM,))
    root.call("Engage")
    before, inside = ground.uplink.snapshot(), ground.vpn.at_server.read()
    assert [connection.state() for connection in opened] == [TCP_ESTABLISHED] * len(opened)
    for connection in opened:
        try:
            connection.sock.send(b"hello")
        except OSError:
            pass
    assert ground.uplink.leaks(before) == {}, "\n".join(ground.uplink.caught())
    counted = ground.vpn.at_server.since(inside)
    assert counted["wrong4"] == counted["wrong6"] == 0, counted


def test_whenever_it_goes_up(ground, connect):
    """A trial that is confirmed, the end of a pause by a call and by itself, and a start that finds
    an empty kernel."""
    ground.connect()
    root = ground.serve(BY_MARK)

    def lost_by(raised, *arguments):
        connection = connect(PUBLIC_SERVER[4])
        assert connection.ask() == HOST[4]
        connection.wait()
        raised(*arguments)
        return connection.ended()

    # A trial may let go again, and the connection goes on.
    spared = connect(PUBLIC_SERVER[4])
    assert spared.ask() == HOST[4]
    root.call("EngageTrial", 3_600_000_000)
    assert spared.state() == TCP_ESTABLISHED
    root.call("Release")
    assert spared.ask() == HOST[4]
    root.call("EngageTrial", 3_600_000_000)
    spared.wait()
    root.call("Confirm")
    assert spared.ended()
    root.call("Pause", 3_600_000_000)
    assert lost_by(root.call, "Resume")
    root.call("Pause", 5_000_000)
    assert lost_by(root.wait_state, "protecting")
    ground.daemon.kill()
    ground.wipe()
    assert lost_by(ground.daemon.start)


def test_a_narrower_lan_ends_what_it_no_longer_allows(ground, connect):
    ground.connect()
    root = ground.serve(BY_MARK)
    root.call("Engage")

    def at_lan():
        connections = [connect(LAN_HOST[family], kind=kind) for family in (4, 6)
                       for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for connection in connections:
            assert connection.ask() in (HOST[4], HOST_ULA)
        return [connection.wait() for connection in connections]
    opened = at_lan()
    root.call("SetLan", "none")
    assert all(connection.ended() for connection in opened)
    root.call("SetLan", "private")
    opened = at_lan()
    ground.daemon.configure(BY_MARK + "[Killswitch]\nLan=none\n")
    root.call("SetLan", "all")
    root.call("Reload")
    assert all(connection.ended() for connection in opened)


def test_what_the_vpn_carries_waits_for_it(ground, connect):
    """A VPN that goes and comes back with its address finds its connections as they were."""
    ground.connect()
    root = ground.serve(BY_MARK)
    root.call("Engage")
    opened = {connect(PUBLIC_SERVER[family]): CLIENT[family] for family in (4, 6)}
    for connection, seen in opened.items():
        assert connection.ask() == seen
    ground.vpn.link_down()
    root.wait_state("blocking")
    root.call("SetLan", "none")
    root.call("Pause", 3_600_000_000)
    root.call("Resume")
    ground.vpn.link_up()
    root.wait_state("protecting")
    for connection, seen in opened.items():
        assert connection.ask() == seen
