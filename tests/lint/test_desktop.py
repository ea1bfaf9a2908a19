# SPDX-License-Identifier: GPL-2.0-or-later
"""What a desktop finds the tray by: valid entries, and icons that differ by their shape at 16 pixels."""

import itertools
import os
import re
import subprocess
import zlib

import pytest

from lib.sources import TREE, files, read

DATA = "client/data"
ICONS = f"{DATA}/icons/hicolor"
LOOKS = ("off", "blocking", "protecting", "paused", "degraded", "unknown")
SIZE = 16


def run(*command):
    return subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


@pytest.mark.parametrize("path", files(".desktop", under="client"))
def test_desktop_entries(path):
    done = run("desktop-file-validate", path)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("path", files(".metainfo.xml", under="client"))
def test_metainfo(path):
    done = run("appstreamcli", "validate", "--no-net", path)
    assert done.returncode == 0, done.stdout.decode()
    assert f'<release version="{re.search(r"version: .([0-9.]+)", read("meson.build"))[1]}"' in read(path)


def unfilter(kind, line, above):
    """One line of a PNG with four bytes a pixel."""
    done = bytearray()
    for place, value in enumerate(line):
        left, over = done[place - 4] if place >= 4 else 0, above[place]
        corner = above[place - 4] if place >= 4 else 0
        nearest = min((left, over, corner), key=lambda known: abs(left + over - corner - known))
        done.append((value + (0, left, over, (left + over) // 2, nearest)[kind]) & 255)
    return bytes(done)


def alpha(path, size=SIZE):
    """How much of each pixel a picture covers, 0 to 255."""
    done = subprocess.run(["rsvg-convert", f"--width={size}", f"--height={size}", os.path.join(TREE, path)],
                          stdout=subprocess.PIPE, check=True).stdout
    data, place = b"", 8
    while place < len(done):
        length, kind = int.from_bytes(done[place:place + 4], "big"), done[place + 4:place + 8]
        if kind == b"IHDR":
            assert done[place + 16:place + 18] == b"\x08\x06", "eight bits each of red, green, blue and alpha"
        if kind == b"IDAT":
            data += done[place + 8:place + 8 + length]
        place += 12 + length
    data, lines, above = zlib.decompress(data), [], bytes(4 * size)
    for row in range(size):
        start = row * (4 * size + 1)
        above = unfilter(data[start], data[start + 1:start + 1 + 4 * size], above)
        lines.append(above[3::4])
    return b"".join(lines)


def icon(look, kind):
    """Where themes look for it: hicolor has one directory of symbolic icons."""
    place = "symbolic/apps/killswitch-{}-symbolic.svg" if kind == "symbolic" else f"{kind}/status/killswitch-{{}}.svg"
    return f"{ICONS}/{place.format(look)}"


def test_every_look_has_its_icons():
    used = re.findall(r'"(killswitch-[a-z]+(?:-symbolic)?)"', read("client/tray/face.c"))
    there = [os.path.splitext(os.path.basename(path))[0] for path in files(".svg", under=f"{ICONS}")]
    assert sorted(used) == sorted(name for name in there if name not in ("killswitch", "killswitch-symbolic"))
    assert len(used) == 2 * len(LOOKS)


def test_icons_differ_by_shape():
    """What one colour shows, as the eye of somebody who sees no colours: each pair differs in a good part of its pixels."""
    shapes = {look: alpha(icon(look, "symbolic")) for look in LOOKS}
    for one, other in itertools.combinations(LOOKS, 2):
        differing = sum(abs(a - b) > 96 for a, b in zip(shapes[one], shapes[other]))
        assert differing >= SIZE, (one, other, differing)


def test_shield_is_filled_only_when_it_holds():
    filled = {look: sum(alpha(icon(look, "symbolic"))) / 255 for look in LOOKS}
    holding = [filled[look] for look in ("blocking", "protecting", "degraded")]
    assert min(holding) > 1.15 * max(filled[look] for look in ("off", "paused", "unknown")), filled


def test_symbolic_icons_have_one_colour():
    for path in files(".svg", under=f"{ICONS}/symbolic"):
        assert set(re.findall(r'fill="([^"]*)"', read(path))) == {"#2e3436"}, path
        assert "stroke" not in read(path) and "style" not in read(path), path


def luminance(colour):
    parts = [int(colour[place:place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("background", ["#f4f4f4", "#232629"])
def test_coloured_icons_stand_out(background):
    """The shield's colour against light and dark panels: WCAG asks for 3 of what isn't text, and a filled one has
    its mark besides."""
    for look in LOOKS:
        shield = re.findall(r'fill="(#[0-9a-f]{6})"', read(icon(look, "scalable")))[0]
        light, dark = sorted((luminance(shield), luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= (2.2 if look == "degraded" else 3), (look, shield)
