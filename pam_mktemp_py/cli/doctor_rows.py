"""The rows and the data of `pam-mktemp doctor`."""
from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import Any

from pam_mktemp_py.cli.facts import directory_rows
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.config.model import TMP_VARIABLES
from pam_mktemp_py.doctor.checks import Checked
from pam_mktemp_py.doctor.examine import look
from pam_mktemp_py.doctor.finding import PROBLEM, Finding, Patient
from pam_mktemp_py.pamstack.probe import Outcome

TEXT = 96  # columns of a finding's text
_GOOD = ("private", "shared", "off")


def add_all(report: Report, patient: Patient, checked: list[Checked], effects: list[tuple[str, str, str]]) -> None:
    """Fill `report`: the session, the directory, what was found, what was checked."""
    findings = [finding for check in checked for finding in check.findings]
    report.data |= {
        "user": patient.account.name, "service": patient.service, "findings": [_data(each) for each in findings],
        "checks": len(checked),
        "checked": [{"name": each.name, "about": each.about, "findings": len(each.findings)} for each in checked],
        "effects": [{"module": module, "where": where, "what": what} for module, where, what in effects],
        "session": _session_data(patient.outcome), "needs_root": not patient.root,
    }
    if effects:
        report.add("Modules that really ran", *(Row(module, what, where) for module, where, what in effects))
    _session(report, patient)
    report.add("Directory", *directory_rows(look(patient)))
    _findings(report, checked, findings)
    report.finding = any(each.kind == PROBLEM for each in findings)


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


def _findings(report: Report, checked: list[Checked], findings: list[Finding]) -> None:
    names = ", ".join(each.name for each in checked)
    for number, finding in enumerate(sorted(findings, key=lambda each: each.kind != PROBLEM), 1):
        mark = "bad" if finding.kind == PROBLEM else ""
        title = "Problem" if finding.kind == PROBLEM else "Note"
        rows = _wrapped(title.lower(), finding.what, mark)
        for label, text in ("where", finding.where), ("so", finding.why), ("do", finding.do):
            rows += _wrapped(label, text)
        rows += [Row("run", shlex.join(command)) for command in finding.commands]
        report.add(f"{number}. {finding.id}", *rows)
    if not any(each.kind == PROBLEM for each in findings):
        report.add("No problems" if findings else "No findings", *_wrapped("checked", names))
    if report.settings.verbosity > 0:
        report.add("Checks", *(Row(each.name, f"{len(each.findings)} found" if each.findings else "nothing found",
                                   each.about, "" if each.findings else "good") for each in checked))
