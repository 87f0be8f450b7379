"""Several runs of one command: what is the same name in each is fixed, and what is another one each time varies."""
from __future__ import annotations

import os
from collections.abc import Sequence

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.alike import renamed, summed
from pam_mktemp_py.detect.conclude import concluded
from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import RANDOM, Lookup, ProgramVerdict, Verdict, nothing_known

Counted = Sequence[Facts]
_Key = tuple[str, str, str]  # program, path, excuse
_LEAST = 3  # letters that differ


def compared(runs: Sequence[Counted], programs: Sequence[dict[str, ProgramVerdict]], dropped: int,
             known: Lookup = nothing_known) -> Verdict:
    """One verdict on all runs. `runs` has the counters of each, `programs` what each made in its own directory."""
    _settle(runs)
    groups: dict[_Key, list[Facts]] = {}
    for run in runs:
        for facts in summed(run):
            groups.setdefault((facts.program, facts.path, facts.excuse), []).append(facts)
    _pair([key for key, group in groups.items() if len(group) < len(runs)], groups)
    whole: dict[str, ProgramVerdict] = {}
    for of_run in programs:
        for name, each in of_run.items():
            one = whole.setdefault(name, ProgramVerdict(name, model.NONE))
            one.private = max(one.private, each.private)
            one.secure = one.secure or each.secure
    return concluded([_joined(group) for group in groups.values()], whole, dropped, known)


def _settle(runs: Sequence[Counted]) -> None:
    """The names that each run has are fixed, also those that look random; the others are made alike."""
    sets = [{(facts.program, facts.example) for facts in run} for run in runs]
    same = set.intersection(*sets)
    for run in runs:
        for facts in run:
            if (facts.program, facts.example) in same and facts.name == RANDOM and facts.names < 2:
                facts.path, facts.name = facts.example, model.FIXED
            facts.certain = facts.name == RANDOM
    renamed([facts for run in runs for facts in run], {example for _, example in same})


def _joined(group: list[Facts]) -> Facts:
    """The counters of one name in several runs: the first one's, and the worst of the others'."""
    facts = group[0]
    for other in group[1:]:
        facts.worsen(other)
    return facts


def _pair(keys: list[_Key], groups: dict[_Key, list[Facts]]) -> None:
    """Names of one program that differ in one part alone, and were each seen in one run, are one that varies."""
    waiting: dict[object, _Key] = {}
    for key in keys:
        facts = groups[key][0]
        like = (facts.program, facts.excuse, key[1].count("/"), tuple(sorted(facts.calls)), key[1].rpartition("/")[0])
        other = waiting.get(like)
        path = _varying(other[1], key[1]) if other is not None else None
        if other is None or path is None:
            waiting[like] = key
            continue
        joined = groups.pop(other) + groups.pop(key)
        joined[0].path, joined[0].name, joined[0].certain = path, RANDOM, True
        waiting[like] = (key[0], path, key[2])
        groups.setdefault(waiting[like], []).extend(joined)


def _varying(one: str, two: str) -> str | None:
    """`one` and `two` with <random> for where they differ; None if they have too little in common."""
    folder, first = os.path.split(one)
    second = os.path.basename(two)
    start = len(os.path.commonprefix([first, second]))
    end = len(os.path.commonprefix([first[start:][::-1], second[start:][::-1]]))
    if not start + end or min(len(first), len(second)) - start - end < _LEAST:
        return None
    return f"{folder}/{first[:start]}<random>{first[len(first) - end:] if end else ''}"
