"""The rows and the data of `pam-mktemp doctor`."""
from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from pam_mktemp_py.cli.facts import directory_rows
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row, typed
from pam_mktemp_py.config.model import TMP_VARIABLES
from pam_mktemp_py.doctor.checks import Checked
from pam_mktemp_py.doctor.examine import look
from pam_mktemp_py.doctor.finding import PROBLEM, Finding, Patient
from pam_mktemp_py.pamstack.probe import Outcome

TEXT = 96  # columns of a finding's text
_GOOD = ("private", "shared", "off")


def add_all(report: Report, patient: Patient, checked: list[Checked], effects: list[tuple[str, str, str]]) -> None:
    """Fill `report`: the session, the directory, the problems, the notes, what was checked."""
    problems = [finding for check in checked for finding in check.findings if finding.kind == PROBLEM]
    notes = [finding for check in checked for finding in check.findings if finding.kind != PROBLEM]
    report.data |= {
        "user": patient.account.name, "service": patient.service,
        "findings": [_data(each) for each in problems], "notes": [_data(each) for each in notes],
        "checks": len(checked), "checked": [_checked_data(each) for each in checked],
        "effects": [{"module": module, "where": where, "what": what} for module, where, what in effects],
        "session": _session_data(patient.outcome), "needs_root": not patient.root,
    }
    if effects:
        report.add("Modules that really ran", *(Row(module, what, where) for module, where, what in effects))
    _session(report, patient)
    report.add("Directory", *directory_rows(look(patient)))
    _problems(report, problems, checked)
    _notes(report, notes)
    if report.settings.verbosity > 0:
        report.add("Checks", *(Row(each.name, _counted(each), each.about, "" if each.findings else "good")
                               for each in checked))
    report.finding = bool(problems)


def _checked_data(check: Checked) -> dict[str, Any]:
    problems = sum(each.kind == PROBLEM for each in check.findings)
    return {"name": check.name, "about": check.about, "findings": problems, "notes": len(check.findings) - problems}


def _data(finding: Finding) -> dict[str, Any]:
    return {"id": finding.id, "kind": finding.kind, "what": finding.what, "where": finding.where, "why": finding.why,
            "do": finding.do, "commands": [list(command) for command in finding.commands]}


def _session_data(outcome: Outcome | None) -> dict[str, Any] | None:
    return None if outcome is None else asdict(outcome) | {"reached": outcome.reached}


def _session(report: Report, patient: Patient) -> None:
    user, outcome = patient.account.name, patient.outcome
    through = f"Session of {user} through {patient.service}" if patient.service else f"Session of {user}"
    if not patient.root:
        report.add(through, Row("opened", NEEDS_ROOT, "", "unknown"))
    elif outcome is None:
        why = str(patient.failed) if patient.failed else "no session line runs the module" + (
            "" if patient.service else " in any service")
        report.add(through, Row("opened", "no", why, "bad"))
    else:
        report.add(f"{through}, {'all modules' if patient.full else 'our line alone'}", *_rows(outcome))


def _rows(outcome: Outcome) -> list[Row]:
    rows = [Row("outcome", outcome.outcome, outcome.why, "good" if outcome.outcome in _GOOD else "bad")]
    if outcome.code:
        rows.append(Row("PAM's answer", outcome.reason, f"code {outcome.code}"))
    for name in TMP_VARIABLES:
        if name in outcome.environment:
            trouble = outcome.usable.get(name, "")
            rows.append(Row(name, outcome.environment[name], trouble or "the account made and removed a file there",
                            "bad" if trouble else "good"))
    rows += [Row("said", message.strip()) for message in outcome.messages]
    rows += [Row("mounted", point, "by the session itself") for point in outcome.mounts]
    return rows


def _wrapped(label: str, text: str, mark: str = "") -> list[Row]:
    """One row for each line of a longer text; none for no text."""
    pieces = textwrap.wrap(text, TEXT, break_long_words=False, break_on_hyphens=False)
    return [Row("" if number else label, piece, "", mark if not number else "") for number, piece in enumerate(pieces)]


def _counted(check: Checked) -> str:
    return f"{len(check.findings)} found" if check.findings else "nothing found"


def _problems(report: Report, problems: list[Finding], checked: list[Checked]) -> None:
    for number, finding in enumerate(problems, 1):
        report.add(f"{number}. {finding.id}", *_long("problem", finding, "bad"))
    if problems:
        report.add("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    else:
        report.add("No problems", *_wrapped("checked", ", ".join(each.name for each in checked)))


def _notes(report: Report, notes: list[Finding]) -> None:
    """One line each; with --verbose all that is known of it."""
    if report.settings.verbosity > 0:
        for finding in notes:
            report.add(finding.id, *_long("note", finding))
    elif notes:
        report.add("Notes", *(Row(each.id, _noted(each)) for each in notes))


def _noted(note: Finding) -> str:
    where = f" ({note.where})" if note.where and note.where not in note.what else ""
    return f"{note.what}{where}: {note.do}"


def _long(label: str, finding: Finding, mark: str = "") -> list[Row]:
    rows = _wrapped(label, finding.what, mark)
    for name, text in ("where", finding.where), ("so", finding.why), ("do", finding.do):
        rows += _wrapped(name, text)
    return rows + [Row("run", typed(command), command=True) for command in finding.commands]
