"""The launch plan of one program: what the launcher does before it runs it. Text, read by shims/launch.

    pam-mktemp-shim 2
    FLAGS PATTERN WORD...
    end

A section is for programs whose path in PATH, or its realpath, fnmatch(3) finds the PATTERN in; the first that matches
is the only one that counts, and without one the program runs as it is. FLAGS are b for a private mount, ! for
"refused rather than run without", and - for neither. A WORD is -NAME (unset this variable), =NAME=VALUE (set it) or
+ARGUMENT (before the caller's), in which $TMPDIR$ and the like stand for the value that they have where the program is
started, $_$ for a space and $$ for a dollar sign.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pam_mktemp_py import expand
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.remedies.entry import BIND, LAUNCHER, Entry

HEADER = "pam-mktemp-shim 2"
MAX_BYTES = 16384
MAX_NAME = 64
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def encode(program: str, entries: Iterable[Entry]) -> bytes:
    """The plan for a program's name, of all entries that mean it, those with paths first.

    Refused for what no plan can say: a line feed, a name or all of it too long, another remedy.
    """
    if not _PROGRAM.fullmatch(program) or len(program) > MAX_NAME:
        raise _refused(program, f"can be no name of a shim: 1 to {MAX_NAME} letters, digits and ._+-", "correct names")
    ordered = sorted(entries, key=lambda entry: (not entry.recognise.paths, entry.name))
    text = "\n".join([HEADER, *(line for entry in ordered for line in _sections(entry)), "end", ""])
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > MAX_BYTES:
        raise _refused(ordered[0].name, f"its launch plan would have {len(data)} bytes, more than {MAX_BYTES}",
                       "shorten its arguments, values or paths")
    return data


def _sections(entry: Entry) -> Iterator[str]:
    remedy = entry.remedy
    if remedy.kind not in (LAUNCHER, BIND):
        raise _refused(entry.name, f"the remedy {remedy.kind} needs no launch plan", "leave it out")
    for name in (*remedy.unset, *remedy.set):
        if not _VARIABLE.fullmatch(name) or len(name) > MAX_NAME:
            raise _refused(entry.name, f"{name[:80]!r} can be no variable of a launch plan",
                           f"use at most {MAX_NAME} letters, digits and _")
    for value in (*remedy.set.values(), *remedy.arguments):
        if wrong := expand.fault(value):
            raise _refused(entry.name, f"{value!r} {wrong}", "correct it")
    words = [*(f"-{name}" for name in (*remedy.unset, *remedy.set)),  # there can be two of one name
             *(f"={name}={_quoted(value)}" for name, value in remedy.set.items()),
             *(f"+{_quoted(word)}" for word in remedy.arguments)]
    flags = ("b" if remedy.kind == BIND else "") + ("!" if remedy.required else "") or "-"
    for pattern in entry.recognise.paths or ("*",):
        # A space ends the pattern: ? stands for it, as for any other character.
        line = " ".join([flags, pattern.replace(" ", "?"), *words])
        if "\n" in line or "\0" in line:
            raise _refused(entry.name, f"{line!r} holds a line feed or a NUL byte, which a launch plan cannot",
                           "remove it")
        yield line


def _quoted(text: str) -> str:
    """One word, with the names whose values the launcher puts in."""
    return "".join(_literal(before) + ("$$" if name == "$" else f"${name}$")
                   for before, name in expand.pieces(text)[0]) + _literal(expand.pieces(text)[1])


def _literal(text: str) -> str:
    return text.replace(" ", "$_$")


def _refused(name: str, what: str, hint: str) -> Refused:
    return Refused("shims-refused", name, what, hint)
