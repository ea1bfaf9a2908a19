# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/operations.md, word by word: every command that it gives is run as it stands there."""
import os
import re
import sys

import guest
import host
import wire
from guest import active, check, eventually, main_pid, out, sh, state
from host import engaged, reaches_out, released

PAGE = "/share/operations.md"
TREE = "/root/killswitch"
UNITS = ("killswitchd.service", "killswitch-early.service")
done = set()


def blocks():
    """The page's commands, by heading and number."""
    found, heading, count = {}, "", 0
    with open(PAGE, encoding="utf-8") as page:
        for part in re.finditer(r"^## ([^\n]*)$|^```sh\n(.*?)^```$", page.read(), re.M | re.S):
            if part[1]:
                heading, count = part[1], 0
            else:
                count += 1
                found[heading, count] = part[2]
    return found


def follow(heading, number=1):
    """Run a block of commands as an administrator types them, in the sources; none may fail."""
    done.add((heading, number))
    # The building is quicker so, and otherwise the same.
    env = dict(os.environ, DEB_BUILD_OPTIONS="noopt noautodbgsym", HOME="/root")
    return guest.sh("bash", "-e", "-c", blocks()[heading, number], cwd=TREE, env=env, limit=240)


def enabled():
    return [sh("systemctl", "is-enabled", unit, ok=False).stdout.strip() for unit in UNITS]


def stuck():
    """Assert that a user's packets go nowhere."""
    done = sh("setpriv", "--reuid=tester", "--clear-groups", "ping", "-c", "1", "-W", "1", "203.0.113.9", ok=False)
    assert done.returncode, done.stdout


@check
def the_page_has_commands():
    wire.up(host.COUNTS)
    os.mkdir(TREE)
    out("tar", "-C", TREE, "-xf", "/share/source.tar")
    assert len(blocks()) > 10, blocks()
    reaches_out()


@check
def install_the_package():
    follow("Install the package")
    assert state()[0] == "off" and enabled() == ["enabled"] * 2
    assert out("dpkg-query -W -f '${db:Status-Status}' killswitch") == "installed"
    released()


@check
def engage():
    follow("Engage", 1)
    engaged()
    stuck()
    out("ksctl off")
    follow("Engage", 2)
    engaged()
    # Confirmed: it has no end.
    assert not state()[1].get("Deadline"), state()


@check
def upgrade():
    pid = main_pid("killswitchd.service")
    out(f"cd {TREE} && sed -i '1s/([^)]*)/(99.1)/' debian/changelog && mv ../killswitch_*.deb /root/old.deb")
    out("dpkg-deb --raw-extract /root/old.deb /root/next && sed -i 's/^Version:.*/Version: 99.1/' /root/next/DEBIAN/control"
        " && dpkg-deb --build /root/next /root/killswitch_99.1_amd64.deb")
    follow("Upgrade")
    engaged()
    assert main_pid("killswitchd.service") not in (0, pid)
    assert out("dpkg-query -W -f '${Version}' killswitch") == "99.1"


@check
def at_boot():
    follow("At boot", 1)
    assert enabled() == ["disabled"] * 2
    follow("At boot", 2)
    assert enabled() == ["enabled"] * 2
    engaged()


@check
def what_the_journal_says():
    follow("What the journal says")


@check
def a_machine_that_is_locked_out():
    out("systemctl stop dbus.socket dbus.service; systemctl stop killswitchd.service")
    assert host.kernel()[0] and sh("ksctl", ok=False).returncode == 8
    stuck()
    follow("A machine that is locked out", 1)
    released()
    reaches_out()
    out("systemctl start dbus.socket")
    eventually(lambda: sh("ksctl show", ok=False).returncode == 0 and state()[0] == "off", "it is off")


@check
def a_machine_that_is_locked_out_with_a_broken_program():
    host.with_egress_guard()
    stuck()
    follow("A machine that is locked out", 2)
    host.without_egress_guard()
    released()
    reaches_out()
    out("systemctl enable --now killswitchd.service")
    assert state()[0] == "off"


@check
def remove_the_package():
    out("ksctl on")
    engaged()
    follow("Remove the package", 1)
    released()
    reaches_out()
    host.settings()
    follow("Remove the package", 2)
    assert not any(os.path.exists(path) for path in ("/etc/killswitch", "/var/lib/killswitch", "/usr/bin/ksctl"))
    assert out("id -un killswitch") == "killswitch"


@check
def install_from_source():
    follow("Install from source", 1)
    assert state()[0] == "off" and enabled() == ["enabled"] * 2
    out("ksctl on")
    engaged()
    pid = main_pid("killswitchd.service")
    follow("Install from source", 2)
    assert main_pid("killswitchd.service") not in (0, pid)
    engaged()


@check
def remove_what_was_installed_from_source():
    follow("Install from source", 3)
    released()
    reaches_out()
    assert active("killswitchd.service") == "inactive"
    assert not os.path.exists("/usr/libexec/killswitchd")


@check
def every_command_was_run():
    assert done == set(blocks())


if __name__ == "__main__":
    sys.exit(guest.main())
