"""Names of one program in one directory that one template gave are one name, though some look like words by chance."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import FIXED, RANDOM

_LETTERS = 6  # of mkstemp(3)
_LEAST = 3  # names of one shape, of which none looks random
_MARK = "<random>"
_MOST = 300  # names of one program in one directory that are compared each with each other


def renamed(counted: Iterable[Facts], certain: Set[str] = frozenset()) -> None:
    """Give all that one template made the same path; `certain` are real names that are known to be fixed."""
    folders: dict[tuple[str, str, str], list[Facts]] = {}
    for facts in counted:
        if facts.example not in certain:
            folders.setdefault((facts.program, facts.path.rpartition("/")[0], facts.excuse), []).append(facts)
    for group in folders.values():
        if 1 < len(group) <= _MOST:
            _narrow(group)
            _fit(group)
        if len(group) > 1:
            _shape(group)


def summed(counted: Iterable[Facts]) -> list[Facts]:
    """The same counters, those of one program and path added up, what has an excuse apart."""
    found: dict[tuple[str, str, str], Facts] = {}
    for facts in counted:
        first = found.setdefault((facts.program, facts.path, facts.excuse), facts)
        if first is not facts:
            first.add(facts)
    return list(found.values())


def _words(group: list[Facts]) -> Iterator[Facts]:
    """Names without anything that varies, that were made exclusively, as those of a template are."""
    return (facts for facts in group if facts.name == FIXED and facts.made | facts.directories | facts.bound
            and not facts.unsafe)


def _narrow(group: list[Facts]) -> None:
    """sort<random> is what some <random> was taken for."""
    for wide in [facts for facts in group if facts.path.rpartition("/")[2].startswith(_MARK)]:
        after = wide.path.partition(_MARK)[2]
        for narrow in group:
            name = narrow.path.rpartition("/")[2]
            before, mark, rest = name.partition(_MARK)
            if before and mark and rest == after and len(narrow.example) == len(wide.example) and (
                    wide.example.rpartition("/")[2].startswith(before)):
                wide.path = narrow.path
                break


def _fit(group: list[Facts]) -> None:
    """A word where another name of the same length has something random."""
    patterns = [facts for facts in group if facts.path.count(_MARK) == 1]
    for facts in _words(group):
        for pattern in patterns:
            before, _, after = map(re.escape, pattern.path.partition(_MARK))
            if len(facts.example) == len(pattern.example) and re.fullmatch(
                    f"{before}[A-Za-z0-9_]{{{_LETTERS},}}{after}", facts.path):
                facts.path, facts.name = pattern.path, pattern.name
                break


def _shape(group: list[Facts]) -> None:
    """Several of the same length and beginning, which differ in the six letters of a template."""
    shapes: dict[tuple[str, int], list[Facts]] = {}
    for facts in _words(group):
        if len(facts.path.rpartition("/")[2]) >= _LETTERS:
            shapes.setdefault((facts.path[:-_LETTERS], len(facts.path)), []).append(facts)
    for (before, _), same in shapes.items():
        if len(same) >= _LEAST:
            for facts in same:
                facts.path, facts.name = before + _MARK, RANDOM
