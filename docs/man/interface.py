#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes org.killswitch1.5.scd from the comments of the interface's XML and the examples beside this: interface.py XML OUTPUT"""
import os
import re
import sys
import textwrap
import xml.etree.ElementTree as xml

KINDS = {"method": "METHODS", "signal": "SIGNALS", "property": "PROPERTIES"}


def escape(text):
    """What scdoc would take for markup; names of D-Bus errors have no such characters."""
    return re.sub(r"([*_\\#~`<>\[\]])", r"\\\1", text)


def paragraphs(comment):
    """The comment's paragraphs behind its first line, and its arguments as a dictionary."""
    arguments, blocks = {}, [[]]
    for line in map(str.strip, comment.strip().splitlines()):
        argument = re.match(r"@(\w+): (.*)", line)
        if argument:
            arguments[argument[1]] = argument[2]
        elif not line:
            blocks.append([])
        elif arguments and blocks == [[]]:
            arguments[list(arguments)[-1]] += f" {line}"
        else:
            blocks[-1].append(line)
    return arguments, [" ".join(block) for block in blocks if block]


def described(node, comment):
    """A section of one member: what it takes and gives, and what the comment says."""
    name = node.get("name")
    arguments, blocks = paragraphs(comment.split(":", 1)[1])
    lines = [f"## {name}", ""]
    if node.tag == "property":
        lines += [f"Type *{node.get('type')}*, read-only.", ""]
    for argument in node.findall("arg"):
        direction = {"in": "In", "out": "Out", None: "Argument"}[argument.get("direction")]
        text = arguments[argument.get("name")]
        lines += [f"{direction}: _{escape(argument.get('name'))}_, type *{argument.get('type')}*: {escape(text)}", ""]
    for block in blocks:
        lines += textwrap.wrap(escape(block), 100) + [""]
    return lines


def page(text):
    """The whole page."""
    root = xml.fromstring(text, xml.XMLParser(target=xml.TreeBuilder(insert_comments=True)))
    interface = root.find("interface")
    head = next(node.text for node in root if node.tag is xml.Comment and interface.get("name") in node.text)
    sections, comment = {kind: [] for kind in KINDS}, None
    for node in interface:
        if node.tag is xml.Comment:
            comment = node.text
        else:
            sections[node.tag] += described(node, comment.strip())
    name = interface.get("name")
    lines = [f'{name}(5) "killswitch" "File Formats"', "", "# NAME", "",
             f"{name} - the D-Bus interface of the VPN kill switch", "", "# DESCRIPTION", ""]
    for block in paragraphs(head.strip().split(":", 1)[1])[1]:
        lines += textwrap.wrap(escape(block), 100) + [""]
    for kind, title in KINDS.items():
        lines += [f"# {title}", ""] + sections[kind]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.5.examples"), encoding="utf-8") as examples:
        lines += [examples.read()]
    return "\n".join(lines + ["# SEE ALSO", "", "*ksctl*(1), *killswitchd*(8), *killswitch.conf*(5), *busctl*(1)", ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        made = page(source.read())
    with open(sys.argv[2], "w", encoding="utf-8") as target:
        target.write(made)
