# SPDX-License-Identifier: GPL-2.0-or-later
"""strongSwan with ESP in the kernel, on an xfrm interface and without one, in a virtual machine: one boot, each check an item."""
import shlex
import subprocess
from pathlib import Path

import pytest

from lib import recipes, strongswan, vm
from lib.booted import report

GUEST = Path(__file__).resolve().parent / "guest"
SCRIPT = GUEST / "ipsec.py"
PACKAGES = ("libstrongswan", "strongswan-libcharon", "strongswan-swanctl", "charon-systemd", "libgmp10")
CHAPTER = "strongSwan in the kernel"
SERVER = "198.51.100.2"
pytestmark = pytest.mark.watchdog(1000)


def programs(target):
    """The installed packages as an archive for the virtual machine, which has the same distribution."""
    listed = subprocess.run(["dpkg-query", "--listfiles", *PACKAGES], stdout=subprocess.PIPE, text=True, check=True).stdout
    files = sorted({line for line in listed.splitlines() if line.startswith("/") and not Path(line).is_dir()
                    and not line.startswith("/usr/share/doc")})
    subprocess.run(["tar", "--create", "--absolute-names", "--file", target, "--files-from", "-"],
                   input="\n".join(files), text=True, check=True)


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    work = tmp_path_factory.mktemp("ipsec")
    texts = {
        "section.conf": recipes.section(CHAPTER, "office").replace("198.51.100.10", SERVER),
        "options.conf": recipes.file(CHAPTER, "/etc/strongswan.d/killswitch.conf"),
        "connection.conf": recipes.file(CHAPTER, "/etc/swanctl/conf.d/killswitch.conf"),
        "link.sh": "\n".join(shlex.join(shlex.split(line)) for line in recipes.commands(CHAPTER, "sudo ip link add")),
        "provider.conf": strongswan.client(SERVER),
        "haste.conf": strongswan.HASTE,
        "server.conf": strongswan.SERVER,
    }
    for name, text in texts.items():
        (work / name).write_text(text)
    programs(work / "strongswan.tar")
    return vm.run([SCRIPT, GUEST / "world.py", GUEST / "probe.py"], executables=[*(work / name for name in texts),
                                                                               work / "strongswan.tar"],
                  before_boot="tar --extract --absolute-names --keep-directory-symlink --file /share/strongswan.tar")


@pytest.mark.parametrize("check", report.checks(SCRIPT))
def test_ipsec(boot, check):
    boot.verify(check)
