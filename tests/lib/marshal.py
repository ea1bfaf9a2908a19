# SPDX-License-Identifier: GPL-2.0-or-later
"""Method calls as the D-Bus specification marshals them, for tests that speak the protocol themselves."""

import struct

NO_REPLY_EXPECTED = 1


def string(text):
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def method_call(destination, path, interface, member, *texts, serial=1, fds=0, flags=0):
    """One call with no arguments but strings."""
    body = b""
    for text in texts:
        body += b"\0" * (-len(body) % 4) + string(text)
    fields = b""
    for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member), (6, b"s", destination)):
        fields += b"\0" * (-len(fields) % 8)
        fields += struct.pack("<B", code) + b"\1" + kind + b"\0" + string(value)
    if texts:
        fields += b"\0" * (-len(fields) % 8)
        fields += struct.pack("<BBsBB", 8, 1, b"g", 0, len(texts)) + b"s" * len(texts) + b"\0"
    if fds:
        fields += b"\0" * (-len(fields) % 8)
        fields += struct.pack("<B", 9) + b"\1u\0" + struct.pack("<I", fds)
    header = struct.pack("<cBBBIII", b"l", 1, flags, 1, len(body), serial, len(fields)) + fields
    return header + b"\0" * (-len(header) % 8) + body


HELLO = method_call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")


def service_call(member, *texts, interface="org.killswitch1", **options):
    """One call to the kill switch."""
    return method_call("org.killswitch1", "/org/killswitch1", interface, member, *texts, **options)
