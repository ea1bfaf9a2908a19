# SPDX-License-Identifier: GPL-2.0-or-later
"""A booted container: systemd as process 1, system bus, polkit and logind over the installed project."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .. import rootfs
from .report import Report

HERE = Path(__file__).resolve().parent


def fill(share, files):
    """Put the scripts of a scenario, and what they import, into the directory that the booted system sees."""
    for file in [HERE / "guest.py", *files]:
        shutil.copy(file, share)


def run(files, timeout=240, installed=True, tools=False, daemons=False, desktop=False, keep=None):
    """Boot, run the first of files there as root, and return its Report.

    installed: whether the project is, as Meson installs it.
    tools: whether the system has what this machine has below /usr too, to build with.
    daemons: whether it has the other network programs, none of them started.
    desktop: whether it has desktops instead.
    keep: a directory that gets what the scripts leave in /share/keep."""
    with tempfile.TemporaryDirectory(prefix="ksbox-") as work:
        work = Path(work)
        share = work / "share"
        (share / "keep").mkdir(parents=True)
        os.chmod(work, 0o755)
        stage = work / "stage"
        stage.mkdir()
        if installed:
            rootfs.stage(stage)
        fill(share, files)
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", HERE / "run", rootfs.rootfs(), stage, share, "python3", "/share/" + Path(files[0]).name],
            env=dict(os.environ, KS_BOOT_TIMEOUT=str(timeout), KS_BOOT_TOOLS="yes" if tools else "",
                     KS_BOOT_LAYER=str(rootfs.daemons() if daemons else rootfs.desktop() if desktop else "")), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        if keep:
            shutil.copytree(share / "keep", keep, dirs_exist_ok=True)
        return Report(done.returncode, _read(share / "output"), done.stdout, _read(share / "journal"))


def _read(path):
    return path.read_text(errors="replace") if path.exists() else ""
