"""Looks at everything the checks need, once: PAM's files, the configuration, a session opened for real."""
from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable

from pam_mktemp_py import paths
from pam_mktemp_py.config.load import load
from pam_mktemp_py.directory import inspect
from pam_mktemp_py.doctor import effects
from pam_mktemp_py.doctor.finding import Patient
from pam_mktemp_py.errors import ConfigError, StackError
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack import lines, probe, stack
from pam_mktemp_py.pamstack.lines import Line
from pam_mktemp_py.sessions import records

USUAL = ("sshd", "login", "su-l", "su", "cron", "sudo-i", "sudo", "runuser")
# Seen by logins of each: their pam_setcred(3) runs auth modules when ours has run. That of su and sudo comes before.
SETCRED_LATER = ("sshd", "login", "remote", "cron", "crond")
# What distributions call the files that services only include.
PARTS = re.compile(r"common-.*|(system|password|smartcard|fingerprint)-auth(-ac)?|postlogin(-ac)?|system-.*")
Announce = Callable[[list[tuple[str, str, str]]], None]


def examine(account: Account, service: str | None, config: str, *, full: bool, root: bool,
            announce: Announce, timeout: float = 30.0) -> Patient:
    """Open a session of `account` (root only) and keep what was seen before and in it.

    `service` None: the first usual one whose stack runs our module. `config` is the configuration, unless our
    line names another. `announce` is told what the modules of a full session do, before they do it. A session may
    take `timeout` seconds. Raises StackError for a service that is not there.
    """
    stacks = read_stacks(readable=not root)
    if service is not None and service not in stacks:
        stacks[service] = _asked(service)
    chosen = service if service is not None else usual_service(stacks)
    patient = Patient(account, chosen, full=full, root=root, stacks=stacks, config_path=config)
    patient.late = {name: stack.auth(name) for name in SETCRED_LATER
                    if any(entry.line.ours for entry in stacks.get(name, []))}
    named = config_argument(ours(patient))
    if named and config == paths.CONFIG:
        patient.config_path = named
    try:
        patient.config = load(patient.config_path)
    except ConfigError as error:
        patient.error = error
    if root and any(entry.line.ours for entry in patient.entries):
        patient.before = look(patient)
        if full:
            announce(effects.of(patient.entries))
        _open(patient, timeout)
    return patient


def look(patient: Patient) -> inspect.Look:
    """The account's directory as it is now."""
    return inspect.look(patient.account, leaves(patient))


def leaves(patient: Patient) -> list[str]:
    """The names of the directories that an account has."""
    return [name for name, _ in patient.config.directories] if patient.config else ["tmp"]


def ours(patient: Patient) -> Line | None:
    """The line of the service that runs our module; the first, if there are several."""
    return next((entry.line for entry in patient.entries if entry.line.ours), None)


def config_argument(line: Line | None) -> str:
    """The FILE of config=FILE, as the module reads it: absolute, and the last one counts. "" without one."""
    found = ""
    for word in line.arguments if line else ():
        if word.startswith("config=/"):
            found = word[len("config="):]
    return found


def read_stacks(readable: bool = False) -> dict[str, list[stack.Entry]]:
    """The session lines of every service that opens sessions, without files that are only included.

    `readable`: only those that the caller may read; else PermissionError.
    """
    found = {}
    for name in stack.services():
        path = stack.path_of(name)
        if path is None or not os.path.isfile(path) or PARTS.fullmatch(name):
            continue
        try:
            entries = stack.session(name)
        except PermissionError:
            if not readable:
                raise
            continue
        if entries:
            found[name] = entries
    included = {target for name in found for target in _included(name)}
    # su-l includes su, which is a service all the same: it asks for a password or for nothing, an include's part not.
    return {name: entries for name, entries in found.items() if name not in included or _authenticates(name)}


def usual_service(stacks: dict[str, list[stack.Entry]]) -> str:
    """The first usual service, else any, whose stack runs our module; "" if there is none."""
    order = [*USUAL, *sorted(set(stacks) - set(USUAL))]
    return next((name for name in order if any(e.line.ours for e in stacks.get(name, []))), "")


def _parsed(name: str) -> list[Line]:
    path = stack.path_of(name)
    return lines.parse(stack.read(path)) if path else []


def _included(name: str) -> set[str]:
    return {line.file for line in _parsed(name) if line.file and line.type in ("", "session")}


def _authenticates(name: str) -> bool:
    return any(line.type in ("", "auth") for line in _parsed(name))


def _asked(service: str) -> list[stack.Entry]:
    if not stack.is_service_name(service) or stack.path_of(service) is None:
        raise StackError(f"{stack.PAM_D}/{service}", "there is no such service", f"see: ls {stack.PAM_D}")
    return stack.session(service) or stack.session("other")  # as libpam does for one without session lines


def _open(patient: Patient, timeout: float) -> None:
    user, service = patient.account.name, patient.service
    try:
        if patient.full:
            patient.outcome = probe.open_session(user, service, probe.FULL, timeout=timeout)
            return
        patient.shape = probe.open_session(user, service, probe.SHAPE, timeout=timeout)
        good = patient.shape.reached and patient.shape.code == 0
        patient.outcome = patient.shape if good else probe.open_session(user, service, probe.LINE, timeout=timeout)
    except probe.ProbeError as error:
        patient.failed = error
    finally:
        with contextlib.suppress(FileNotFoundError):
            records.sweep()  # a module may have ended the session's process, or it was killed: nobody closed it
