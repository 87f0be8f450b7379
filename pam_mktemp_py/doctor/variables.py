"""The variables of the session that was opened: what they name, against what was planned, and whether it is usable."""
from __future__ import annotations

from collections.abc import Iterator

from pam_mktemp_py.config.model import TMP_VARIABLES
from pam_mktemp_py.doctor.examine import ours
from pam_mktemp_py.doctor.finding import Finding, Patient
from pam_mktemp_py.doctor.session import advice
from pam_mktemp_py.pamstack.probe import Outcome


def check(patient: Patient) -> Iterator[Finding]:
    """Each variable of the configuration names the private directory, and the account can use it."""
    outcome = patient.outcome
    if outcome is None or outcome.outcome != "private":
        return
    planned = plan_of(patient, outcome)
    wrong = False
    for finding in _against_plan(patient, outcome.environment, planned):
        wrong = True
        yield finding
    values = {name: outcome.environment[name] for name in TMP_VARIABLES if name in outcome.environment}
    if len(set(values.values())) > 1 and (wrong or any(name not in planned for name in values)):
        named = ", ".join(f"{name}={value}" for name, value in values.items())
        yield Finding("variables-disagree", f"the four variables do not name one directory: {named}",
                      patient.service, "a program that asks for another of them writes elsewhere",
                      f"let one module set all four: {_who(patient)}")
    yield from _unusable(patient, outcome)


def plan_of(patient: Patient, outcome: Outcome) -> dict[str, str]:
    """Variable -> directory, as the configuration has it now; {} if it cannot be used: then the last plan holds."""
    if patient.config is None or outcome.record is None:
        return {}
    top = outcome.record.get("directory", "")
    return {variable: f"{top}/{name}" for name, variables in patient.config.directories for variable in variables}


def _against_plan(patient: Patient, environment: dict[str, str], planned: dict[str, str]) -> Iterator[Finding]:
    missing = [name for name in planned if name not in environment]
    if missing:
        yield Finding("variable-missing", f"{', '.join(missing)} of the configuration is not in the session",
                      patient.service, "programs that ask for it use the /tmp that everybody shares",
                      f"see what takes it away again: {_who(patient)}")
    for name, wanted in planned.items():
        if environment.get(name, wanted) != wanted:
            yield Finding("variable-different", f"{name} is {environment[name]} in the session, and not {wanted}",
                          patient.service, "programs that ask for it do not use the private directory",
                          f"see what sets it: {_who(patient)}")


def _who(patient: Patient) -> str:
    """The modules that run after ours, for the one of them that must be it."""
    line, after, seen = ours(patient), [], False
    for entry in patient.entries:
        if seen and entry.module and not entry.line.ours:
            after.append(f"{entry.module} ({entry.where})")
        seen = seen or entry.line is line
    if not after or not patient.full:
        return "a plan that was made before the configuration changed? Log in again, then run doctor --full"
    return f"after our line run {', '.join(after)}; take the variable out of its settings, or let our line be the last"


def _unusable(patient: Patient, outcome: Outcome) -> Iterator[Finding]:
    said = set()
    for name, trouble in outcome.usable.items():
        place = outcome.environment[name]
        if trouble and place not in said:
            said.add(place)
            do, _ = advice(trouble, patient.account.name, patient.service)
            yield Finding("directory-unusable", f"{patient.account.name} cannot use {place}: {trouble}", place,
                          f"programs that make files in ${name} fail", do)
