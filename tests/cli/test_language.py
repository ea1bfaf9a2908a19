# SPDX-License-Identifier: GPL-2.0-or-later
"""What users read is in their language: as the catalogue has it, aligned, and with JSON left alone."""

import json
import os
import re

import pytest

from lib import catalogue, proc
from lib.agent import Terminal
from lib.ground import BY_MARK
from lib.machine import environment
from lib.sources import read

LOCALES = f"{proc.LAB}/locales"
TUNNEL = f"{proc.LAB}/bin/tunnel.py"
# What a template has to have in letters to be sought before a text is taken for a list.
LONG = 10


@pytest.fixture(scope="module", autouse=True)
def locales():
    """German as the system has it, and as it was before UTF-8."""
    os.makedirs(LOCALES)
    for name, charset in (("de_DE.UTF-8", "UTF-8"), ("de_DE.ISO-8859-1", "ISO-8859-1")):
        # It warns of what its own sources lack, by a status of 1.
        proc.run("localedef", "--no-archive", "-i", "de_DE", "-f", charset, f"{LOCALES}/{name}", check=False)
        assert os.path.exists(f"{LOCALES}/{name}/LC_CTYPE")


@pytest.fixture
def tunnel(alone):
    """A program that has a device open and a socket with a mark, for "vpn add" to look at."""
    program = alone.host.spawn("tunnel", [proc.PYTHON, "-u", TUNNEL, "tun7", "udp", "mark=0x77", "to=198.51.100.10:1194"])
    try:
        proc.until(lambda: "ready" in program.log() or not program.running(), "the program to open its device", limit=60)
        assert program.running(), program.log()
        yield program
    finally:
        program.kill()


def german(**variables):
    return environment(LC_ALL="de_DE.UTF-8", LOCPATH=LOCALES, **variables)


def english(**variables):
    return environment(LC_ALL="C", **variables)


def ksctl(*words, env, user=None, namespace=None):
    return proc.run("ksctl", *words, env=env, user=user, namespace=namespace, check=False)


class Translator:
    """Puts an English line as ksctl prints it into German, by the catalogue alone."""

    def __init__(self):
        self.texts = catalogue.translations("de")
        templates = sorted((text for text in self.texts if isinstance(text, str) and catalogue.PLACEHOLDER.search(text)),
                           key=self.letters, reverse=True)
        self.long = [text for text in templates if self.letters(text) >= LONG]
        self.short = templates[len(self.long):]

    @staticmethod
    def letters(template):
        return len(re.findall("[A-Za-z]", catalogue.PLACEHOLDER.sub("", template)))

    def by_template(self, text, templates):
        for template in templates:
            found = re.fullmatch("(.*?)".join(map(re.escape, catalogue.PLACEHOLDER.split(template))), text)
            if found:
                slots = iter(found.groups())
                return catalogue.PLACEHOLDER.sub(lambda _: self.filled(next(slots)), self.texts[template])
        return None

    def filled(self, text):
        """What was filled in: a sentence, what stands for an argument, or a name that is left alone."""
        return self(text) if " " in text else self.texts.get(text, text) if text.isupper() else text

    def __call__(self, text):
        """As it is, or filled in; behind a reason's colon; a list; and what has few words of its own."""
        found = self.texts.get(text) or self.by_template(text, self.long)
        for colon in re.finditer(r": (?:\[VPN [^]]*\] )?", text) if not found else ():
            rest = self.texts.get(text[colon.end():]) or self.by_template(text[colon.end():], self.long)
            if rest:
                before = [self.texts.get(word, word) for word in text[:colon.start()].split(": ")]
                return ": ".join(before) + colon[0] + rest
        if not found and ", " in text:
            return ", ".join(map(self, text.split(", ")))
        return found or self.by_template(text, self.short) or text


@pytest.fixture(scope="module")
def translate():
    return Translator()


