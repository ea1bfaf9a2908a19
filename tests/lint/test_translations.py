# SPDX-License-Identifier: GPL-2.0-or-later
"""What users read is translated, all of it, and the catalogues are as the sources want them."""

import re
import unicodedata

import pytest

from lib import catalogue
from lib.sources import files, read

# To be typed, and the same in every language; or for a journal.
COMMAND = re.compile(r"(sudo )?ksctl\b|killswitch-tray: ")
# Of the rows of ksctl: what stands before the colon.
LABEL_WIDTH = 7
SENTENCE = re.compile(r"[^#,].*?(?:[A-Za-z']{2,},? ){3}[a-z']{2,}")
each_language = pytest.mark.parametrize("language", catalogue.languages())


def pairs(language):
    for key, text in catalogue.translations(language).items():
        yield key[0] if isinstance(key, tuple) else key, text


def test_there_is_a_second_language():
    assert "de" in catalogue.languages()


@each_language
def test_complete(language, tmp_path):
    """Nothing is untranslated or uncertain, and nothing is left of what the sources have no longer."""
    template = catalogue.wanted(tmp_path / "wanted.pot")
    done = catalogue.run("msgcmp", f"{catalogue.PO}/{language}.po", str(template))
    assert done.returncode == 0, done.stderr.decode()
    old = [line for line in read(f"{catalogue.PO}/{language}.po").splitlines() if line.startswith("#~")]
    assert old == []
    done = catalogue.run("msgcmp", str(template), f"{catalogue.PO}/{language}.po", "--use-untranslated")
    assert done.returncode == 0, "no longer in the sources:\n" + done.stderr.decode()


@each_language
def test_well_formed(language):
    done = catalogue.run("msgfmt", "--check", "--output-file=/dev/null", f"{catalogue.PO}/{language}.po")
    assert (done.returncode, done.stderr.decode()) == (0, "")


@each_language
def test_placeholders_and_edges_are_kept(language):
    """A translation takes the same arguments, and begins and ends as its place needs it."""
    wrong = [key for key, text in pairs(language)
             if sorted(re.sub(r"\d+\$", "", found) for found in catalogue.PLACEHOLDER.findall(text)) != sorted(catalogue.PLACEHOLDER.findall(key))
             or len(key) - len(key.lstrip()) != len(text) - len(text.lstrip())
             or len(key) - len(key.rstrip()) != len(text) - len(text.rstrip())
             or (key[-1] == ".") != (text[-1] == ".")]
    assert wrong == []


@each_language
def test_labels_are_aligned(language):
    """They stand in a column of that width in each language."""
    labels = {label for path in catalogue.sources() for label in re.findall(r'output_row\(_\("([^"]*)"\)', read(path))}
    assert len(labels) > 5
    texts = catalogue.translations(language)
    long = [texts[label] for label in labels if len(unicodedata.normalize("NFC", texts[label])) > LABEL_WIDTH]
    assert long == []


def test_every_source_with_text_is_looked_through():
    listed = re.sub(r"#.*", "", read(f"{catalogue.PO}/POTFILES.in")).split()
    using = [path for path in catalogue.sources() if any(marked for _, marked in catalogue.literals(path))]
    using += [path for path in files(".js", under="client") if re.search(r"\b(?:_|ngettext)\(", read(path))]
    assert [path for path in using if path not in listed] == []
    assert listed == sorted(set(listed)) and len(using) > 10


def test_no_sentence_goes_untranslated():
    """Where two words follow each other in a string, a person reads it; so does the first argument of what reports."""
    found = []
    for path in catalogue.sources():
        found += [f"{path}: {text}" for text, marked in catalogue.literals(path)
                  if not marked and re.search(r"[A-Za-z]{2,}[,;:]? [a-z]{2,}", catalogue.PLACEHOLDER.sub("%", text))
                  and not COMMAND.match(text)]
        source = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        found += [f"{path}: {text}" for text in
                  re.findall(r'\b(?:report|report_usage|output_row|print_line)\(\s*"([^"]*)"', source) if "%" not in text]
        found += [f"{path}: {text}" for text in re.findall(r'\boutput_sentence\(\w+,\s*"([^"]*)"', source)]
    assert found == []


def parts(sentence):
    """What is the same whatever is filled in, and in whatever order it is put together."""
    return [part.strip(" '") for part in re.split(r"%s|[.;:,] | \(", sentence) if len(part) >= 12]


def test_the_client_knows_what_the_service_says():
    """Each sentence of the service is in the client's table, where it is translated, and none is there that the service
    has no longer. Both are held by their parts, since some are put together there."""
    table = [text for text, marked in catalogue.literals("client/common/sentences.c") if marked]
    service = list(catalogue.said())
    everything, known = "\n".join(text for _, text in service), "\n".join(table)
    assert len(table) > 100
    gone = [text for text in table if parts(text) and max(parts(text), key=len) not in everything]
    assert gone == []
    # What has a line break is a file or a set of rules.
    unknown = [f"{path}: {text}" for path, text in service
               if SENTENCE.match(text) and "\\n" not in text and [part for part in parts(text) if part not in known]]
    assert unknown == []


def test_each_sentence_is_found_by_its_own_template():
    """The first one that fits counts: none stands behind one that takes it for its own."""
    table = [text for text, marked in catalogue.literals("client/common/sentences.c") if marked]
    fits = [re.compile("".join(".*" if part == "%s" else re.escape(part) for part in re.split("(%s)", text)))
            for text in table]
    hidden = [text for index, text in enumerate(table)
              if any(one.fullmatch(text.replace("%s", "x")) for one in fits[:index])]
    assert hidden == []
