"""A second reader of launch plans: the oracle for remedies/launch_plan.py, and for what shims/launch makes of it."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
VALUES = {"TMPDIR": "<tmp dir>", "USER": "<user>", "HOME": "<$HOME>", "XDG_RUNTIME_DIR": "*", "UID": "<uid>"}


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


def word(text: str, values: Mapping[str, str]) -> str:
    """With the value of each name, where these are all the variables there are. Refused."""
    made = re.sub(r"\$([^$]*)\$", lambda found: _value(found[1], values), text)
    if text.count("$") % 2:
        raise Refused(f"odd: {text!r}")
    return made


def _value(name: str, values: Mapping[str, str]) -> str:
    value = {"": "$", "_": " "}.get(name) or values.get(name)
    if not value:
        raise Refused(f"no value: {name!r}")
    return value


def parse(data: bytes, values: Mapping[str, str] = VALUES) -> list[Section]:
    """The sections in their order. Refused."""
    if len(data) > 16384 or b"\0" in data or not data.endswith(b"\nend\n"):
        raise Refused("size, NUL or end")
    first, *lines = os.fsdecode(data).split("\n")[:-2]
    if first != "pam-mktemp-shim 2":
        raise Refused(first)
    return [_section(line, values) for line in lines]


def _section(line: str, values: Mapping[str, str]) -> Section:
    found = re.fullmatch(r"(-|b|!|b!) ([^ ]+)((?: .*)?)", line, re.DOTALL)
    if not found:
        raise Refused(line)
    made = Section(found[2], bind="b" in found[1], required="!" in found[1])
    for each in found[3].split(" ")[1:]:
        text = word(each, values)
        setting = re.fullmatch(f"=({NAME})=(.*)", text, re.DOTALL)
        if text.startswith("+"):
            made.arguments.append(text[1:])
        elif setting:
            made.set[setting[1]] = setting[2]
        elif re.fullmatch(f"-{NAME}", text):
            made.unset.append(text[1:])
        else:
            raise Refused(text)
    return made
