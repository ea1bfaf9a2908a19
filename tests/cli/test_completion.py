# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash, zsh and fish offer while a command line of ksctl is typed; each is the real shell."""

import json
import os
import re
import signal
import socket
import time

import pytest

from lib import proc
from lib.machine import environment
from lib.shells import SHELLS
from lib.sources import read

EVIL = f"{proc.LAB}/evil"
# What the service takes, and what only a link of the kernel could be called.
NAMES = ("my office", "a@b", "a+b.c", "wg")
HOSTILE = ("$(touch EVIL)", "`touch EVIL`", "a b  c", "it's", 'say "hi"', "a;touch EVIL", "*", "~", "${HOME}", "a\\b", "a=b:c",
           "<(touch EVIL)", "bang!", "#x", "ä", "a|touch EVIL", "[x]", "{a,b}", "a'$(touch EVIL)'b", "%x", "=ls")
NO_NAMES = ("line\nbreak", "tab\tname", "--yes", "\x1b[31mred", "")
WG = "[VPN wg]\nInterface=wg0\nMark=1\n"
LONGEST = 20  # seconds; a call that waits for its answer takes 25


@pytest.fixture(params=SHELLS)
def shell(request, alone):
    made = SHELLS[request.param](request.param, alone.host.name)
    yield made
    made.close()


def ksctl(ground, *arguments, **variables):
    return proc.run("ksctl", *arguments, namespace=ground.host.name, user="tester", check=False, env=environment(**variables))


def section(ground, title):
    """The rows of a part of the help: what is typed, and what it is for."""
    part = re.search(rf"^{title}:\n((?:  .*\n)+)", ksctl(ground, "--help", COLUMNS="1000").stdout, re.M)[1]
    return re.findall(r"^ {2,6}(\S+(?: \S+)*)(?: +|\n +)(?<=  )(\S.*)$", part, re.M)


def spellings(left):
    """-h and --help of '-h, --help'; of --json=MODE what stands before the value."""
    return [re.split(r"[\[=]", word)[0] for word in left.split(", ")]


def test_every_verb_and_option(alone, shell):
    """Whatever the help or the manual names is offered, where it goes."""
    verbs = [left.split()[0] for left, _ in section(alone, "Commands")]
    assert len(verbs) > 12 and sorted(shell.offered("ksctl ")) == sorted(verbs)
    options = {word: re.match(r"With '(\w+)", right) for left, right in section(alone, "Options") for word in spellings(left)}
    told = re.search(r"^# OPTIONS$(.*?)^# ", read("docs/man/ksctl.1.scd"), re.M | re.S)[1]
    assert set(options) == {word.strip("*") for line in re.findall(r"^\*-.*", told, re.M)
                            for word in re.findall(r"\*--?[a-z-]+|\*-[A-Z]", line, re.I)} and len(options) > 20
    for verb in ("", *(match[1] for match in options.values() if match), "audit"):
        offered = {word.rstrip("=") for word in shell.offered(f"ksctl {verb} -".replace("  ", " "))}
        assert offered == {word for word, match in options.items() if not match or not verb or match[1] == verb}, verb
    # An option's value is no verb, and behind -- there are no options.
    assert "off" in shell.offered("ksctl -p on ")
    assert [word for word in shell.offered("ksctl -- -") if word.startswith("-")] == []


def test_fixed_values(alone, shell):
    help_vpn = ksctl(alone, "vpn", "help").stdout
    keys = re.search(r"^Keys: (.*?)\.", help_vpn, re.M | re.S)[1].replace("\n", " ").split(", ")
    kinds = {word.rstrip("=") for word in shell.offered("ksctl vpn add office ") if not word.rstrip("=").count("=")}
    assert kinds == set(keys) and len(keys) > 12
    alone.host.ip("tuntap", "add", "tun$(x)", "mode", "tun")
    links = " ".join(sorted(link["ifname"] for link in json.loads(alone.host.ip("-j", "link")) if link["ifname"] != "lo"))
    assert "eth0" in links and "tun$(x)" in links
    for line, words in (("ksctl --json=", "off pretty short"), ("ksctl --json ", "off pretty short"), ("ksctl --json=p", "pretty"),
                        ("ksctl lan ", "all none private"), ("ksctl -q lan pr", "private"), ("ksctl lan all ", ""),
                        ("ksctl pause ", "15m 1h 30s 5m"), ("ksctl on --trial=", "1min 2min 30s 5min"),
                        ("ksctl vpn ", " ".join(sorted(set(re.findall(r"^ksctl vpn (\w+)", help_vpn, re.M)) | {"help"}))),
                        ("ksctl vpn add office Protocol=", "esp tcp udp"), ("ksctl vpn add office Default=", "no yes"),
                        ("ksctl vpn add ", links), ("ksctl vpn add --interface=", links),
                        ("ksctl vpn add --yes office Interface=", links), ("ksctl status ", ""), ("ksctl vpn list ", "")):
        assert sorted(shell.offered(line)) == words.split(), line
    assert "tester" in shell.offered("ksctl vpn add office User=te")


