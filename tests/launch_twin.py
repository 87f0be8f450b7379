"""A second reader of launch plans: the oracle for remedies/launch_plan.py, and for what shims/launch makes of it.

Its words are read by wordexp(3) itself, as the launcher does.
"""
from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
VALUES = {"TMPDIR": "<tmp dir>", "USER": "<user>", "HOME": "<$HOME>", "XDG_RUNTIME_DIR": "*", "PAM_MKTEMP_UID": "<uid>"}
_NO_COMMANDS, _UNDEFINED = 4, 32  # wordexp.h


class Refused(Exception):
    """The text is no launch plan."""


@dataclass
class Section:
    """What is done for programs that the pattern matches, with each name replaced by its value."""

    pattern: str
    unset: list[str] = field(default_factory=list)
    set: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    bind: bool = False
    required: bool = False


class _Words(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("words", ctypes.POINTER(ctypes.c_char_p)), ("offset", ctypes.c_size_t)]


def words(text: str, values: Mapping[str, str]) -> list[str]:
    """What wordexp(3) makes of it with these variables alone. Refused."""
    libc, found, kept = ctypes.CDLL(None), _Words(), dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        failed = libc.wordexp(os.fsencode(text), ctypes.byref(found), _NO_COMMANDS | _UNDEFINED)
    finally:
        os.environ.clear()
        os.environ.update(kept)
    if failed:
        raise Refused(f"wordexp: {failed}: {text!r}")
    made = [os.fsdecode(found.words[number] or b"") for number in range(found.count)]
    libc.wordfree(ctypes.byref(found))
    return made


def parse(data: bytes, values: Mapping[str, str] = VALUES) -> list[Section]:
    """The sections in their order. Refused."""
    if len(data) > 16384 or b"\0" in data or not data.endswith(b"\nend\n"):
        raise Refused("size, NUL or end")
    first, *lines = os.fsdecode(data).split("\n")[:-2]
    if first != "pam-mktemp-shim 1":
        raise Refused(first)
    return [_section(line, values) for line in lines]


def _section(line: str, values: Mapping[str, str]) -> Section:
    found = re.fullmatch(r"(-|b|!|b!) ([^ ]+)((?: .*)?)", line, re.DOTALL)
    if not found:
        raise Refused(line)
    made = Section(found[2], bind="b" in found[1], required="!" in found[1])
    for word in words(found[3], values):
        setting = re.fullmatch(f"=({NAME})=(.*)", word, re.DOTALL)
        if word.startswith("+"):
            made.arguments.append(word[1:])
        elif setting:
            made.set[setting[1]] = setting[2]
        elif re.fullmatch(f"-{NAME}", word):
            made.unset.append(word[1:])
        else:
            raise Refused(word)
    return made
