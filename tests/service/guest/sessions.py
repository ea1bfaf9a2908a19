# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what, as polkit decides by real login sessions; and the real units under a real systemd."""
import errno
import json
import socket
import sys

import guest
from guest import Session, active, call, check, error_of, eventually, out, sh, state

MUST_ASK = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
sessions = {}


def engaged():
    """Whether the service says so."""
    return state()[1]["Engaged"]


def kernel_has(family="-4"):
    """Whether the kernel has our rules and our table."""
    rules = json.loads(out("ip", family, "-N", "-j", "-d", "rule", "list"))
    ours = [rule for rule in rules if str(rule.get("protocol")) == "83"]
    return len(ours) > 5, sh("nft list table inet killswitch", ok=False).returncode == 0


@check
def early_unit_has_run():
    eventually(lambda: active("killswitch-early.service") == "active", "the early unit is done")
    assert out("systemctl show --value -p Result killswitch-early.service") == "success"
    assert kernel_has() == (False, False)


@check
def a_call_starts_the_service():
    assert active("killswitchd.service") == "inactive"
    assert state()[0] == "off"
    assert active("killswitchd.service") == "active"
    assert "active (running)" in out("systemctl status --no-pager killswitchd.service")


@check
def the_unit_confines_it():
    guest.confined()


@check
def sessions_are_what_they_should_be():
    # Several users, because for polkit all sessions of a user are as active as the most active of them.
    out("useradd --create-home visitor; useradd --create-home traveller")
    sessions["inactive"] = Session("guest")
    sessions["active"] = Session("tester")
    sessions["any"] = Session("visitor", seat=False)
    sessions["remote"] = Session("traveller", remote="198.51.100.77")
    seen = {name: session.properties() for name, session in sessions.items()}
    assert seen["active"]["Active"] == "yes" and seen["active"]["Seat"] == "seat0", seen
    assert seen["inactive"]["Active"] == "no" and seen["inactive"]["Seat"] == "seat0", seen
    assert not seen["any"].get("Seat"), seen
    assert seen["any"]["Remote"] == seen["active"]["Remote"] == "no", seen
    assert (seen["remote"]["Remote"], seen["remote"]["RemoteHost"]) == ("yes", "198.51.100.77"), seen
    assert not seen["remote"].get("Seat"), seen


@check
def an_active_session_engages_without_a_prompt():
    assert error_of(sessions["active"], "Engage") is None
    assert engaged() and kernel_has("-4") == (True, True) and kernel_has("-6") == (True, True)


@check
def engaging_again_asks_nobody():
    for session in sessions.values():
        assert error_of(session, "Engage") is None


@check
def nobody_releases_without_the_password():
    for name, session in sessions.items():
        assert error_of(session, "Release") == MUST_ASK, name
        done = session.run("ksctl", "--no-ask-password", "off")
        assert done.returncode == 4 and done.stdout, (name, done)
    assert engaged()


@check
def nobody_pauses_or_configures_without_the_password():
    for name, session in sessions.items():
        assert error_of(session, "Pause", "uint64:60000000") == MUST_ASK, name
        assert error_of(session, "SetLan", "string:all") == MUST_ASK, name
        assert error_of(session, "Reload") == MUST_ASK, name
    word, details = state()
    assert word == "blocking" and details["Lan"] == "private", (word, details)


@check
def a_prompt_that_nobody_can_answer_denies():
    done = sessions["active"].run("busctl", "--allow-interactive-authorization=yes", "call",
                                  *guest.SERVICE, "Release")
    assert done.returncode, done
    assert engaged()


@check
def releasing_while_off_asks_nobody():
    call("Release")
    for session in sessions.values():
        assert error_of(session, "Release") is None
    assert not engaged() and kernel_has() == (False, False)


