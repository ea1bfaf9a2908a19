# SPDX-License-Identifier: GPL-2.0-or-later
"""Never locked out: ksctl at the other end of a real SSH connection says truly whether it will live."""

import os

import pytest

from lib import proc
from lib.ground import BY_MARK
from lib.internet import HOST, LAN_HOST, PUBLIC_SERVER
from lib.machine import environment
from lib.senders import patient
from lib.ssh import Sshd
from lib.wireguard import CLIENT, SERVER

# Nothing of a login is left in it, as after sudo or in a cron job.
BARE = "env -i /usr/bin/"
NO_LAN = "[Killswitch]\nLan=none\n"
PLACES = {"public": (PUBLIC_SERVER, HOST), "lan": (LAN_HOST, {4: HOST[4], 6: "fd00:77::2"}), "vpn": (SERVER, CLIENT)}


@pytest.fixture
def sshd(ground):
    sshd = Sshd(ground.host)
    yield sshd
    sshd.close()


@pytest.fixture
def told():
    """A file that every user may write what ksctl has told him to."""
    path = "/run/lab/told"
    with open(path, "w", encoding="utf-8"):
        os.chmod(path, 0o666)

    def read():
        with open(path, encoding="utf-8") as file:
            return " ".join(file.read().split())
    yield read
    os.unlink(path)


@pytest.mark.parametrize("family, user, command", ((4, "root", "ksctl on"), (6, "root", f"{BARE}ksctl on"),
                                                   (6, "trusted", "ksctl on"), (4, "trusted", f"{BARE}ksctl on")))
def test_from_the_internet(ground, sshd, told, user, command, family):
    """It is told, and what is told happens. Without a terminal nobody is asked."""
    ground.connect()
    root = ground.serve(BY_MARK)
    login = sshd.spawn(ground.internet.public, HOST[family], f"{command} 2>/run/lab/told; sleep 600", user=user)
    root.wait_state("protecting")
    sshd.wait_cut()
    assert f"from {PUBLIC_SERVER[family]}." in told() and "cuts that connection" in told() and "'ksctl on --trial'" in told()
    assert login.running() or login.popen.returncode == 255


@pytest.mark.parametrize("place, family, user, command", (
    ("lan", 4, "root", "ksctl on"), ("lan", 6, "trusted", f"{BARE}ksctl on"),
    ("vpn", 4, "trusted", f"{BARE}ksctl on"), ("vpn", 6, "root", "ksctl on")))
def test_from_where_it_may_be_reached(ground, sshd, place, user, command, family):
    """There is nothing to warn of, and the connection goes on."""
    ground.connect()
    root = ground.serve(BY_MARK)
    space = getattr(ground.internet, place)
    shell = sshd.login(space, PLACES[place][1][family], user=user)
    status, text = shell.run(command)
    assert status == 0 and "connected" not in text and text.startswith("Protected"), text
    assert shell.run("ksctl is-active") == (0, "protecting\n")
    assert root.state()[0] == "protecting"


def test_from_a_lan_that_may_not_be_reached(ground, sshd, told):
    root = ground.serve(BY_MARK + NO_LAN)
    sshd.spawn(ground.internet.lan, HOST[4], "ksctl on 2>/run/lab/told; sleep 600")
    root.wait_state("blocking")
    sshd.wait_cut()
    assert f"from {LAN_HOST[4]}." in told() and "'none'" in told()


@pytest.mark.parametrize("address", ("127.0.0.1", HOST[4], HOST[6]))
def test_through_a_program_of_this_host(ground, sshd, told, address):
    """What a tunnel ends in has another connection behind it, which nobody can tell."""
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.host, address)
    assert shell.run("ksctl on --no-ask-password 2>/run/lab/told")[0] == 0
    assert f"from {address}, which is a program on this machine" in told() and "--trial" in told()
    assert root.state()[0] == "blocking" and shell.run("ksctl is-active")[0] == 0


