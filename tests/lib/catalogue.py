# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogues of translations, and what the sources want translated."""

import gettext
import io
import os
import re
import subprocess

from .sources import TREE, files, read

PO = "client/po"
PLACEHOLDER = re.compile(r"%(?:\d+\$)?[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|j|z)?[a-zA-Z%]")
STRING = r'"(?:[^"\\\n]|\\.)*"'


def languages():
    return re.sub(r"#.*", "", read(f"{PO}/LINGUAS")).split()


def run(*command, **options):
    return subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)


def wanted(path):
    """Writes a template of what the sources want translated, as the build makes it."""
    done = run("xgettext", "--from-code=UTF-8", "--keyword=_", "--keyword=N_", "--keyword=P_:1,2", "--add-comments",
               "--flag=_:1:pass-c-format", "--flag=N_:1:pass-c-format", "--flag=P_:1:pass-c-format",
               "--flag=P_:2:pass-c-format", f"--files-from={PO}/POTFILES.in", f"--output={path}", env={**os.environ, "GETTEXTDATADIRS": PO})
    assert done.returncode == 0, done.stderr.decode()
    return path


def translations(language):
    """Text by English text; of a plural, each form by both."""
    done = run("msgfmt", "--output-file=-", f"{PO}/{language}.po")
    assert done.returncode == 0, done.stderr.decode()
    catalogue = gettext.GNUTranslations(io.BytesIO(done.stdout))._catalog  # pylint: disable=protected-access
    return {key: text for key, text in catalogue.items() if key}


def sources():
    """Every file of the client that has text for users."""
    return [path for path in files(".c", ".h", under="client") if os.path.basename(path) != "i18n.h"]


def literals(path):
    """Every string of a C source, its neighbours joined, and whether it is given to a macro that has it translated."""
    text = re.sub(r"/\*.*?\*/|^\s*#\s*include.*?$", "", read(path), flags=re.S | re.M)
    # What is said on a bus is for programs.
    text = re.sub(r'"org\.[\w.]+\.Error\.\w+",\s*"[^"]*"', "", text)
    strings = rf"{STRING}(?:\s*{STRING})*"
    text = re.sub(rf"\bP_\(\s*({strings})\s*,\s*(?={STRING})", r"N_(\1) N_(", text)
    for found in re.finditer(rf"((?:\bN?_\(\s*)?)({strings})", text):
        yield "".join(part[1:-1] for part in re.findall(STRING, found[2])), bool(found[1])


def said():
    """The strings of the service, its macros filled in where they are strings, with what printf puts in as %s. What is
    only logged is left out, and so are the programs' own messages at a terminal."""
    for path in files(".c", under="src"):
        text = read(path)
        macros = dict(re.findall(r'#define (\w+)\s+"([^"]*)"', text))
        text = re.sub(rf"/\*.*?\*/|^\s*#\s*(?:include|define)\b.*?$|\bks_log(?:_event)?\((?:[^;\"]|{STRING})*;", "", text, flags=re.S | re.M)
        word = rf"(?:{STRING}|\b[A-Z][A-Z0-9_]+\b)"
        for found in re.findall(rf"{word}(?:\s*{word})*", text) if path.count(os.sep) > 1 else ():
            if '"' in found or found in macros:
                yield path, PLACEHOLDER.sub("%s", "".join(
                    string[1:-1] if string else macros.get(macro, "%s")
                    for string, macro in re.findall(rf"({STRING})|\b([A-Z][A-Z0-9_]+)\b", found)))
