"""pam-mktemp detect --fix: the remedies that were tried for what was found, and the entries that came of it."""
from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from pam_mktemp_py.cli import detect_fix_rows, facts, shims_verify
from pam_mktemp_py.cli.detect_sources import Wanted
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.detect.model import TOLD, Verdict
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.pamstack.signals import as_interrupts
from pam_mktemp_py.prove import entry_file, fix
from pam_mktemp_py.prove.fix import LEFT, Fix
from pam_mktemp_py.prove.known_remedies import Remedies
from pam_mktemp_py.prove.session import SECONDS, Seen
from pam_mktemp_py.prove.settle import Settled, settled
from pam_mktemp_py.prove.trial import Command, Ran
from pam_mktemp_py.remedies import catalogue

if TYPE_CHECKING:
    from pam_mktemp_py.cli.detect import Fixing

_SECONDS = 10.0  # for dpkg to tell whose a file is


def add(report: Report, wanted: Wanted, verdict: Verdict, remedies: Remedies, how: Fixing) -> None:
    """Try remedies for what the command of `wanted` does, and tell what came of it. Error, OSError.

    `verdict` is that on a run with its terminal and input: what it has shown must show itself again.
    """
    settings = report.settings
    user = facts.known(wanted.user) if wanted.user is not None else None
    command = Command(wanted.command, user, wanted.timeout or SECONDS, shims_verify.run_fresh(), remedies.known)
    status = report.data["runs"][-1]["status"]
    first = Ran(Seen((status,), "", "", verdict, ""), "")
    with as_interrupts():
        outcome = fix.fix(command, remedies, shims_verify.system(), first)
        made = [(each, *_settled(each, command)) for each in outcome.fixes]
    data = []
    for each, entries, why in made:
        stored = [_stored(settings, remedies, one, how) for one in entries]
        data.append(_data(each, entries, why, stored))
        detect_fix_rows.add_one(report, each, entries, why, stored, how)
        _warn(report, remedies, entries)
    seen = {program for each in outcome.fixes for program in each.programs}
    unseen = sorted({each.program for each in verdict.findings if each.kind not in TOLD} - seen)
    detect_fix_rows.add_all(report, outcome, unseen)
    report.data["fix"] = {"why": outcome.why or None, "compared": outcome.compared or None, "unseen": unseen,
                          "programs": data}
    report.notes += [f"{name} ran on behind the command, and was ended" for name in outcome.left]
    report.finding = bool(outcome.why or unseen) or any(
        one["state"] == LEFT or any(entry["refused"] for entry in one["entries"]) for one in data)


def _warn(report: Report, remedies: Remedies, entries: list[Settled]) -> None:
    for one in entries:
        if one.entry.name in remedies.catalogue.entries:
            report.notes.append(f"the entry {one.entry.name} would take the place of the one that is there, and is for "
                                f"whatever {one.entry.recognise.names[0]} does: is it a script that is meant?")


def _settled(found: Fix, command: Command) -> tuple[list[Settled], str]:
    return settled(found, command, _packages) if found.state == fix.FOUND else ([], "")


def _packages(program: str) -> tuple[str, ...]:
    """Debian's package that has the file, none if it is of none, or there is no dpkg."""
    try:
        done = subprocess.run(["dpkg-query", "-S", "--", os.path.realpath(program)], capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    name = done.stdout.decode("utf-8", "replace").partition(":")[0]
    return (name,) if not done.returncode and name and "," not in name and " " not in name else ()


def _stored(settings: Settings, remedies: Remedies, one: Settled, how: Fixing) -> tuple[str, str]:
    """The file, and why the entry is not stored in it ("" if it is, or if that was not asked for). OSError."""
    path = f"{catalogue.site_folder(settings.config)}/{one.entry.name}{catalogue.END}"
    if not how.write:
        return path, ""
    try:
        shipped = remedies.catalogue.entries.get(one.entry.name)
        if shipped is not None and not shipped.site and not how.force:
            raise Refused(entry_file.ID, path, "would override the entry that is shipped",
                          "that is what --force is for")
        if how.dry_run:
            entry_file.check(path, how.force)
        else:
            _store(settings, path, one, how)
    except Refused as refused:
        return path, f"{refused.what}; {refused.hint}"
    return path, ""


def _store(settings: Settings, path: str, one: Settled, how: Fixing) -> None:
    """The file, then its proof. Refused, ConfigError, OSError."""
    target = shims_verify.target_of(settings, None)
    shims_verify.known_in(target, None, settings)  # what cannot be recorded is told before anything is stored
    entry_file.store(path, one.text.encode(), settings.owner, how.force)
    shims_verify.record_in(settings, target, None, [one.proof])


def _data(found: Fix, entries: list[Settled], why: str, stored: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "programs": list(found.programs), "paths": list(dict.fromkeys(each.path for each in found.findings)),
        "state": LEFT if why else found.state, "why": why or found.why or None, "remedy": found.kind or None,
        "catalogue": [entry.name for entry in found.entries.values()] if found.state == fix.KNOWN else [],
        "tried": [{"remedy": words, "result": result} for words, result in found.tried],
        "entries": [{"name": one.entry.name, "program": one.program, "file": path, "toml": one.text,
                     "check": not one.unchecked, "refused": refused or None}
                    for one, (path, refused) in zip(entries, stored)]}