@pytest.mark.parametrize("family", (4, 6))
def test_through_a_tunnel_that_is_no_vpn(ground, sshd, told, family):
    """Its addresses look like the LAN's, but what carries it may be refused, as here."""
    ground.connect()
    root = ground.serve("[Killswitch]\n")
    sshd.spawn(ground.internet.vpn, CLIENT[family], "ksctl on 2>/run/lab/told; sleep 600")
    root.wait_state("blocking")
    assert f"from {SERVER[family]}. Engaging the kill switch may cut that connection." in told()


def test_behind_two_halves_of_a_default_route(ground, sshd, told):
    """To the service they are no way to the LAN."""
    root = ground.serve(BY_MARK)
    ground.internet.public.ips("address add 10.44.0.1/32 dev lo")
    ground.internet.router.ips("route add 10.44.0.1/32 via 203.0.113.9")
    ground.host.ips("""
        route add 0.0.0.0/1 via 192.168.77.1
        route add 128.0.0.0/1 via 192.168.77.1""")
    assert ground.probe(patient(kind="udp", to="10.44.0.1", port=7))[0]["reply"]
    sshd.spawn(ground.internet.public, HOST[4], "ksctl on 2>/run/lab/told; sleep 600", source="10.44.0.1")
    root.wait_state("blocking")
    assert "from 10.44.0.1." in told() and "cuts that connection" in told()
    assert ground.probe({"kind": "udp", "to": "10.44.0.1", "port": 7})[0]["reply"] is None


def test_a_narrower_lan_is_asked_about(ground, sshd):
    """It cuts who has come from there just as well."""
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.lan, HOST[4])
    assert shell.run("ksctl lan none; ksctl lan private; ksctl on")[0] == 0
    shell.start("ksctl lan none")
    assert "'none' cuts that" in " ".join(shell.expect(r"(?s)(.*)\[y/N\] ")[1].split())
    shell.type("n")
    status, text = shell.finish()
    assert status == 1 and "Nothing was changed" in text and root.get("Lan") == "private"
    shell.start("ksctl lan none")
    shell.expect(r"\[y/N\] ")
    shell.type("y")
    sshd.wait_cut()
    assert root.get("Lan") == "none"


def test_who_is_asked_and_says_no(ground, sshd):
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.public, HOST[4])
    for answer in ("n", "", "whatever"):
        shell.start("ksctl on")
        shell.expect(r"\[y/N/t\(rial\)\] ")
        shell.type(answer)
        status, text = shell.finish()
        assert status == 1 and "Nothing was changed" in text
    # Ctrl-D is no answer, and Ctrl-C is none either; that one ends the shell's whole line.
    shell.start("ksctl on")
    shell.expect(r"\[y/N/t\(rial\)\] ")
    os.write(shell.master, b"\x04")
    assert shell.finish()[0] == 1
    shell.start("ksctl on")
    shell.expect(r"\[y/N/t\(rial\)\] ")
    os.write(shell.master, b"\x03")
    # The terminal throws away what is typed before the shell has it back.
    shell.expect(r"\n")
    assert shell.run("echo $?") == (0, "130\n")
    assert root.state()[0] == "off"
    # Nobody is asked who wants no questions.
    shell.start("ksctl on --no-ask-password")
    root.wait_state("blocking")
    sshd.wait_cut()


def test_a_trial_lets_a_connection_live_again(ground, sshd):
    """The person's shell is silent for the trial, and is there again when it has ended by itself."""
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.public, HOST[4])
    since = root.mark()
    shell.start("ksctl on --trial=2s")
    root.wait_signal("StateChanged", "off", "blocking", "trial", since=since, limit=60)
    root.wait_signal("StateChanged", "blocking", "off", "trial-expired", since=since, limit=60)
    assert shell.finish()[0] == 0
    assert shell.run("ksctl is-active") == (3, "off\n")


def test_a_trial_whose_service_is_killed(ground, sshd, told):
    """Whatever starts the service again (systemd does), the trial ends then."""
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.public, HOST[4])
    shell.start("ksctl on --trial=5s; echo $? >/run/lab/told")
    proc.until(lambda: told() == "0", "the trial to begin", limit=60)
    ground.daemon.kill()
    assert ground.guard()
    ground.daemon.start()
    root.wait_state("off", limit=60)
    assert shell.finish()[0] == 0
    assert shell.run("ksctl is-active") == (3, "off\n")


