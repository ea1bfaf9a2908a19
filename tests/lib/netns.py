# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces: make them, run in them, open sockets in them."""

import contextlib
import ctypes
import os
import socket

from . import proc

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def setns(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name):
        self.name = name
        proc.run("ip", "netns", "add", name)
        self.write("net/ipv6/conf/default/accept_dad", 0)
        self.write("net/ipv6/conf/default/dad_transmits", 0)
        self.write("net/ipv6/conf/default/accept_ra", 0)
        self.write("net/ipv6/conf/default/autoconf", 0)
        self.write("net/ipv6/conf/default/router_solicitations", 0)
        self.write("net/ipv4/ping_group_range", "0 2147483647")

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside for a while; a socket opened there stays there."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(there)
            try:
                yield
            finally:
                setns(here)
        finally:
            os.close(there)
            os.close(here)

    def write(self, key, value):
        with self.entered(), open(f"/proc/sys/{key}", "w", encoding="ascii") as file:
            file.write(str(value))

    def run(self, *argv, **options):
        return proc.run(*argv, namespace=self.name, **options)

    def ip(self, *argv, **options):
        return self.run("ip", *argv, **options)

    def ips(self, lines):
        """Several ip commands, one a line, in one process."""
        return self.run("ip", "-batch", "-", text="".join(f"{line.strip()}\n" for line in lines.splitlines()
                                                          if line.strip()))

    def nft(self, text):
        return self.run("nft", "-f", "-", text=text)

    def spawn(self, label, argv, **options):
        return proc.Process(label, argv, namespace=self.name, **options)

    def ifindex(self, link):
        """None when there is no such link."""
        with self.entered():
            try:
                return socket.if_nametoindex(link)
            except OSError:
                return None

    def delete(self):
        proc.run("ip", "netns", "delete", self.name, check=False)