def test_other_machines(alone, shell):
    """Hosts that the shell knows of; the containers of systemd's list. Their VPNs aren't asked for."""
    os.makedirs(f"{shell.home}/.ssh", exist_ok=True)
    with open(f"{shell.home}/.ssh/known_hosts", "w", encoding="ascii") as file:
        file.write("far.example.org ssh-ed25519 AAAA\n")
    for line in ("ksctl -H fa", "ksctl --host=fa", "ksctl -H root@fa"):
        assert [word.removeprefix("root@") for word in shell.offered(line)] == ["far.example.org"], line
    os.makedirs("/run/systemd/machines", exist_ok=True)
    with open("/run/systemd/machines/boxed", "w", encoding="ascii") as file:
        file.write("NAME=boxed\n")
    for line in ("ksctl -M bo", "ksctl --machine=bo"):
        assert shell.offered(line) == ["boxed"], line
    os.unlink("/run/systemd/machines/boxed")
    alone.serve(WG)
    assert shell.offered("ksctl -q vpn show ") == ["wg"]
    for far in ("-H far", "--host=far", "-M boxed", "-Mboxed"):
        assert shell.offered(f"ksctl {far} vpn show ") == [], far


def test_names_of_the_running_service(alone, shell):
    root = alone.serve("".join(f"[VPN {name}]\nInterface=tun{number}\nMark={number + 1}\n" for number, name in enumerate(NAMES)))
    assert sorted(shell.offered("ksctl vpn show ")) == sorted(NAMES) and shell.offered("ksctl vpn remove ") == []
    root.call("AddVpn", "my own", {"Interface": {"variant": ["s", "tun9"]}, "Mark": {"variant": ["s", "9"]}})
    assert sorted(shell.offered("ksctl vpn show my")) == ["my office", "my own"]
    assert shell.offered("ksctl --no-ask-password vpn remove ") == ["my own"]
    assert shell.offered("ksctl vpn show a@") == ["a@b"] and shell.offered("ksctl vpn show wg ") == []
    assert sorted(shell.offered("ksctl vpn add new Through=my")) == ["my office", "my own"]
    properties = [line.split("=")[0] for line in ksctl(alone, "show").stdout.splitlines()]
    for line in ("ksctl -p ", "ksctl show --property=", "ksctl show -p State,"):
        assert set(shell.offered(line)) == set(properties), line
    if hasattr(shell, "words"):
        # Each way to begin a word with a blank in it, gone on with by the tabulator.
        for begun in ("my\\ of", '"my of', "'my of", "my\\ o\tf"):
            assert shell.words(f"ksctl vpn show {begun}\t") == ["ksctl", "vpn", "show", "my office"], begun


def test_hostile_names(alone, shell):
    """Nothing of a name is executed or expanded, and none breaks the list of the others."""
    # fish leaves a lone tilde as it is, as it does for files.
    names = [name.replace("EVIL", EVIL) for name in HOSTILE if name != "~" or hasattr(shell, "words")]
    stranger = proc.Process("stranger", [proc.PYTHON, "-u", f"{os.path.dirname(proc.__file__)}/stranger.py",
                                         json.dumps([*NO_NAMES, *names])], env=environment())
    try:
        proc.until(lambda: "ready" in stranger.log() or not stranger.running(), "the other service", limit=60)
        assert sorted(shell.offered("ksctl vpn show ")) == sorted(names)
        assert sorted(shell.offered("ksctl vpn remove ")) == sorted(names)
        assert sorted(shell.offered("ksctl vpn add new Through=")) == sorted(names)
        for name in ("it's", 'say "hi"'):
            assert shell.offered(f"ksctl vpn show {name[:2]}") == [name]
        if hasattr(shell, "words"):
            for begun in ("'it", '"it', "it"):
                assert shell.words(f"ksctl vpn show {begun}\t") == ["ksctl", "vpn", "show", "it's"], begun
    finally:
        stranger.kill()
    assert not os.path.exists(EVIL)


def test_nobody_there(alone, shell):
    """No service: no names, and the bus starts none."""
    def started():
        return alone.machine.bus.log().count("Activating service name='org.killswitch1'")
    before = started()
    for line in ("vpn show ", "vpn remove ", "show -p "):
        assert shell.offered(f"ksctl {line}") == [], line
    assert started() == before
    assert ksctl(alone, "status").returncode == 8 and started() == before + 1
    alone.serve(WG)
    assert shell.offered("ksctl vpn show ") == ["wg"]
    if hasattr(shell, "words"):
        shown = shell.terminal.text
        assert "dump" in shown and "ervice" not in shown and "annot" not in shown, shown


def test_what_the_shells_ask(alone):
    """One name a line; no service, one that doesn't answer, no bus: not a word, and soon."""
    def told(*arguments, **variables):
        begun = time.monotonic()
        done = ksctl(alone, "__complete", *arguments, **variables)
        assert time.monotonic() - begun < LONGEST and (done.returncode, done.stderr) == (0, "")
        return done.stdout
    assert told() == told("nonsense") == told("vpns") == told("properties") == ""
    assert "eth0" in told("links").split() and "lo" not in told("links").split()
    alone.serve(WG)
    assert told("vpns") == "wg\n" and told("added") == "" and told("properties").startswith("State\n")
    alone.daemon.process.popen.send_signal(signal.SIGSTOP)
    try:
        assert told("vpns") == ""
    finally:
        alone.daemon.process.popen.send_signal(signal.SIGCONT)
    assert told("vpns", DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={proc.LAB}/nothing") == ""
    # Somebody listens there and never says a word.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{proc.LAB}/deaf")
        listener.listen()
        os.chmod(f"{proc.LAB}/deaf", 0o666)
        assert told("vpns", DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={proc.LAB}/deaf") == ""
    os.unlink(f"{proc.LAB}/deaf")
