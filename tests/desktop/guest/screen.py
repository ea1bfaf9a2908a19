#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A screen that can be looked at without asking anybody: Xvfb's framebuffer as a file, in the format of xwd."""
import mmap
import struct
import zlib

WIDTH, HEIGHT = 1024, 768


def is_plain(look):
    """Whether pixels are all of one colour."""
    return look == look[:4] * (len(look) // 4)


class Screen:
    """The pixels of the display as they are at this moment."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = struct.unpack_from("!25I", self._memory)
        self._start = header[0] + 12 * header[19]
        self._line = header[12]
        assert (header[4], header[5], header[11]) == (WIDTH, HEIGHT, 32), header

    def rows(self, box):
        """The lines of a box (left, top, right, bottom), four bytes a pixel: blue, green, red, nothing."""
        left, top, right, bottom = box
        return [self._memory[self._start + y * self._line + left * 4:self._start + y * self._line + right * 4]
                for y in range(top, bottom)]

    def look(self, box=(0, 0, WIDTH, HEIGHT)):
        """The pixels of a box as a value that can be compared."""
        return b"".join(self.rows(box))

    def save(self, path, box=(0, 0, WIDTH, HEIGHT)):
        """Write a box as a PNG."""
        lines = b""
        for row in self.rows(box):
            pixels = bytearray(len(row) // 4 * 3)
            pixels[0::3], pixels[1::3], pixels[2::3] = row[2::4], row[1::4], row[0::4]
            lines += b"\0" + pixels

        def chunk(kind, data):
            return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            file.write(chunk(b"IHDR", struct.pack("!2I5B", box[2] - box[0], box[3] - box[1], 8, 2, 0, 0, 0)))
            file.write(chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))
