# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the kill switch is in the kernel, read without a process: thousands of rounds look at it."""

import ctypes
import json
import os
import socket
import struct

from lib.ground import TABLE

RTM_DELROUTE, RTM_GETROUTE, RTM_DELRULE, RTM_GETRULE = 25, 26, 33, 34
REQUEST, DUMP, ACK = 0x1, 0x301, 0x5
RTA_TABLE, RTA_CACHEINFO, FRA_PROTOCOL = 15, 12, 21
DONE, ERROR = 3, 2
OUTPUT_STATELESS, OUTPUT_JSON, OUTPUT_NUMERIC_ALL = 1 << 2, 1 << 4, 0xF << 7


class Nft:
    """libnftables with its socket in a namespace."""

    library = None

    def __init__(self, space, flags):
        if Nft.library is None:
            Nft.library = ctypes.CDLL("libnftables.so.1")
            for name in ("nft_ctx_new", "nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
                getattr(Nft.library, name).restype = ctypes.c_void_p if name == "nft_ctx_new" else ctypes.c_char_p
        self.space = space
        with space.entered():
            self.context = ctypes.c_void_p(self.library.nft_ctx_new(0))
        self.library.nft_ctx_buffer_output(self.context)
        self.library.nft_ctx_buffer_error(self.context)
        self.library.nft_ctx_output_set_flags(self.context, flags)

    def run(self, command):
        """What nft prints, None when it refuses."""
        with self.space.entered():
            failed = self.library.nft_run_cmd_from_buffer(self.context, command.encode())
        told = self.library.nft_ctx_get_output_buffer(self.context).decode()
        self.library.nft_ctx_get_error_buffer(self.context)
        return None if failed else told

    def close(self):
        self.library.nft_ctx_free(self.context)


def attributes(data):
    found = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found.append((kind, data[4:length]))
        data = data[(length + 3) & ~3:]
    return found


class Ours:
    """Rules, routes and tables of the kill switch, as values to compare."""

    def __init__(self, space):
        self.space = space
        self.nft = Nft(space, OUTPUT_STATELESS | OUTPUT_NUMERIC_ALL)
        with space.entered():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.number = 0

    def _send(self, kind, flags, payload):
        self.number += 1
        self.socket.send(struct.pack("=IHHII", 16 + len(payload), kind, flags, self.number, 0) + payload)

    def _dump(self, kind, family):
        self._send(kind, DUMP, bytes([family]) + bytes(11))
        while True:
            data = self.socket.recv(1 << 18)
            while len(data) >= 16:
                length, told, _, number, _ = struct.unpack_from("=IHHII", data)
                if number == self.number:
                    if told == DONE:
                        return
                    assert told != ERROR, f"dump {kind}: {data[16:20]}"
                    yield data[16:28], attributes(data[28:length])
                data = data[(length + 3) & ~3:]

    def rules(self):
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            found += [(header, tuple(told)) for header, told in self._dump(RTM_GETRULE, family)
                      if dict(told).get(FRA_PROTOCOL) == bytes([TABLE])]
        # Those that share a priority are alternatives, in any order.
        return tuple(sorted(found))

    def routes(self):
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            for header, told in self._dump(RTM_GETROUTE, family):
                if struct.unpack("=I", dict(told)[RTA_TABLE])[0] == TABLE or header[5] == TABLE:
                    found.append((header, tuple(one for one in told if one[0] != RTA_CACHEINFO)))
        return tuple(sorted(found))

    def tables(self):
        return tuple(self.nft.run(f"list table {family} killswitch") for family in ("inet", "netdev"))

    def read(self):
        return self.rules(), self.routes(), self.tables()

    def delete(self, kind, entry):
        """Takes a rule (RTM_DELRULE) or a route (RTM_DELROUTE) away that was read before."""
        header, told = entry
        self._send(kind, ACK, header + b"".join(struct.pack("=HH", 4 + len(value), number) + value +
                                                bytes(-len(value) % 4) for number, value in told))
        code, = struct.unpack_from("=i", self.socket.recv(4096), 16)
        assert code == 0, os.strerror(-code)

    def wipe(self):
        """Everything of ours, as a reboot does."""
        for rule in self.rules():
            self.delete(RTM_DELRULE, rule)
        for route in self.routes():
            self.delete(RTM_DELROUTE, route)
        self.nft.run("delete table inet killswitch")
        assert self.read() == NOTHING

    def close(self):
        self.nft.close()
        self.socket.close()


NOTHING = ((), (), (None, None))


class Tally:
    """A meter's counters, likewise."""

    def __init__(self, meter):
        self.nft = Nft(meter.namespace, OUTPUT_JSON)

    def read(self):
        listed = json.loads(self.nft.run("list counters table netdev tally"))
        return {entry["counter"]["name"][2:]: entry["counter"]["packets"]
                for entry in listed["nftables"] if "counter" in entry}

    def close(self):
        self.nft.close()
