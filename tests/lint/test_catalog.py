# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's catalog: every message of the sources explained once, in each language, with fields that exist."""

import re

import pytest

from lib.sources import files, read

MESSAGES = dict(re.findall(r'^#define (KS_MESSAGE_\w+) "([0-9a-f]{32})"$', read("src/common/messages.h"), re.M))
FIELDS = set(re.findall(r'^#define KS_FIELD_\w+ "(\w+)"$', read("src/common/log.h"), re.M)) | {"MESSAGE"}
CATALOGS = ("systemd/killswitch.catalog", "systemd/killswitch.de.catalog")


def entries(path):
    """Each entry: id, its header's fields, and its text."""
    for part in re.split(r"^-- ", read(path), flags=re.M)[1:]:
        head, _, text = part.partition("\n\n")
        name, *lines = head.splitlines()
        yield name, dict(line.split(": ", 1) for line in lines), text.strip()


def test_every_message_is_used():
    used = {word for path in files(".c", under="src") for word in re.findall(r"KS_MESSAGE_\w+", read(path))}
    assert len(MESSAGES) > 20 and used == set(MESSAGES)
    assert len(set(MESSAGES.values())) == len(MESSAGES)


@pytest.mark.parametrize("path", CATALOGS)
def test_every_message_is_explained_once(path):
    found = list(entries(path))
    assert sorted(name for name, _, _ in found) == sorted(MESSAGES.values())
    for name, head, text in found:
        assert set(head) == {"Subject", "Defined-By", "Support", "Documentation"}, name
        assert head["Defined-By"] == "killswitch" and head["Documentation"].startswith("man:"), name
        assert all(head.values()) and len(text.split()) >= 8, name
        assert set(re.findall(r"@(\w+)@", head["Subject"] + text)) <= FIELDS, name


def test_languages_tell_the_same():
    """A field that one language shows, the other shows too; and no text was left untranslated."""
    english, german = ({name: (head, text) for name, head, text in entries(path)} for path in CATALOGS)
    for name, (head, text) in english.items():
        other, words = german[name]
        assert head["Subject"] != other["Subject"] and text != words, name
        assert head["Documentation"] == other["Documentation"], name
        shown = [set(re.findall(r"@(\w+)@", whole)) for whole in (head["Subject"] + text, other["Subject"] + words)]
        assert shown[0] == shown[1], name


def test_the_manual_lists_every_message():
    listed = re.findall(r"^_([0-9a-f]{32})_$", read("docs/man/killswitchd.8.scd"), re.M)
    assert sorted(listed) == sorted(MESSAGES.values())