@check
def the_sandbox_lets_it_end_connections():
    out("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; "
        "ip address add 198.51.100.2/24 dev up0; ip route add 203.0.113.0/24 dev up0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(30)
        sock.connect(("203.0.113.9", 7))
        call("Engage")
        try:
            sock.recv(1)
        except OSError as error:
            assert error.errno == errno.ECONNABORTED, error
        else:
            raise AssertionError("the connection goes on")
    call("Release")
    out("ip link delete up0")


@check
def an_inactive_session_must_ask_to_engage():
    assert error_of(sessions["inactive"], "Engage") == MUST_ASK
    done = sessions["inactive"].run("ksctl", "--no-ask-password", "on")
    assert done.returncode == 4, done
    assert not engaged() and kernel_has() == (False, False)


@check
def a_session_without_a_seat_must_ask_to_engage():
    assert error_of(sessions["any"], "Engage") == MUST_ASK
    assert not engaged()


@check
def a_remote_session_must_ask_to_engage():
    assert error_of(sessions["remote"], "Engage") == MUST_ASK
    done = sessions["remote"].run("ksctl", "--no-ask-password", "on")
    assert done.returncode == 4, done
    assert not engaged()


@check
def a_process_without_a_session_must_ask_to_engage():
    done = sh("setpriv", "--reuid=tester", "--regid=tester", "--init-groups",
              "dbus-send", "--system", "--print-reply", f"--dest={guest.SERVICE[0]}", guest.SERVICE[1],
              f"{guest.SERVICE[2]}.Engage", ok=False)
    assert MUST_ASK in done.stderr, done
    assert not engaged()


@check
def the_seat_decides_not_the_user():
    second = Session("guest")
    assert sessions["active"].properties()["Active"] == "no"
    assert error_of(sessions["active"], "Engage") == MUST_ASK
    assert error_of(second, "Engage") is None
    assert engaged()
    second.end()
    # Whoever logs in last has the seat again.
    sessions["active"].end()
    sessions["active"] = Session("tester")
    assert sessions["active"].properties()["Active"] == "yes"
    call("Release")


@check
def the_command_engages_in_an_active_session():
    done = sessions["active"].run("ksctl", "on")
    assert done.returncode == 0, done
    assert engaged()
    assert sessions["any"].run("ksctl", "is-active").returncode == 0


@check
def a_wrong_password_keeps_it_engaged():
    done = sessions["active"].run("ksctl", "off", typed="wrong")
    assert done.returncode == 4, done
    assert engaged()


@check
def the_right_password_releases():
    done = sessions["active"].run("ksctl", "off", typed="root")
    assert done.returncode == 0 and "assword" in done.stdout, done
    assert not engaged() and kernel_has("-4") == (False, False) and kernel_has("-6") == (False, False)


@check
def the_right_password_engages_where_it_must_be_asked():
    done = sessions["inactive"].run("ksctl", "on", typed="root")
    assert done.returncode == 0 and "assword" in done.stdout, done
    assert engaged()


@check
def the_right_password_does_all_from_afar():
    # A trial is what the warning of a remote session proposes; without one ksctl asks back.
    for words, expected in ((("off",), False), (("on", "--trial=5m"), True), (("confirm",), True)):
        before = engaged()
        done = sessions["remote"].run("ksctl", *words, typed="wrong")
        assert done.returncode == 4 and engaged() == before, (words, done)
        done = sessions["remote"].run("ksctl", *words, typed="root")
        assert done.returncode == 0 and "assword" in done.stdout, (words, done)
        assert engaged() == expected and kernel_has() == (expected, expected)
    assert not state()[1]["Deadline"], state()


@check
def reload_by_systemd_works():
    out("systemctl reload killswitchd.service")
    assert engaged()


@check
def a_killed_service_starts_again_and_adopts():
    pid = guest.main_pid("killswitchd.service")
    out("systemctl kill --signal=KILL killswitchd.service")
    eventually(lambda: guest.main_pid("killswitchd.service") not in (0, pid), "the service is started again")
    assert kernel_has("-4") == (True, True) and kernel_has("-6") == (True, True)
    assert engaged()
    guest.confined()


@check
def a_stopped_service_leaves_it_engaged():
    out("systemctl stop killswitchd.service")
    assert kernel_has("-4") == (True, True) and kernel_has("-6") == (True, True)
    assert active("killswitchd.service") == "inactive"


@check
def the_early_unit_restores_the_intent():
    out("nft delete table inet killswitch; ip -4 rule flush protocol 83; ip -6 rule flush protocol 83; "
        "ip -4 route flush table 83; ip -6 route flush table 83")
    assert kernel_has("-4") == (False, False) and kernel_has("-6") == (False, False)
    out("systemctl restart killswitch-early.service")
    assert kernel_has("-4") == (True, True) and kernel_has("-6") == (True, True)
    assert active("killswitchd.service") == "inactive"
    assert engaged() and active("killswitchd.service") == "active"


@check
def released_the_early_unit_restores_nothing():
    call("Release")
    out("systemctl stop killswitchd.service")
    out("systemctl restart killswitch-early.service")
    assert kernel_has("-4") == (False, False) and kernel_has("-6") == (False, False)
    assert not engaged()


@check
def no_unit_has_failed():
    assert json.loads(out("systemctl list-units --failed --output=json")) == []


if __name__ == "__main__":
    sys.exit(guest.main())
