"""The configuration, and what our line in PAM's files says differently."""
from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.pamstack import places
from pam_mktemp_py.pamstack.stack import Entry

_KNOWN = re.compile(r"debug|fail=open|fail=closed|config=/.*")  # shims/pam/module.c


def check(patient: Patient) -> Iterator[Finding]:
    """It can be used, names whom there is, is not switched off, and our lines agree with it."""
    if os.path.lexists(paths.OFF):
        yield Finding("switched-off", f"everything is switched off: {paths.OFF} exists", paths.OFF,
                      "no new session gets a private directory", "remove it when you want it on again",
                      (("rm", paths.OFF),))
    folder = os.path.dirname(patient.config_path)
    if fault := places.fault(folder):
        yield Finding("config-exposed", f"not only root can change the configuration: {fault.component} {fault.what}",
                      fault.component, "whoever can, decides who gets a directory, and can switch everything off",
                      "take it from others, and look whether the configuration is still yours", fault.commands)
    if patient.error is not None:
        yield from _invalid(patient, patient.error)
    for warning in patient.config.warnings if patient.config else ():
        where, _, what = warning.partition(": ")
        what, _, do = what.partition("; ")
        yield Finding("config-unknown-name", what, where, "whom it should mean is not exempt", f"{do}, or remove it")
    for entry in ours(patient):
        yield from _line(patient, entry)


def ours(patient: Patient) -> list[Entry]:
    """Every line that runs our module, each once, though many services include it."""
    found = {entry.where: entry for entries in patient.stacks.values() for entry in entries if entry.line.ours}
    return list(found.values())


def _invalid(patient: Patient, error: ConfigError) -> Iterator[Finding]:
    if isinstance(error.__cause__, PermissionError) and not patient.root:
        return  # not to be seen without root
    where = f"{error.file}:{error.line}" if error.line else error.file
    command: tuple[tuple[str, ...], ...] = ()
    if error.hint.startswith("run: ") and error.hint.endswith(f" {error.file}"):
        words = shlex.split(error.hint.removeprefix("run: ").removesuffix(f" {error.file}"))
        command = ((*words, error.file),)
    yield Finding("config-invalid", f"the configuration cannot be used: {error.file} {error.what}", where,
                  "logins use their last plan; without one the module's fail= argument decides",
                  error.hint or "correct that line; pam-mktemp config check says when it is right", command)


def _line(patient: Patient, entry: Entry) -> Iterator[Finding]:
    words = entry.line.arguments
    for word in words:
        if not _KNOWN.fullmatch(word):
            yield Finding("argument-unknown", f"our module does not know the argument {word}", entry.where,
                          "it is ignored, and logged at every login", "take it out",
                          _edit(entry, f"s/[[:space:]]{_quoted(word)}\\([[:space:]]\\|$\\)/\\1/"))
    named = [word.removeprefix("config=") for word in words if word.startswith("config=/")]
    if named and named[-1] != paths.CONFIG:
        if not os.path.lexists(named[-1]):
            yield Finding("config-absent", f"our line names the configuration {named[-1]}, which is not there",
                          entry.where, "the defaults hold", f"write it, or take config={named[-1]} out",
                          _edit(entry, f"s/[[:space:]]config={_quoted(named[-1])}\\([[:space:]]\\|$\\)/\\1/"))
        else:
            yield Finding("config-elsewhere", f"our line names the configuration {named[-1]}", entry.where,
                          f"{paths.CONFIG} does not count there",
                          f"look at it with pam-mktemp --config {named[-1]} config show", (), NOTE)
    yield from _policy(patient, entry, named[-1] if named else paths.CONFIG)


def _policy(patient: Patient, entry: Entry, named: str) -> Iterator[Finding]:
    """fail= holds until an account has its first plan, and whenever the configuration cannot be read."""
    if patient.config is None or named != patient.config_path:
        return
    said = [word for word in entry.line.arguments if word.startswith("fail=")]
    line, wanted = (said[-1] if said else "fail=open"), f"fail={patient.config.failure}"
    if line == wanted:
        return
    edit = f"s/[[:space:]]fail=\\(open\\|closed\\)/ {wanted}/g" if said else f"s/pam_mktemp_py\\.so/& {wanted}/"
    yield Finding(
        "fail-differs", f'failure is "{patient.config.failure}" ({patient.config.origin("failure")}), but our line '
        f"says {line if said else 'nothing, which is fail=open'}", entry.where,
        "the line decides for accounts without a plan, and while the configuration or the planner is broken",
        f"write {wanted} into the line", _edit(entry, edit))


def _edit(entry: Entry, script: str) -> tuple[tuple[str, ...], ...]:
    """sed on the lines that the entry is written on."""
    return (("sed", "-i", f"{entry.line.first},{entry.line.last}{script}", entry.file),)


def _quoted(word: str) -> str:
    """A basic regular expression, between slashes, for exactly this text."""
    return re.sub(r"([][\\.*^$/])", r"\\\1", word)
