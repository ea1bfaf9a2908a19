# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script that ran in a booted system reported: one result a check, as TAP with diagnostics."""
import re
from dataclasses import dataclass, field

LINE = re.compile(r"^(not ok|ok) \d+ (\w+)$")


@dataclass
class Report:
    """The outcome of one boot: exit status, what the console and the journal said, and the checks."""
    status: int
    output: str
    console: str = ""
    journal: str = ""
    checks: dict = field(default_factory=dict)

    def __post_init__(self):
        notes = []
        for line in self.output.splitlines():
            match = LINE.match(line)
            if match:
                self.checks[match[2]] = (match[1] == "ok", "\n".join(notes))
                notes = []
            elif not line.startswith("1.."):
                notes.append(line.removeprefix("# "))

    def verify(self, name):
        """Raise AssertionError unless the check ran and passed."""
        passed, notes = self.checks.get(name, (False, None))
        if passed:
            return
        if notes is None:
            raise AssertionError(f"{name} did not run (status {self.status})\n{self.tail()}")
        raise AssertionError(f"{name}\n{notes}")

    def tail(self):
        """The end of everything that was said, for a run that went wrong as a whole."""
        return (f"--- output\n{_last(self.output, 60)}\n--- console\n{_last(self.console, 40)}\n"
                f"--- journal\n{_last(self.journal, 60)}")


def checks(script):
    """The names of the checks in a script, in their order."""
    return re.findall(r"^@check\ndef (\w+)", script.read_text(encoding="utf-8"), re.MULTILINE)


def _last(text, count):
    return "\n".join(text.splitlines()[-count:])
