"""All checks, and how they are run: what breaks one of them is a finding and ends no other."""
from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pam_mktemp_py.doctor import (
    apart, bases, bind, cleaners, configuration, coverage, directory, environment, installation, kernel, logins,
    modules, ownline, plan, session, shells, shims, slurm, sockets, sshd, sudo, surroundings, units, variables,
)
from pam_mktemp_py.doctor.finding import Finding, Patient

Check = Callable[[Patient], Iterator[Finding]]

ALL: tuple[Check, ...] = (
    session.check,
    variables.check,
    directory.check,
    plan.check,
    configuration.check,
    coverage.check,
    ownline.check,
    modules.check,
    environment.check,
    sshd.check,
    shells.check,
    shims.check,
    kernel.check,
    cleaners.check,
    sudo.check,
    units.check,
    slurm.check,
    surroundings.check,
    bind.check,
    apart.check,
    logins.check,
    bases.check,
    sockets.check,
    installation.check,
)


@dataclass(frozen=True)
class Checked:
    """What one check found. `name` is its file's, `about` the first line of what it says about itself."""

    name: str
    about: str
    findings: list[Finding]


def run(patient: Patient, checks: Sequence[Check] = ALL) -> list[Checked]:
    """Every check, in order. One that raises is no silent pass: that is a finding itself, `check-failed`."""
    return [_one(patient, check) for check in checks]


def _one(patient: Patient, check: Check) -> Checked:
    name = check.__module__.rpartition(".")[2]
    about = (check.__doc__ or name).split("\n")[0].rstrip(".")
    found: list[Finding] = []
    try:
        for finding in check(patient):  # what it found before it broke is kept
            found.append(finding)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        found.append(Finding(
            "check-failed", f"the check of {name} broke off: {type(error).__name__}: {error}",
            f"{last.filename}:{last.lineno}", "what it looks at may be right or wrong: nobody knows",
            "run doctor again; if it stays, report this line as an error in pam-mktemp"))
    return Checked(name, about, found)
