"""A file of /etc/pam.d as its lines, the way libpam reads them (pam.conf(5), libpam/pam_handlers.c). Pure.

Text is latin-1: every byte is a character and comes back as it was.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

TYPES = ("auth", "account", "password", "session")
NESTED = ("include", "substack")  # controls that name a file
MODULE = "pam_mktemp_py.so"
_WORD = re.compile(r"\[(?:\\.|[^\]\\])*\]|[^ \t\n\r\v\f]+")


@dataclass(frozen=True)
class Line:
    """One logical line that is no comment.

    `first` and `last` are the physical lines (from 1) that it is written on. `type` is one of TYPES, or ""
    for an @include, which stands for all types. `silent`: it began with "-", a missing module is not logged.
    `control` has its brackets. `file` is the file that an include, substack or @include names, else "";
    `module` and `arguments` are then empty. `trouble` is what is wrong with the line, or "".
    """

    first: int
    last: int
    type: str
    control: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()
    file: str = ""
    silent: bool = False
    trouble: str = ""

    @property
    def ours(self) -> bool:
        """Whether it runs our module."""
        return self.module.rpartition("/")[2] == MODULE


def parse(text: str) -> list[Line]:
    """The logical lines of a file, comments and blank lines left out."""
    found = []
    for first, last, words in _joined(text):
        if words.strip():
            found.append(_line(first, last, words))
    return found


def _joined(text: str) -> list[tuple[int, int, str]]:
    """Lines joined where a backslash continues them, without comments: (first, last, text)."""
    physical = text.split("\n")
    if physical[-1] == "":
        physical.pop()
    joined = []
    at = 0
    while at < len(physical):
        first, piece = at, _uncommented(physical[at])
        while piece.endswith("\\") and "#" not in physical[at] and at + 1 < len(physical):
            at += 1
            piece = piece[:-1] + " " + _uncommented(physical[at])
        joined.append((first + 1, at + 1, piece))
        at += 1
    return joined


def _uncommented(line: str) -> str:
    return line.partition("#")[0].rstrip(" \t\r\v\f") if "#" in line else line.rstrip(" \t\v\f")


def _line(first: int, last: int, text: str) -> Line:
    words: list[str] = _WORD.findall(text)
    trouble = _trouble(text)
    kind = words[0].lower()
    if kind.startswith("@include"):
        target = words[1] if len(words) > 1 else ""
        return Line(first, last, "", "@include", file=target, trouble=trouble or ("" if target else "names no file"))
    silent = kind.startswith("-")
    kind = kind.removeprefix("-")
    if kind not in TYPES:
        return Line(first, last, kind, trouble=trouble or f"{words[0]!r} is no type of PAM's", silent=silent)
    if len(words) < 3:
        return Line(first, last, kind, trouble=trouble or "control or module is missing", silent=silent)
    control = words[1].lower()
    if control in NESTED:
        return Line(first, last, kind, control, file=words[2], silent=silent, trouble=trouble)
    return Line(first, last, kind, words[1], words[2], tuple(words[3:]), silent=silent, trouble=trouble)


def _trouble(text: str) -> str:
    if "\r" in text:
        return "ends in CR LF, which libpam takes for part of the module's name"
    if "\0" in text:
        return "holds a NUL byte"
    if text.endswith("\\"):
        return "ends in a backslash, and nothing follows"
    return ""
