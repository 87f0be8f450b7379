"""From counters to findings, and from findings to a verdict on each program."""
from __future__ import annotations

from collections.abc import Iterable

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.advice import advise
from pam_mktemp_py.detect.classes import classify
from pam_mktemp_py.detect.danger import danger
from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import Evidence, Finding, Lookup, ProgramVerdict, Verdict, nothing_known

_HARMLESS = frozenset({model.LOOK_ONLY, model.ALREADY_PRIVATE})
_SHARED_IPC_AT_MOST = 19  # its directory is root's or must be, and nobody can move it
_NOT_IPC = ("unsafe", "executed", "searched")  # a socket is not opened: what has a socket's name is none


def finding(facts: Facts, known: Lookup) -> Finding:
    """One finding."""
    row = None if facts.excuse or facts.abstract or not facts.active else known(facts.program, facts.path)
    kind = classify(facts, row)
    level, rank, cwe, why = danger(facts)
    if kind in _HARMLESS:
        level, rank = "low" if cwe else "none", min(rank, 12)
    if kind == model.ALREADY_PRIVATE:
        level, rank, cwe, why = "none", 0, (), "it lies in a mount of its own"
    elif kind == model.SHARED_IPC and rank > _SHARED_IPC_AT_MOST and not any(
            getattr(facts, counter) for counter in _NOT_IPC):
        level, rank = "low", _SHARED_IPC_AT_MOST
    elif kind == model.UNUSABLE and not facts.names:
        level, rank, cwe, why = "none", 3, (), "the directory that TMPDIR names was refused to it"
    elif facts.abstract:
        level, rank, cwe, why = "none", 1, (), "an abstract socket: no file, whatever its name looks like"
    evidence: list[Evidence] = sorted((each for _, each in facts.evidence), key=lambda each: each.line)
    return Finding(
        program=facts.program, path=facts.path, kind=kind, danger=level, rank=rank,
        cwe=tuple(f"CWE-{number}" for number in cwe), why=why, name=facts.name, calls=dict(facts.calls),
        chain=facts.chain, evidence=evidence, example=facts.example, count=facts.names, left=facts.left,
        advice=advise(kind, facts, row), entry=row.entry if row and kind not in model.NOT_TO_DO else "")


def concluded(counted: Iterable[Facts], programs: dict[str, ProgramVerdict], dropped: int,
              known: Lookup = nothing_known) -> Verdict:
    """Everything, worst first."""
    findings = []
    for facts in counted:
        found = finding(facts, known)
        findings.append(found)
        program = programs.setdefault(facts.program, ProgramVerdict(facts.program, model.NONE))
        program.secure = program.secure or bool(facts.secure)
        if found.kind not in model.TOLD:
            program.shared += facts.names
    return verdict(findings, list(programs.values()), dropped)


def verdict(findings: list[Finding], programs: list[ProgramVerdict], dropped: int) -> Verdict:
    """The verdict on each program by what it made where, and that on all of them."""
    for program in programs:
        program.verdict = _verdict(program.private > 0, program.shared > 0)
    findings.sort(key=lambda each: (-each.rank, each.program, each.path))
    worst = {each.program: -each.rank for each in reversed(findings) if each.kind not in model.TOLD}
    programs.sort(key=lambda each: (_ORDER.index(each.verdict), worst.get(each.program, 0), each.program))
    whole = _verdict(any(each.verdict in (model.HONOURS, model.MIXED) for each in programs),
                     any(each.verdict in (model.HARDCODES, model.MIXED) for each in programs))
    return Verdict(whole, programs, findings, dropped)


_ORDER = (model.HARDCODES, model.MIXED, model.HONOURS, model.NONE)


def _verdict(private: bool, shared: bool) -> str:
    if shared:
        return model.MIXED if private else model.HARDCODES
    return model.HONOURS if private else model.NONE
