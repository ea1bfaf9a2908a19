# SPDX-License-Identifier: GPL-2.0-or-later
"""Where built root file systems are, and the project as it would be installed over one."""
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]


def build_dir():
    """The configured and compiled Meson build directory."""
    return Path(os.environ.get("KS_BUILD_DIR", TOP / "build"))


def cache_dir():
    """Where images are kept; outside the build directory if the environment says so."""
    return Path(os.environ.get("KS_CACHE_DIR", TOP / "build" / "cache"))


def built(builder):
    """Run a builder, which does nothing when its image is there, and return the image's directory."""
    done = subprocess.run([builder, cache_dir()], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"no image: {builder} {cache_dir()} failed; it needs the network once")
    return Path(done.stdout.strip())


def rootfs():
    """The directory of the root file system; never written to."""
    return built(HERE / "build")


def daemons():
    """The directory of what the other network programs add to it; never written to."""
    return built(HERE / "layer")


def desktop():
    """The directory of what the desktops add to it; never written to."""
    return built(HERE / "desktop")


def stage(directory):
    """Install the project under a directory, to be laid over a root file system."""
    env = dict(os.environ, DESTDIR=str(directory))
    done = subprocess.run(["meson", "install", "--quiet", "--no-rebuild", "-C", build_dir()], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"meson install: {done.stdout}")
    if not (Path(directory) / "usr/libexec/killswitchd").exists():
        raise RuntimeError(f"{build_dir()} is not configured with --prefix=/usr --libexecdir=libexec")
    if "ASAN_OPTIONS" in os.environ:
        _relax(Path(directory))
    return Path(directory)


def _relax(directory):
    """A sanitized service: leaks are looked for by tracing, which its unit's sandbox forbids; all else works."""
    for unit in ("killswitchd.service", "killswitch-early.service"):
        drop_in = directory / "usr/lib/systemd/system" / f"{unit}.d"
        drop_in.mkdir()
        options = f"{os.environ['ASAN_OPTIONS']}:detect_leaks=0"
        (drop_in / "sanitizer.conf").write_text(f"[Service]\nEnvironment=ASAN_OPTIONS={options}\n")
