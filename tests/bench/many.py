# SPDX-License-Identifier: GPL-2.0-or-later
"""Times Engage and Release with 64 VPNs that are up, each with four selectors, beside one of them alone."""

import fcntl
import os
import struct
import sys

from measure import USER, Broken, Helper, Series, ground, head, row, run, state_on_disk

VPNS, SELECTORS = 64, 4
ROUNDS = 15
AIM = 3.0
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def section(number):
    servers = "".join(f"Endpoint=198.51.{100 + number}.{10 + i}:1194\n" for i in range(SELECTORS))
    return f"[VPN many{number}]\nInterface=many{number}\nMark={0x100 + number}\nProtocol=udp\n{servers}"


def links(space):
    """All of them, up, also when only one has a section. Returns what keeps them there."""
    kept, lines = [], []
    with space.entered():
        for number in range(VPNS):
            tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", f"many{number}".encode(), IFF_TUN | IFF_NO_PI))
            kept.append(tunnel)
            lines += [f"address add 10.{100 + number}.0.2/24 dev many{number}",
                      f"address add fd{number:02x}:9::2/64 dev many{number} nodad", f"link set many{number} up"]
    space.ips("\n".join(lines))
    return kept


def main():
    with ground() as place:
        state_on_disk()
        kept = links(place.host)
        settings = {1: section(0), VPNS: "".join(section(number) for number in range(VPNS))}
        place.daemon.configure(settings[1])
        place.daemon.start()
        root, caller, times = place.caller("root"), Helper("bench-caller", namespace=place.host.name, user=USER), Series()
        for turn in range(ROUNDS + 1):
            for count, text in settings.items():
                place.daemon.configure(text)
                root.call("Reload")
                taken = {"Engage": caller.time("Engage")}
                up = sum(vpn["Up"] for vpn in root.state()[1]["Vpns"])
                if up != count:
                    raise Broken(f"{up} of {count} VPNs are up: {root.state()}")
                rules = sum(len(place.own_rules(family)) for family in (4, 6)) if turn == 0 else 0
                taken["Release"] = caller.time("Release")
                if turn == 0:
                    print(f"{count:3} VPNs: {rules} rules")
                    continue
                for verb, time in taken.items():
                    times.add(f"{verb} {count}", time)
        place.assert_nothing_left()
        caller.close()
        for tunnel in kept:
            os.close(tunnel)
    print(f"\n{ROUNDS} rounds, in ms; load average {os.getloadavg()[0]:.1f}.")
    head("", "least", "median", "most", "ratio")
    for verb in ("Engage", "Release"):
        one = times.median(f"{verb} 1")
        for count in settings:
            row(f"{verb}, {count} VPN{'s' if count > 1 else ''} of {SELECTORS} selectors", *times.spread(f"{verb} {count}"),
                times.median(f"{verb} {count}") / one)
    ratio = times.median(f"Engage {VPNS}") / times.median("Engage 1")
    print(f"\n  The aim is less than {AIM:.0f} times the time of one: {'so it is' if ratio < AIM else 'not so'}.\n")


if __name__ == "__main__":
    sys.exit(run(main))
