"""The table of `pam-mktemp detect --fix`: of each program the remedy, its proof and its entry."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.prove.fix import FOUND, KNOWN, LEFT, NOTHING, Fix, Outcome
from pam_mktemp_py.prove.known_remedies import command, in_words
from pam_mktemp_py.prove.settle import Settled

if TYPE_CHECKING:
    from pam_mktemp_py.cli.detect import Fixing

_LONGEST = 120
_MARKS = {KNOWN: "good", FOUND: "good", NOTHING: "", LEFT: "bad"}
_WORDS = {KNOWN: "in the catalogue", FOUND: "found", NOTHING: "none is needed, or allowed", LEFT: "none"}


def add_all(report: Report, outcome: Outcome, unseen: Sequence[str]) -> None:
    """What is true of all of them; `unseen` are programs that used no shared directory when they were run again."""
    if outcome.why:
        report.add("Remedies", Row("none tried", "", outcome.why, "bad"))
        return
    if outcome.fixes:
        report.add("With a remedy was compared", Row(outcome.compared, ""))
    if unseen:
        report.add("Without a terminal and input", *(
            Row(_cut(program), "uses no shared directory", "", "bad") for program in unseen))


def add_one(report: Report, found: Fix, entries: Sequence[Settled], why: str,
            stored: Sequence[tuple[str, str]], how: Fixing) -> None:
    """One program, or several that meet; `why`: no entry can be made. `stored` is the file of each, and why not."""
    state = LEFT if why else found.state
    rows = [Row("remedy", _WORDS[state], why or found.why, _MARKS[state])]
    rows += [Row("tried", words, result) for words, result in found.tried]
    if found.state == KNOWN:
        rows += [Row("enable", command(entry), in_words(entry), command=True) for entry in found.entries.values()]
    report.add(f"Remedy for {_cut(', '.join(map(os.path.basename, found.programs)))}", *rows)
    for one, (path, refused) in zip(entries, stored):
        rows = [Row("proof", one.proof.why)]
        if one.unchecked:
            rows.append(Row("check", "none", f"the command is none: {one.unchecked}"))
        if one.entry.recognise.paths:
            rows.append(Row("", "", "it is not in PATH: what calls it by its path is reached by variables alone"))
        if refused:
            rows.append(Row("not stored", path, refused, "bad"))
        elif how.write:
            rows.append(Row("would be stored" if how.dry_run else "stored", path, "", "" if how.dry_run else "good"))
            rows.append(Row("enable", command(one.entry), command=True))
        report.add(f"Entry {one.entry.name}", *rows,
                   *(Row("", line, command=True) for line in one.text.splitlines() if line))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
