"""The rows and the data of `pam-mktemp scan`, and its progress bar."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pam_mktemp_py.cli.report import Report, Row, typed
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.scan.model import LEVELS, LIKELY, REASONS, WEAK, Looked, Place
from pam_mktemp_py.scan.run import Outcome
from pam_mktemp_py.scan.watched import Watched

EVIDENCE = 60  # characters in a row
MOST_ROWS = 500  # of files, without -v
PROOF = ("pam-mktemp", "detect", "--", "PROGRAM", "ARGUMENT...")
TITLES = {"likely": "Likely candidates", "possible": "Possible candidates", "weak": "Weak candidates"}


@contextmanager
def progress(settings: Settings) -> Iterator[Callable[[int, int], None] | None]:
    """What the scan tells how far it is: a bar on the standard error where that is a terminal, else None."""
    if settings.verbosity < 0 or not sys.stderr.isatty():
        yield None
        return
    import click
    with click.progressbar(length=1, label="scan", file=sys.stderr, show_eta=False, show_pos=True) as bar:
        def advance(done: int, known: int) -> None:
            bar.length = max(known, 1)
            bar.update(done - bar.pos)
        yield advance


def add_all(report: Report, paths: Sequence[str], watched: Watched, outcome: Outcome) -> None:
    """Fill `report`: the candidates by level, what could not be read, and what to do."""
    report.data |= {
        "paths": list(paths), "watched": list(watched.directories), "scanned": outcome.scanned,
        "kinds": dict(sorted(outcome.kinds.items())),
        "candidates": [_data(path, looked, each) for path, looked in outcome.candidates for each in looked.places],
        "more": [path for path, looked in outcome.candidates if looked.more],
        "skipped": [{"path": path, "why": why} for path, why in outcome.skipped],
        "cut": [{"path": path, "bytes": size} for path, size in outcome.cut], "dropped": outcome.dropped,
    }
    if not report.settings.json:
        _sections(report, outcome)
    report.finding = any(level(looked) != WEAK for _, looked in outcome.candidates)


def _data(path: str, looked: Looked, each: Place) -> dict[str, Any]:
    return {"path": path, "kind": looked.kind, "read": looked.read, "level": each.level, "reason": each.reason,
            "cwe": REASONS[each.reason].cwe, "line": each.line, "offset": each.offset, "evidence": each.evidence}


def level(looked: Looked) -> str:
    """The strongest level of a file's places."""
    return min((each.level for each in looked.places), key=LEVELS.index)


def _sections(report: Report, outcome: Outcome) -> None:
    verbose = report.settings.verbosity > 0
    by_level: dict[str, list[tuple[str, Looked]]] = {each: [] for each in LEVELS}
    for path, looked in outcome.candidates:
        by_level[level(looked)].append((path, looked))
    for each, found in by_level.items():
        if found and (verbose or each != WEAK):
            shown = found if verbose else found[:MOST_ROWS]
            rows = [row for path, looked in shown for row in (_all if verbose else _short)(path, looked)]
            if len(found) > len(shown):
                rows.append(Row("...", f"and {len(found) - len(shown)} more: see --verbose or --json"))
            report.add(TITLES[each], *rows)
    _reasons(report, {place.reason for path, looked in outcome.candidates for place in looked.places
                      if verbose or place.level != WEAK})
    _unread(report, outcome, verbose)
    _summary(report, outcome, {each: len(found) for each, found in by_level.items()})


def _short(path: str, looked: Looked) -> Iterator[Row]:
    """One row: the strongest reasons, and the first place of the first of them."""
    strongest = level(looked)
    places = [each for each in looked.places if each.level == strongest]
    reasons = dict.fromkeys(each.reason for each in places)
    mark = "bad" if strongest == LIKELY else ""
    yield Row(path, f"{_kind(looked)}: {', '.join(reasons)}", _where(places[0]), mark)


def _all(path: str, looked: Looked) -> Iterator[Row]:
    yield Row(path, _kind(looked), "", "bad" if level(looked) == LIKELY else "")
    for each in looked.places:
        yield Row("", f"{each.reason} ({each.level})", _where(each))
    if looked.more:
        yield Row("", "and more")


def _kind(looked: Looked) -> str:
    return f"{looked.kind} (strings only)" if looked.kind == "python" and looked.read == "strings" else looked.kind


def _where(each: Place) -> str:
    place = f"line {each.line}: " if each.line else f"at {each.offset:#x}: " if each.offset >= 0 else ""
    return place + (each.evidence if len(each.evidence) <= EVIDENCE else each.evidence[:EVIDENCE - 3] + "...")


def _reasons(report: Report, seen: set[str]) -> None:
    if seen:
        report.add("Reasons", *(Row(id, f"the file {reason.what}", reason.cwe)
                                for id, reason in REASONS.items() if id in seen))


def _unread(report: Report, outcome: Outcome, verbose: bool) -> None:
    rows = [Row(path, why, "", "unknown") for path, why in outcome.skipped[:None if verbose else 10]]
    if len(outcome.skipped) > len(rows):
        rows.append(Row("...", f"and {len(outcome.skipped) - len(rows)} more: see --verbose or --json"))
    if rows:
        report.add("Not read", *rows)
    if outcome.cut and verbose:
        report.add("Too large", *(Row(path, f"looked at the first {size >> 20} MB") for path, size in outcome.cut))


def _summary(report: Report, outcome: Outcome, numbers: dict[str, int]) -> None:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(outcome.kinds.items()) if number)
    rows = [Row("looked at", _files(outcome.scanned), f"of them {kinds}" if kinds else ""),
            Row("candidates", ", ".join(f"{number} {each}" for each, number in numbers.items()),
                "weak ones are listed with --verbose" if numbers[WEAK] and report.settings.verbosity <= 0 else "")]
    if outcome.skipped:
        rows.append(Row("not read", _files(len(outcome.skipped))))
    if outcome.cut:
        rows.append(Row("too large", _files(len(outcome.cut)), "looked at in part"))
    if outcome.dropped:
        rows.append(Row("not listed", f"{outcome.dropped} more", "there are too many"))
    rows.append(Row("verdict", "none", "strings prove nothing; they give away few of the programs that ignore TMPDIR"))
    rows.append(Row("to prove", typed(PROOF), command=True))
    report.add("Scan", *rows)


def _files(number: int) -> str:
    return f"{number} file" if number == 1 else f"{number} files"
