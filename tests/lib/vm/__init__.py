# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine with the distribution's own kernel, booted over the installed project."""
import io
import os
import select
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from .. import booted, rootfs
from ..booted.report import Report

HERE = Path(__file__).resolve().parent

PREPARE = """#!/bin/sh
# Before systemd starts, inside the root file system: what a package's installation script does.
set -e
systemd-sysusers
systemctl --quiet enable killswitch-early.service
[ ! -e /share/before-boot ] || sh -e /share/before-boot
"""

UNIT = """[Unit]
After=basic.target dbus.socket systemd-logind.service
[Service]
Type=exec
ExecStart=/share/start
"""

START = """#!/bin/bash
# The device may still be on its way.
until port=$(grep -l '^ksbox$' /sys/class/virtio-ports/*/name 2>/dev/null) && [ -c "/dev/$(basename "$(dirname "$port")")" ]; do
    sleep 0.1
done
exec 3>/dev/$(basename "$(dirname "$port")")
{command} >&3 2>&1 </dev/null
echo "status=$?" >&3
journalctl -b --no-pager -o short-monotonic | tail -n 400 | sed 's/^/journal /' >&3
sync
systemctl --force --force poweroff
"""

# An emulated processor may lose its timer for good on a machine that is very busy, most likely while it starts.
BOOTS = 3
BOOT_LIMIT = 150
SILENCE_LIMIT = 240

# Without random addresses the emulator finds what it has translated of a program again when that is started once more.
KERNEL = ("console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr norandmaps audit=0 apparmor=0 nowatchdog "
          "random.trust_cpu=on no_timer_check tsc=reliable 8250.nr_uarts=1 i8042.noaux i8042.nokbd "
          "rcupdate.rcu_expedited=1 systemd.show_status=0")


def _masked(*units):
    return "".join(f" systemd.mask={unit}" for unit in units)


# What nothing here uses and every boot would take its time for.
NEVER = " systemd.condition-needs-update=0" + _masked(
    "systemd-journal-catalog-update.service", "systemd-random-seed.service", "systemd-tmpfiles-clean.timer",
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "modprobe@configfs.service", "modprobe@drm.service",
    "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@dm_mod.service", "modprobe@loop.service",
    "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
    "dev-hugepages.mount", "dev-mqueue.mount", "remote-fs.target")
# What a life between two power cuts does without, so as to be short; without udev the port's driver has to be asked for.
WITHOUT = " modules_load=virtio_console" + _masked(
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
    "systemd-journal-flush.service", "systemd-tmpfiles-setup-dev.service", "systemd-logind.service",
    "systemd-user-sessions.service", "polkit.service", "getty.target")


def run(files, before_boot=None, executables=(), timeout=600):
    """Boot, run the first of files as root when the system is up, and return its Report.

    before_boot is a line for the shell, run inside the root file system before systemd starts.
    executables are further files that go to /share.
    """
    with tempfile.TemporaryDirectory(prefix="ksbox-") as work:
        work = Path(work)
        image = _stage(work, files, before_boot, executables)
        for number in range(BOOTS):
            port, console, emulator = _boot(image, work / str(number), work / "initrd", timeout)
            if port.exists() and port.stat().st_size:
                break
        return _report(port, console, emulator)