@pytest.mark.parametrize("variables, language", (
    ({"LC_ALL": "C", "LANGUAGE": "de"}, "en"),
    ({"LC_ALL": "C.UTF-8"}, "en"),
    ({"LC_ALL": "C.UTF-8", "LANGUAGE": "tlh"}, "en"),
    ({"LC_ALL": "xx_YY.UTF-8", "LANGUAGE": "de"}, "en"),
    # Which can't show what the catalogue holds.
    ({"LC_ALL": "de_DE.ISO-8859-1"}, "en"),
    ({"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "en:de"}, "de"),
    ({"LC_ALL": "de_DE.UTF-8"}, "de"),
    ({"LANG": "de_DE.UTF-8"}, "de"),
    ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "C.UTF-8"}, "en"),
    ({"LC_ALL": "C.UTF-8", "LANGUAGE": "tlh:de"}, "de"),
))
def test_the_environment_decides(machine, translate, variables, language):
    wanted = "ksctl [OPTIONS] [COMMAND]"
    done = ksctl("--help", env=environment(LOCPATH=LOCALES, **variables))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (translate(wanted) if language == "de" else wanted)


def entries(text, width):
    """A page of help: its paragraphs, and the rows of its tables, each as the left and the right column."""
    found = []
    for line in text.splitlines():
        if found and line.startswith(" " * width):
            found[-1][-1] = f"{found[-1][-1]} {line.strip()}".strip()
        elif re.match(r"  +\d ", line):
            found.append(list(line.split(maxsplit=1)))
        elif line[width - 1:width] == " " and (line.startswith("  ") or "  " in line[:width + 1]):
            found.append([line[:width].strip(), line[width:].strip()])
        elif line.startswith("  "):
            found.append([line.strip(), ""])
        elif found and line and len(found[-1]) == 1:
            found[-1][0] = f"{found[-1][0]} {line}".strip()
        else:
            found.append([line])
    return [entry for entry in found if entry != [""]]


@pytest.mark.parametrize("words, width", ((("--help",), 27), (("vpn", "help"), 38)))
def test_help(machine, translate, words, width):
    """Every line of it; and aligned, in lines that fit."""
    plain, translated = ksctl(*words, env=english()).stdout, ksctl(*words, env=german()).stdout
    assert max(map(len, translated.splitlines())) <= 80
    texts = {text.strip(): translate(text).strip() for text in translate.texts if isinstance(text, str)}

    def left(text):
        """A command line: a word that is typed as it is, and what stands for something."""
        verb, _, synopsis = text.partition(" ")
        return texts.get(text) or f"{verb} {texts.get(synopsis, synopsis)}".strip()
    wanted = [[*(left(cell) for cell in entry[:-1]), texts[entry[-1]]] for entry in entries(plain, width)]
    assert entries(translated, width) == wanted
    assert len(wanted) > 8 and sum(mine != its for mine, its in zip(entries(plain, width), wanted)) > 8


LABELS = {label for path in catalogue.sources() for label in re.findall(r'output_row\(_\("([^"]*)"\)', read(path))}
FINDINGS = ("Hole", "Risk", "Note")
MOMENTS = ("%s, just now", "%s, %s ago", "%s, in %s; then it engages again by itself", "Until %s. %s")


def compare(translate, plain, translated):
    """Line by line; times and counts may have moved on in between."""
    assert len(plain.splitlines()) == len(translated.splitlines()), (plain, translated)
    for mine, its in zip(plain.splitlines(), translated.splitlines()):
        label, colon, text = mine.strip().partition(": ")
        if label in LABELS or label in FINDINGS:
            found = re.fullmatch(f" *{translate(label)}: (.*)", its)
            assert found and its.index(":") == mine.index(colon), (mine, its)
            mine, its = text, found[1]
        if label in ("Since", "Until") or re.match(r"Until .*\d", mine):
            patterns = ["(.*?)".join(map(re.escape, translate.texts[moment].split("%s"))) for moment in MOMENTS]
            assert any(re.fullmatch(pattern, its) for pattern in patterns), its
        elif label == "Blocked":
            assert re.fullmatch(r"\d+ .*", its) and its.split(" ", 1)[1] in {
                translate.texts["%llu packet", form].split(" ", 1)[1] for form in (0, 1)}
        elif label == "State":
            # The word that programs go by.
            assert its == mine
        elif label in FINDINGS:
            subject, _, sentence = mine.partition(". ")
            assert its == f"{translate(subject)}. {translate(sentence[:-1])}."
        else:
            assert its == translate(mine), mine


