"""Fills the pages in pages/ with what the program itself knows, so that manual and program cannot disagree.

A line @WORD@ in a page stands for a part that is made here; @VERSION@ and @DATE@ may stand anywhere.
"""
from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable

import commands
import completion
import roff
import tables

from pam_mktemp_py import __version__
from pam_mktemp_py.cli.main import group

HERE = os.path.dirname(os.path.realpath(__file__))
PAGES = os.path.join(HERE, "pages")


def date() -> str:
    """SOURCE_DATE_EPOCH (https://reproducible-builds.org), or the newest date in CHANGELOG.md."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return time.strftime("%Y-%m-%d", time.gmtime(int(epoch)))
    with open(os.path.join(HERE, "..", "..", "CHANGELOG.md"), encoding="utf-8") as file:
        found = re.search(r"\b\d{4}-\d\d-\d\d\b", file.read())
    if found is None:
        raise ValueError("CHANGELOG.md has no date")
    return found.group()


def parts() -> dict[str, Callable[[], list[str]]]:
    """Word -> the lines of roff that it stands for."""
    tree = list(commands.tree(group))
    marker = roff.Marker([words for words, _ in tree])
    leaves = [(words, command) for words, command in tree if not list(commands.tree(command))]
    return {
        "SYNOPSIS": lambda: [line for words, command in leaves
                             for line in (commands.synopsis(words, command), ".br")][:-1],
        "OPTIONS": lambda: commands.options(group, marker, help=True),
        "COMMANDS": lambda: commands.sections(group, marker),
        "FINDINGS": lambda: tables.findings(marker),
        "CLASSES": lambda: tables.classes(marker),
        "MESSAGES": lambda: tables.messages(marker),
        "KEYS": lambda: tables.keys(marker),
    }


def page(text: str) -> str:
    """A page with its parts put in. KeyError for a word that stands for nothing."""
    made = parts()
    text = text.replace("@VERSION@", roff.escaped(__version__, True)).replace("@DATE@", date())
    text = re.sub(r"(?m)^@([A-Z]+)@$", lambda found: "\n".join(made[found[1]]()), text)
    return re.sub(r"(?m)^(\.S[HS] .*\n)\.PP\n", r"\1", text)  # a heading begins a paragraph by itself


def write(folder: str, name: str, text: str) -> None:
    """One file, in ASCII."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write(text)


def main(argv: list[str]) -> int:
    """argv: program, OUT. The exit status."""
    if len(argv) != 2:
        print("usage: build OUT", file=sys.stderr)
        return 2
    for name in sorted(os.listdir(PAGES)):
        with open(os.path.join(PAGES, name), encoding="ascii") as file:
            write(os.path.join(argv[1], "manual"), name, page(file.read()))
    for name, script in completion.scripts(group, commands.NAME).items():
        write(os.path.join(argv[1], "completion"), name, script)
    return 0
