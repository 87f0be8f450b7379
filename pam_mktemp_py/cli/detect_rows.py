"""The data and the table of `pam-mktemp detect`."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pam_mktemp_py.cli.detect_remedies import Remembered
from pam_mktemp_py.cli.detect_traces import Traced
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.advice import drop_in
from pam_mktemp_py.detect.model import Finding, ProgramVerdict, Verdict
from pam_mktemp_py.strace.events import Unread

_BAD = frozenset({model.HARDCODES, model.MIXED})
_MARKS = {model.HARDCODES: "bad", model.MIXED: "bad", model.HONOURS: "good", model.NONE: ""}
_CLASS = max(map(len, model.CLASSES))
_DANGER = max(map(len, model.DANGERS))
_VERDICT = len(model.HARDCODES)
_EVIDENCE = 3  # lines of a dangerous finding without --verbose
_ENDS = 4  # programs of a long chain, at either end
_WHAT = 48  # characters of a name; a longer one pushes its row to the right
_CALL = 100  # characters of a call
_LONGEST = 120  # characters of a name in a row: it may have 4,095, and --json has them all


def data(verdict: Verdict, traced: list[Traced], remedies: Remembered) -> dict[str, Any]:
    """The keys of --json, as cli/detect.py describes them."""
    return {
        "verdict": verdict.verdict,
        "programs": [_program_data(each) for each in verdict.programs],
        "findings": [_finding_data(each) | {"remedy": remedies.data(each)} for each in verdict.findings],
        "dropped": verdict.dropped,
        "lines": sum(each.lines for each in traced),
        "unread": [_unread_data(one) for each in traced for one in each.unread],
        "unread_count": sum(each.unread_count for each in traced),
        "unresolved": [_unread_data(one) for each in traced for one in each.unresolved],
        "unresolved_count": sum(each.unresolved_count for each in traced),
        "cut": any(each.cut for each in traced),
        "io_uring": any(each.uring for each in traced),
        "runs": [each.run for each in traced],
    }


def _program_data(program: ProgramVerdict) -> dict[str, Any]:
    return {"program": program.program, "verdict": program.verdict, "private": program.private,
            "shared": program.shared, "secure": program.secure}


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "program": finding.program, "path": finding.path, "class": finding.kind, "danger": finding.danger,
        "rank": finding.rank, "cwe": list(finding.cwe), "why": finding.why, "name": finding.name,
        "calls": finding.calls, "chain": list(finding.chain),
        "evidence": [{"line": each.line, "pid": each.pid, "program": each.program, "call": each.call}
                     for each in finding.evidence],
        "example": finding.example, "count": finding.count, "left": finding.left, "next": finding.advice}


def _unread_data(unread: Unread) -> dict[str, Any]:
    return {"line": unread.line, "text": unread.text, "why": unread.why}


def add_all(report: Report, verdict: Verdict, traced: list[Traced], unit: str) -> None:
    """Fill `report`: the table, what is behind each finding, and what could not be read."""
    verbose = report.settings.verbosity > 0
    _table(report, verdict)
    for number, finding in enumerate(_faults(verdict), 1):
        if verbose or finding.danger in model.DANGERS[:3]:
            report.add(f"{number}. {_cut(finding.program)}: {_cut(finding.path)}", *_details(finding, verbose))
    _told(report, verdict, verbose)
    _unread(report, traced)
    text = drop_in(unit, verdict.findings) if unit else ""
    if text:
        report.add(f"Drop-in for {unit}", *(Row("", line, command=True) for line in text.splitlines()))
    report.finding = verdict.fault


def _faults(verdict: Verdict) -> list[Finding]:
    return [each for each in verdict.findings if each.kind not in model.TOLD]


def _table(report: Report, verdict: Verdict) -> None:
    """One row a finding: program, verdict, what, class, danger; what to do next below it."""
    faults = _faults(verdict)
    programs = {each.program: each for each in verdict.programs}
    rest = [each for each in verdict.programs if each.verdict not in _BAD]
    width = min(max((len(_short(each.program)) for each in verdict.programs), default=7), 32)
    what = min(max((len(each.path) for each in faults), default=4), _WHAT)
    title = f"  {'program':{width}}  {'verdict':{_VERDICT}}  {'what':{what}}  {'class':{_CLASS}}  danger"
    rows = []
    for finding in faults:
        word = programs[finding.program].verdict
        cells = f"{word:{_VERDICT}}  {_cut(finding.path):{what}}  {finding.kind:{_CLASS}}  {finding.danger}"
        rows.append(Row(f"{_short(finding.program):{width}}", cells, "", "bad" if finding.rank >= 10 else ""))
        rows.append(Row("", f"{'':{_VERDICT}}  -> {finding.advice}"))
    rows += [Row(f"{_short(each.program):{width}}", each.verdict, "", _MARKS[each.verdict])
             for each in rest if each.verdict != model.NONE]
    if verdict.dropped:
        rows.append(Row("", f"and {verdict.dropped} calls on further names, which are not listed"))
    if rows:
        report.add(title, *rows)
    report.add("Verdict", Row(verdict.verdict, _WORDS[verdict.verdict], "", _MARKS[verdict.verdict]))


_WORDS = {
    model.HONOURS: "what it makes, it makes in the directory that TMPDIR names",
    model.HARDCODES: "it uses shared directories, whatever TMPDIR says",
    model.MIXED: "it uses both the directory that TMPDIR names and shared ones",
    model.NONE: "it made no temporary files",
}


def _short(program: str) -> str:
    return program if len(program) <= 32 else "..." + program[-29:]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _chain(programs: Sequence[str]) -> str:
    """The programs that led to this one; of many, the first and the last few."""
    names = [_cut(each) for each in programs]
    return " > ".join(names if len(names) <= 2 * _ENDS else [*names[:_ENDS], "...", *names[-_ENDS:]])


def _details(finding: Finding, verbose: bool) -> list[Row]:
    rows = [Row("why", finding.why, " ".join(finding.cwe), "bad" if finding.rank >= 30 else "")]
    rows.append(Row("started by", _chain(finding.chain)))
    if finding.example != finding.path:
        rows.append(Row("as", _cut(finding.example), f"{finding.count} names" if finding.count > 1 else ""))
    if finding.left:
        rows.append(Row("left behind", f"{finding.left} of {finding.count}"))
    shown = finding.evidence if verbose else finding.evidence[:_EVIDENCE]
    rows += [Row(f"line {each.line}", each.call[:_CALL] + ("..." if len(each.call) > _CALL else ""),
                 "" if each.program == finding.program else f"by {each.program}") for each in shown]
    return rows


def _told(report: Report, verdict: Verdict, verbose: bool) -> None:
    """What is no fault of the program's: in one line each, what was only looked at with --verbose alone."""
    told = [each for each in verdict.findings if each.kind in model.TOLD]
    shown = [each for each in told if verbose or each.kind != model.LOOK_ONLY]
    if shown:
        report.add("Not counted", *(Row(_short(each.program), f"{_cut(each.path)}  {each.kind}", each.why)
                                    for each in shown))