def both(ground, translate, *words, status=0, user=None):
    """Runs it in both languages, and holds one against the other. Returns: what it printed in German."""
    runs = [ksctl(*words, env=env, user=user, namespace=ground.host.name) for env in (english(), german())]
    assert [done.returncode for done in runs] == [status] * 2, runs
    plain, translated = runs
    compare(translate, plain.stdout, translated.stdout)
    compare(translate, plain.stderr, translated.stderr)
    assert plain.stdout + plain.stderr != translated.stdout + translated.stderr
    return translated.stdout + translated.stderr


@pytest.mark.watchdog(300)
def test_states(alone, translate):
    """status in each of them, and what a change tells."""
    settings = f"[Killswitch]\nHostInterfaces=eth0\n{BY_MARK}"
    alone.serve(settings)
    off = both(alone, translate, "status", status=3)
    assert translate("'ksctl on' engages it.") in off
    both(alone, translate, "off")
    both(alone, translate, "audit", status=5)
    both(alone, translate, "on")
    blocking = both(alone, translate, "status")
    # What is wrong is a sentence of the service.
    problem, = json.loads(ksctl("show", "-j", env=german(), namespace=alone.host.name).stdout)["Degraded"]
    assert problem.startswith("HostInterfaces= names eth0") and f"{translate('Problem')}: {translate(problem)}" in blocking
    both(alone, translate, "audit")
    # A way out, which a sentence of several parts tells of.
    alone.host.ip("rule", "add", "priority", "10", "lookup", "main")
    found = both(alone, translate, "audit")
    assert f"{translate('Risk')}: {translate('rule 10 (IPv4)')}. " in found
    both(alone, translate, "pause", "1h")
    paused = both(alone, translate, "status", status=3)
    assert re.search(f"^ *{translate('Until')}: ", paused, re.M)
    both(alone, translate, "resume")
    for lan in ("none", "all", "private"):
        both(alone, translate, "lan", lan)
    both(alone, translate, "reload")


@pytest.mark.watchdog(300)
def test_command_lines(alone, translate):
    """What is wrong with each, and that the help tells more; without a service."""
    for words in (("frobnicate",), ("stat",), ("--hepl",), ("-x",), ("pause",), ("pause", "forever"), ("pause", "0"),
                  ("pause", "8d"), ("on", "--trial=1ms"), ("lan", "privat"),
                  ("lan", "x"), ("off", "x"), ("lan", "a", "b"), ("vpn", "show"), ("vpn", "lst"), ("vpn", "add", "Mark=1"),
                  ("status", "--json=x"), ("--host",), ("-H", "a", "-M", "b"), ("on", "--value")):
        both(alone, translate, *words, status=2)


@pytest.mark.watchdog(300)
def test_errors(alone, translate):
    """Each a sentence of its own, most of the service; and what is done about it."""
    root = alone.serve(BY_MARK)
    for words in (("show", "-p", "Stat"), ("show", "-p", "Foo")):
        both(alone, translate, *words, status=2)
    for words in (("confirm",), ("pause", "1h"), ("resume",), ("vpn", "remove", "wg"), ("vpn", "remove", "x"), ("vpn", "show", "x"),
                  ("vpn", "add", "wg", "Interface=tun1", "Mark=1"), ("vpn", "add", "b", "Interface=tun1", "Mark=abc"),
                  ("vpn", "add", "c", "Interface=tun1", "Protocol=udp"), ("vpn", "add", "--interface=tun1"),
                  ("vpn", "add", "e", "Interface=lo", "Mark=1"), ("vpn", "add", "f", "Interface=tun1", "Marc=1")):
        both(alone, translate, *words, status=1)
    for words in (("off", "--no-ask-password"), ("vpn", "add", "g", "Interface=tun1", "Mark=1")):
        if words[0] == "off":
            root.call("Engage")
        both(alone, translate, *words, status=4, user="tester")
    alone.daemon.stop()
    both(alone, translate, "status", status=8)


