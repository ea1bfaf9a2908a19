# SPDX-License-Identifier: GPL-2.0-or-later
"""pytest collects C test programs: each line of their TAP output becomes a test of its own.

A directory's meson.build stands for its programs: every executable that it defines whose name
starts with test-."""

import json
import os
import re
import subprocess

import pytest

LINE = re.compile(r"^(not )?ok\s+\d+\s+(\S+)(?:\s*#\s*(\S+)\s*(.*))?")
LIMIT = 300


def programs(build, meson_file):
    with open(os.path.join(build, "meson-info", "intro-targets.json"), encoding="utf-8") as file:
        targets = json.load(file)
    return sorted((target["name"], target["filename"][0]) for target in targets
                  if target["type"] == "executable" and target["name"].startswith("test-")
                  and os.path.realpath(target["defined_in"]) == os.path.realpath(meson_file))


class TapFile(pytest.File):
    def collect(self):
        build = self.config.stash[BUILD]
        for name, program in programs(build, self.path):
            directory = os.path.relpath(self.path.parent, self.config.rootpath)
            yield TapProgram.from_parent(self, name=name, nodeid=f"{directory}/{name}", program=program)


class TapProgram(pytest.Collector):
    def __init__(self, program, **options):
        super().__init__(**options)
        self.program = program
        self.results = None
        self.names = []
        self.status = None
        self.ending = ""

    def collect(self):
        listed = subprocess.run([self.program, "-l"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, timeout=LIMIT, check=False)
        self.names = names = [line for line in listed.stdout.splitlines() if line.startswith("/")]
        if listed.returncode != 0 or not names:
            raise self.CollectError(f"{self.program} -l: exit {listed.returncode}, no tests\n{listed.stderr}")
        for name in names:
            yield TapItem.from_parent(self, name=name, nodeid=f"{self.nodeid}{name}")

    def result(self, name):
        if self.results is None:
            self.run()
        return self.results.get(name)

    def run(self):
        self.results = {}
        try:
            done = subprocess.run([self.program, "--tap", "-k"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=LIMIT, check=False)
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            output, status = (error.stdout or b"").decode(errors="replace"), f"none within {LIMIT} s"
        before = []
        for line in output.splitlines():
            match = LINE.match(line)
            if match:
                self.results[match[2]] = (not match[1], match[3], match[4], "\n".join(before))
                before = []
            else:
                before.append(line)
        self.ending = f"{self.program} ended, status {status}\n" + "\n".join(before[-60:])
        self.status = status


class TapItem(pytest.Item):
    def runtest(self):
        result = self.parent.result(self.name)
        missing = [name for name in self.parent.names if name not in self.parent.results]
        if result is None and self.name == missing[0]:
            raise TapFailure(f"did not end: {self.parent.ending}")
        if result is None:
            raise TapFailure(f"not reached, because {missing[0]} ended the program")
        good, directive, reason, output = result
        if not good:
            raise TapFailure(f"{output}\n{self.parent.ending}")
        if directive and directive.upper() in ("SKIP", "TODO"):
            pytest.skip(reason or directive)
        last = self.name == self.parent.names[-1]
        if last and self.parent.status != 0 and not missing and all(entry[0] for entry in self.parent.results.values()):
            raise TapFailure(f"every test passed, and yet: {self.parent.ending}")

    def repr_failure(self, excinfo, style=None):
        if excinfo.errisinstance(TapFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.nodeid


class TapFailure(Exception):
    pass


BUILD = pytest.StashKey[str]()