def _ended(run: dict[str, Any]) -> str:
    """How a run ended that may have stopped before it did what it is there for; "" for a good end."""
    if run.get("timed_out"):
        return "the command ran out of time"
    if run.get("signal"):
        return f"the command was ended by signal {run['signal']}"
    return f"the command ended with status {run['status']}" if run.get("status") else ""


def _unread(report: Report, traced: list[Traced]) -> None:
    rows = []
    for trace in traced:
        if ended := _ended(trace.run):
            rows.append(Row("run", ended, "what it would have done then is not known", "unknown"))
        if trace.cut:
            rows.append(Row("cut", "the last line is not whole", "the disk was full, or the log was copied too early",
                            "unknown"))
        if trace.uring:
            rows.append(Row("io_uring", "a program has used it", "what it did that way is in no log", "unknown"))
        for count, found, what in ((trace.unread_count, trace.unread, "not understood"),
                                   (trace.unresolved_count, trace.unresolved, "names a path that cannot be known")):
            rows += [Row(f"line {each.line}", each.text[:_CALL], f"{what}: {each.why}", "unknown")
                     for each in found[:5]]
            if count > 5:
                rows.append(Row("", f"{count - 5} more lines: {what}", "--json has the first of them", "unknown"))
    if rows:
        report.add("Not in the verdict", *rows)