def test_tables(alone, translate):
    """Columns stand below their titles, which are longer here."""
    alone.serve("")
    both(alone, translate, "vpn", "list")
    alone.daemon.stop()
    alone.serve(BY_MARK)
    ksctl("vpn", "add", "office", "Interface=tun1", "Mark=1", env=german(), namespace=alone.host.name)
    table = [re.split("  +", line) for env in (english(), german()) for line in
             ksctl("vpn", "list", env=env, namespace=alone.host.name).stdout.splitlines()]
    plain, translated = table[:len(table) // 2], table[len(table) // 2:]
    assert len(plain) == 3
    assert translated == [[translate(cell) for cell in row] for row in plain]
    lines = ksctl("vpn", "list", env=german(), namespace=alone.host.name).stdout.splitlines()
    assert len({line.index(row[-1], len(row[0])) for line, row in zip(lines, translated)}) == 1


def test_monitor(alone, translate):
    """What happens, as it happens; the words for states are those that programs go by."""
    root = alone.serve("")
    monitor = alone.host.spawn("monitor", ["ksctl", "monitor"], env=german())
    try:
        def line(text):
            proc.until(lambda: re.search(f"^[-0-9]+ [:0-9]+  {re.escape(text)}$", monitor.log(), re.M) or not monitor.running(),
                       f"the line {text!r}", limit=60)
            assert monitor.running(), monitor.log()
        line("off: " + translate("Not protected: the kill switch is off, and traffic leaves this machine directly."))
        root.call("Engage")
        line("blocking: " + translate.texts["%s (was %s)"].replace("%s", translate("engaged"), 1).replace("%s", "off"))
        alone.daemon.stop()
        line(f"{translate('service')}: " + translate("it has gone; what it set up in the kernel stays in force"))
    finally:
        monitor.kill()


@pytest.mark.usefixtures("tunnel")
def test_programs_read_the_same_in_every_language(alone):
    """JSON, properties and words: to the byte."""
    alone.serve(BY_MARK)
    for words in (("status", "-j"), ("status", "--json=pretty"), ("show",), ("show", "-j"), ("show", "-p", "State,Lan", "--value"),
                  ("is-active",), ("is-active", "-j"), ("lan",), ("lan", "-j"), ("vpn", "list", "-j"), ("vpn", "show", "wg"),
                  ("audit", "-j"), ("vpn", "add", "office", "--dry-run", "--json=short"), ("--version",)):
        runs = [ksctl(*words, env=env, namespace=alone.host.name) for env in (english(), german(), german(LANGUAGE="de"))]
        assert runs[0].stdout and {(done.returncode, done.stdout, done.stderr) for done in runs} == {
            (runs[0].returncode, runs[0].stdout, "")}, words


@pytest.mark.usefixtures("tunnel")
def test_questions(alone, translate):
    """They are asked in the user's language, and answered in it."""
    root = alone.serve("")
    for answer, told in (("n", "Nothing was changed."), ("", "Nothing was changed."), ("Ja", "The VPN %s was added.")):
        assert root.get("Vpns") == []
        terminal = Terminal(["ksctl", "vpn", "add", "home"], namespace=alone.host.name, env=german(TERM="xterm"))
        terminal.expect(re.escape(translate("Add this VPN? [y/N] ")))
        terminal.type(answer)
        status, text = terminal.wait()
        assert status == (0 if answer == "Ja" else 1) and translate.texts[told].replace("%s", "home") in text
    assert [vpn["Name"] for vpn in root.get("Vpns")] == ["home"]


def test_polkit_asks_in_the_language_of_its_agent(machine, translate):
    listed = proc.run("busctl", "--json=short", "call", "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                      "org.freedesktop.PolicyKit1.Authority", "EnumerateActions", "s", "de_DE.UTF-8", env=environment())
    actions = {action[0]: action[1:3] for action in json.loads(listed)["data"][0] if action[0].startswith("org.killswitch1.")}
    assert len(actions) == 3
    german_texts = set(translate.texts.values())
    policy = open("/usr/share/polkit-1/actions/org.killswitch1.policy", encoding="utf-8").read()
    for description, message in actions.values():
        assert {description, message} <= german_texts and f'<message xml:lang="de">{message}</message>' in policy