class Lives:
    """A machine whose power can be cut at any moment; its disk, written as a real one is, outlives that.

    In every life the first of files is run as root when the system is up, and never ends."""

    def __init__(self, work, files, before_boot=None):
        self._work = Path(work)
        self._image = _stage(self._work, files, before_boot, ())
        self._disk, self._port, self._console = (self._work / name for name in ("disk.qcow2", "port", "console"))
        _disk(self._image, self._disk)
        os.mkfifo(self._port)
        self.said = ""

    @contextmanager
    def life(self):
        """Boot. Gives an object with lines, what the script says until the power is cut, and cut()."""
        with open(os.open(self._port, os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as port, \
                open(self._work / "said", "w+", encoding="utf-8", errors="replace") as said:
            command = _emulator(self._image, self._disk, self._work / "initrd", self._port, self._console, "writeback", WITHOUT,
                                # With two, the kernel may wait for ever for the other to see a module's code
                                # patched in, where a sender keeps that one busy.
                                processors=1)
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process:
                try:
                    yield Life(process, port)
                finally:
                    process.kill()
            said.seek(0)
            self.said = said.read() + (self._console.read_text(errors="replace") if self._console.exists() else "")


class Life:
    """From one boot to the power cut."""

    def __init__(self, process, port):
        self._process, self._port = process, port

    def lines(self):
        """What the script says, line by line as it comes; after the cut, what had left the machine before it."""
        text, limit = b"", SILENCE_LIMIT
        while True:
            if not select.select([self._port], [], [], limit)[0]:
                raise Silent(f"not a word for {limit} s")
            data = os.read(self._port.fileno(), 65536)
            if not data and self._process.poll() is not None:
                return
            if not data:
                # The emulator has not opened it yet.
                time.sleep(0.01)
            *whole, text = (text + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)

    def cut(self):
        """The power fails now, unless it has."""
        self._process.kill()
        self._process.wait()


class Silent(Exception):
    """The emulated machine says nothing; its timer may have been lost."""


def _stage(work, files, before_boot, executables):
    """Make the initial file system that lays the project and the script over the image. Returns the image."""
    image = rootfs.built(HERE / "build")
    stage = rootfs.stage(work / "stage")
    share = stage / "share"
    share.mkdir()
    booted.fill(share, files)
    for file in executables:
        shutil.copy2(file, share)
    if before_boot:
        (share / "before-boot").write_text(before_boot + "\n")
    _script(share / "prepare", PREPARE)
    _script(share / "start", START.replace("{command}", f"python3 /share/{Path(files[0]).name}"))
    units = stage / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "ksbox.service").write_text(UNIT)
    (units / "multi-user.target.wants/ksbox.service").symlink_to("../ksbox.service")
    _initrd(image / "initrd", stage, work / "initrd")
    return image


def _script(path, text):
    path.write_text(text)
    path.chmod(0o755)


def _initrd(base, stage, target):
    """The image's initial file system, followed by an archive that holds what is laid over the root."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        # Without the directories, or theirs would overwrite the attributes of those in the image.
        for path in sorted(stage.rglob("*")):
            if path.is_symlink() or not path.is_dir():
                tar.add(path, path.relative_to(stage), recursive=False)
    with open(target, "wb") as initrd:
        initrd.write(base.read_bytes())
        initrd.write(b"\0" * (-initrd.tell() % 512))
        for name, mode, data in (("layer.tar", stat.S_IFREG | 0o600, layer.getvalue()), ("TRAILER!!!", 0, b"")):
            initrd.write(_cpio(name, mode, data))


def _cpio(name, mode, data):
    """One entry of a cpio archive of the kind that the kernel reads."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _disk(image, disk):
    """A disk that holds what is written; what is read is the image's."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "root.img", disk], check=True)


def _emulator(image, disk, initrd, port, console, cache, more="", processors=2):
    """The emulator's command. With the cache "unsafe" it is quick, and what the machine syncs isn't kept safe."""
    command = [
        "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
        "-accel", "tcg,thread=multi,tb-size=512", "-machine", "q35", "-cpu", "qemu64", "-smp", str(processors), "-m", "768",
        "-display", "none", "-serial", f"file:{console}",
        "-kernel", image / "kernel", "-initrd", initrd, "-append", KERNEL + NEVER + more,
        "-drive", f"if=none,id=root,file={disk},format=qcow2,cache={cache}", "-device", "virtio-blk-pci,drive=root",
        "-device", "virtio-serial-pci", "-chardev", f"file,id=port,path={port}",
        "-device", "virtserialport,chardev=port,name=ksbox", "-device", "virtio-rng-pci"]
    # Not for its mere presence: inside of other virtual machines there is a /dev/kvm under which no guest boots.
    if os.environ.get("KS_VM_ACCEL") == "kvm":
        command[command.index("-accel"):command.index("-accel")] = ["-accel", "kvm"]
    return command


def _boot(image, work, initrd, timeout):
    """Run the machine until it powers off; cut it short when not even a first word comes through the port."""
    work.mkdir()
    disk, console, port = work / "disk.qcow2", work / "console", work / "port"
    _disk(image, disk)
    command = ["setpriv", "--pdeathsig", "KILL", "timeout", "--foreground", "-s", "KILL", str(timeout),
               *_emulator(image, disk, initrd, port, console, "unsafe")]
    with open(work / "said", "w+", encoding="utf-8", errors="replace") as said:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process:
            try:
                process.wait(BOOT_LIMIT)
            except subprocess.TimeoutExpired:
                if not port.exists() or not port.stat().st_size:
                    process.kill()
                process.wait()
            finally:
                process.kill()
        said.seek(0)
        return port, console, said.read()


def _report(port, console, emulator):
    """Sort what came through the port: output, exit status, journal."""
    output, journal, status = [], [], 125
    lines = port.read_text(errors="replace").splitlines() if port.exists() else []
    for line in lines:
        if line.startswith("journal "):
            journal.append(line.removeprefix("journal "))
        elif line.startswith("status="):
            status = int(line.removeprefix("status="))
        else:
            output.append(line)
    said = console.read_text(errors="replace") if console.exists() else ""
    return Report(status, "\n".join(output), emulator + said, "\n".join(journal))
