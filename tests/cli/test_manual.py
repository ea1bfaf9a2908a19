# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example of the manual pages, run in its order, prints what the page shows."""

import signal

import pytest

from lib import manual, proc
from lib.internet import VPN_SERVER
from lib.machine import environment
from lib.names import VPN, Names

PAGES = ("killswitch-resolve.8", "killswitch-tray.1", "killswitch.conf.5", "killswitchd.8", "ksctl.1", manual.GENERATED)
CALL = "busctl call org.killswitch1 /org/killswitch1 org.killswitch1"
# What ends otherwise than with 0.
STATUS = {"ksctl": 3, "busctl call org.killswitch1.Resolver / org.freedesktop.DBus.Peer Ping": 1, f"{CALL} Confirm": 1,
          f"{CALL} Pause t 0": 1, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent killswitch-tray": 1}


def run(ground, example):
    """What a command prints, on both outputs."""
    done = proc.run("sh", "-c", f"exec 2>&1\n{example.command}", namespace=ground.host.name, user=example.user, check=False,
                    env=environment())
    return done.returncode, done.stdout


def monitor(ground, example):
    """The VPN goes away and comes back while somebody watches."""
    watcher = ground.host.spawn("monitor", ["sh", "-c", f"exec {example.command}"], user=example.user, env=environment())

    def shown(text):
        proc.until(lambda: text in watcher.log(), f"the monitor to show '{text}'\n{watcher.log()}", limit=60)
    try:
        shown("protecting: ")
        ground.vpn.link_down()
        shown("blocking: ")
        shown("Vpns: ")
        ground.vpn.link_up()
        shown("(was blocking)")
        shown(example.lines[-1].split(None, 2)[2])
    finally:
        status = watcher.end(signal.SIGINT)
    # The addresses of a link come and go by themselves, which may make several events of one.
    lines = watcher.log().splitlines(keepends=True)
    return status, "".join(line for number, line in enumerate(lines) if not number or line.split(None, 2)[2:] !=
                           lines[number - 1].split(None, 2)[2:])


def written(ground, example):
    """What a page shows with cat is what its reader has put there."""
    path = example.command.split()[1]
    if path.startswith("/etc/killswitch/"):
        ground.daemon.configure(example.text, path)
    return run(ground, example)


# Commands that something has to happen around.
SCENES = {"ksctl monitor": monitor, "cat": written}


def follow(ground, page):
    """Run a page's examples; returns every one that prints something else, with both texts."""
    wrong = []
    for example in manual.examples(page):
        scene = SCENES.get(example.command) or SCENES.get(example.command.split()[0], run)
        status, printed = scene(ground, example)
        wanted = STATUS.get(example.command, 0)
        if status != wanted or not example.matches(printed):
            wrong.append(f"{page}: {example}\n--- the page shows ---\n{example.text}--- it prints, with status {status} ---\n{printed}")
    return wrong


def test_every_page_is_known():
    assert tuple(manual.pages()) == tuple(sorted(PAGES))
    for page in PAGES:
        assert manual.strays(page) == [] and manual.examples(page), page


def test_another_text_is_noticed():
    """Times and numbers may differ, and where lines are folded; nothing else."""
    example = manual.Example("page", manual.USER, "ksctl")
    example.lines = ["Protected: all goes", "through wg0.", "", "  Since: 2026-11-26 09:30:00, 5 s ago", "Blocked: 3 packets"]
    as_shown = "Protected: all goes\nthrough wg0.\n\n  Since: 2027-01-01 00:00:00, just now\nBlocked: 1 packet\n"
    assert example.matches(as_shown) and example.matches(as_shown.replace("goes\n", "goes "))
    for old, new in (("all", "All"), ("wg0.", "wg1."), ("\n\n", "\n"), ("  Since", " Since"), ("Blocked", " Blocked"), (", just now", ""),
                     ("packet\n", "packet\nmore\n"), ("1 packet", "no packet"), ("Protected: ", ""), ("goes\n", "goes\n ")):
        assert not example.matches(as_shown.replace(old, new)), (old, new)


@pytest.mark.parametrize("page", PAGES)
def test_examples(ground, page):
    names = None
    ground.connect()
    if page == "killswitch-resolve.8":
        names = Names(ground)
        names.zone({VPN: [VPN_SERVER[4]]})
    ground.serve(settings=None)
    try:
        wrong = follow(ground, page)
    finally:
        if names:
            names.close()
    assert wrong == [], "\n".join(["", *wrong])
