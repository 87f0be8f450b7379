"""Versions as dotted numbers, and comparisons of them such as ">=1.9, <4"."""
from __future__ import annotations

import operator
import re
from collections.abc import Callable

Version = tuple[int, ...]
LONGEST = 1000  # of what a program prints, in characters: its version stands at the top

_DOTTED = re.compile(r"\d{1,9}(?:\.\d{1,9})+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d{1,9}(?:\.\d{1,9})*)", re.ASCII)
_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}


def first(text: str) -> str:
    """The first dotted number in what a program prints, else the first number, as it stands there; "" for none."""
    text = text[:LONGEST]
    found = _DOTTED.search(text) or _NUMBER.search(text)
    return found[0] if found else ""


def fault(comparisons: str) -> str:
    """What is wrong with the text, in words; "" for nothing."""
    for one in comparisons.split(","):
        if not _COMPARISON.fullmatch(one.strip()):
            return f"{one.strip()!r} is no comparison; write them as \">=1.9, <4\""
    return ""


def holds(comparisons: str, version: str) -> bool:
    """Whether all comparisons are true of a dotted number; 1.2 is 1.2.0. ValueError for text that is neither."""
    if wrong := fault(comparisons):
        raise ValueError(wrong)
    mine = _numbers(version)
    found = [_COMPARISON.fullmatch(one.strip()) for one in comparisons.split(",")]
    return all(_OPERATORS[one[1]](mine, _numbers(one[2])) for one in found if one)


def _numbers(text: str) -> Version:
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