def test_the_answer_trial(ground, sshd):
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.public, HOST[4])
    shell.start("ksctl on")
    shell.expect(r"\[y/N/t\(rial\)\] ")
    shell.type("t")
    assert root.wait_state("blocking", limit=60)["Trial"]
    root.call("Release")
    assert shell.finish()[0] == 0


def test_in_a_multiplexer(ground, sshd, told):
    """tmux has no parent of the login, and the variable of whoever started it: every login is looked at."""
    root = ground.serve(BY_MARK)
    shell = sshd.login(ground.internet.public, HOST[4])
    assert shell.run("SSH_CONNECTION='192.0.2.1 1 192.0.2.2 22' tmux -L lab new-session -d -s lab sh")[0] == 0
    try:
        shell.run("tmux -L lab send-keys -t lab 'ksctl on 2>/run/lab/told; ' Enter")
        proc.until(lambda: "connected" in told(), "the warning", limit=60)
        sshd.wait_cut()
        root.wait_state("blocking")
    finally:
        proc.run("tmux", "-L", "lab", "kill-server", check=False)


def test_in_a_multiplexer_that_was_begun_elsewhere(ground, sshd, told):
    """It has the variable of a login from the LAN, which stands. Who sits at it is from the internet."""
    root = ground.serve(BY_MARK)
    begun = sshd.login(ground.internet.lan, HOST[4])
    assert begun.run("tmux -L lab new-session -d -s lab sh")[0] == 0
    try:
        sshd.login(ground.internet.public, HOST[4]).start("TERM=xterm tmux -L lab attach")
        proc.until(lambda: proc.run("tmux", "-L", "lab", "list-clients", check=False).stdout, "who sits at it", limit=60)
        begun.run("tmux -L lab send-keys -t lab 'ksctl on 2>/run/lab/told; ' Enter")
        root.wait_state("blocking")
        assert f"from {PUBLIC_SERVER[4]}." in told() and "cuts that connection" in told()
    finally:
        proc.run("tmux", "-L", "lab", "kill-server", check=False)


def test_by_ssh(ground, sshd):
    """-H talks to the service of another host: to the same answers, warnings, and ways out."""
    root = ground.serve(BY_MARK)
    sshd.known_to_all()
    lan = ground.internet.lan

    def ksctl(*arguments, user="root", status=0):
        done = proc.run("ksctl", "-H", f"{user}@{HOST[4]}", *arguments, namespace=lan.name, check=False, env=environment(), limit=90)
        assert done.returncode == status, done
        return " ".join((done.stdout or done.stderr).split()), " ".join(done.stderr.split())
    assert ksctl("status", status=3)[0].startswith("Not protected: the kill switch is off")
    out, told = ksctl("on")
    assert out.startswith("Blocking") and told.startswith("You are connected from another machine.") and "--trial" in told
    assert ksctl("is-active") == ("blocking", "") and root.state()[0] == "blocking"
    assert f"ksctl -H root@{HOST[4]} off" in ksctl("off", user="tester", status=4)[1]
    monitor = lan.spawn("monitor", ["ksctl", f"--host=root@{HOST[4]}", "monitor"], env=environment())
    proc.until(lambda: "  blocking: " in monitor.log(), "the state", limit=60)
    assert ksctl("off")[0].startswith("Not protected")
    proc.until(lambda: "  off: released (was blocking)\n" in monitor.log(), "the release", limit=60)
    assert monitor.end() == 0
    ground.daemon.stop()
    assert f"Is killswitch installed on root@{HOST[4]}" in ksctl("status", status=8)[1]


def test_a_variable_that_is_left_over(ground, sshd):
    """A connection that doesn't stand can't be cut; another person's login is no business of whoever sits here."""
    root = ground.serve(BY_MARK)
    sshd.login(ground.internet.public, HOST[4])
    for variable in ("203.0.113.9 4711 192.168.77.2 22", "192.168.77.2", "x y z w", "203.0.113.9 0 192.168.77.2 0", ""):
        done = proc.run("ksctl", "on", namespace=ground.host.name, env=environment(SSH_CONNECTION=variable), check=False)
        assert (done.returncode, done.stderr) == (0, ""), variable
        root.call("Release")
