"""The session that was opened: whether it began, whether our module ran in it, and why it has no directory."""
from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from pam_mktemp_py import paths, plan as plans
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.pamstack.probe import Outcome, ProbeTimeout

Commands = tuple[tuple[str, ...], ...]
Advice = tuple[str, Commands]
NO_RECORD = "record could not be written"
LOG = "see the log for [failed-open], [failed-closed] and what stands before it: journalctl -t su -t sshd -t pam-mktemp"
# What the planner and the module say, and what helps. Groups of the expression are handed on.
REASONS: tuple[tuple[str, Callable[..., Advice]], ...] = (
    (r"(/\S*): is writable by others and not sticky", lambda path: (
        f"make {path} sticky, as it was: who made it otherwise?", _on(path, "chmod", "+t"))),
    (r"(/\S*): belongs to uid \d+, not to root", lambda path: (
        f"give {path} back to root", _on(path, "chown", "root"))),
    (r"an open session uses it", lambda *_: (
        "end the sessions that use the directory (pam-mktemp where shows them); the next login replaces it", ())),
    (r"No space left|no space or no inodes|Disk quota", lambda *_: (
        "free space or inodes there: df and df -i show which, and du -x who uses them", ())),
    (r"can be made in it: Permission denied", lambda *_: (
        "see which folder on the way the account cannot enter, with namei -l; was a mode or owner there changed?", ())),
    (r"Read-only file system", lambda *_: ("mount it writable again: findmnt shows it", ())),
    (r"planner (cannot be started|took more than|failed)|no planner was free", lambda *_: (
        "see that /usr/bin/python3 and /usr/lib/pam-mktemp are whole (findings of installation), and the log", ())),
    (r"account is unknown|no such account", lambda *_: (
        "see getent passwd: the account is gone, or its directory service is down", ())),
    (r"\.toml\b|\.d\b.*: ", lambda *_: ("correct the configuration: pam-mktemp config check", ())),
    (NO_RECORD, lambda *_: (
        f"see what is at {paths.SESSIONS}: it must be root's, a folder, writable and not full (findmnt, lsattr -d)",
        ())),
)


def check(patient: Patient) -> Iterator[Finding]:
    """The session began, our module ran in it, and it has its directory or is meant to have none."""
    outcome, service = patient.outcome, patient.service
    if patient.failed is not None:
        yield _untried(patient)
    if outcome is None:
        return
    user = patient.account.name
    if outcome.outcome == "refused":
        yield _refused(patient, outcome)
    elif outcome.outcome == "failed-open":
        record = NO_RECORD in outcome.why or "record cannot be written" in outcome.why
        do, commands = advice(outcome.why, user, service)
        yield Finding(
            "record-missing" if record else "failed-open",
            f"a session of {user} through {service} began without what the configuration says: {outcome.why}", service,
            "its programs use the /tmp that everybody shares; under failure = \"closed\" it would be refused",
            do, commands)
    elif outcome.outcome == "shared":
        yield Finding("no-directory", f"{user} gets no private directory: {outcome.why}", service,
                      "that is what the configuration says", "change the configuration if it is not meant", (), NOTE)
    yield from _not_reached(patient, outcome)


def advice(why: str, user: str, service: str) -> Advice:
    """What to do about a reason, and the commands; the last of them forgets the failure at once."""
    for pattern, answer in REASONS:
        if found := re.search(pattern, why):
            do, commands = answer(*found.groups())
            return do, (*commands, *_forget(user, service))
    return LOG, _forget(user, service)


def _on(path: str, *command: str) -> Commands:
    return ((*command, path),) if os.path.isdir(path) else ()


def _forget(user: str, service: str) -> Commands:
    """rm of the failures that are remembered for this login, for 30 s."""
    try:
        names = [plans.key(user, service), "@planner"]
    except plans.PlanError:
        return ()
    return tuple(("rm", "-f", f"{paths.FAILURES}/{name}") for name in names
                 if os.path.lexists(f"{paths.FAILURES}/{name}"))


def _untried(patient: Patient) -> Finding:
    what = str(patient.failed)
    if isinstance(patient.failed, ProbeTimeout):
        return Finding("session-timeout", what, patient.service, "a login would wait just as long, or for ever",
                       "look at the modules of the session stack one by one: "
                       + ", ".join(dict.fromkeys(entry.module for entry in patient.entries if entry.module)))
    missing = "python3-pampy" in what
    return Finding("session-untried", what, patient.service, "what a login gets could not be seen",
                   "install what is missing" if missing else "run doctor where namespaces can be made, or log in",
                   (("apt-get", "install", "-y", "python3-pampy", "python3-six"),) if missing else ())


def _refused(patient: Patient, outcome: Outcome) -> Finding:
    user, service = patient.account.name, patient.service
    what = f"PAM refuses a session of {user} through {service}: {outcome.reason} (code {outcome.code}): {outcome.why}"
    why = f"{user} cannot log in through {service}"
    if patient.full and not _ours_refuses(outcome):
        modules = ", ".join(dict.fromkeys(entry.module for entry in patient.entries if entry.module))
        return Finding("session-refused", what, service, why,
                       f"it is not our module: find which of {modules} does it in the log")
    do, commands = advice(outcome.why, user, service)
    return Finding("session-refused", what, service, why, do, commands)


def _ours_refuses(outcome: Outcome) -> bool:
    return any("pam_mktemp_py" in message for message in outcome.messages)


def _not_reached(patient: Patient, outcome: Outcome) -> Iterator[Finding]:
    """Not by the session that was opened, or not when the other lines of the stack are there too."""
    shape = patient.shape
    if not outcome.reached:
        why = outcome.why
    elif shape is not None and not shape.reached and outcome.record is not None:  # else it ran and has no record
        why = shape.why
    elif shape is not None and shape.code and not outcome.code:
        yield Finding("stack-refuses", f"the session stack of {patient.service} ends in: {shape.reason}",
                      patient.service, "with every other module succeeding a session is refused all the same",
                      "look at its controls, jumps and lines that libpam cannot read")
        return
    else:
        return
    yield Finding("line-not-reached", f"our module does not run in a session through {patient.service}: {why}",
                  patient.service, f"{patient.account.name} gets no private directory there",
                  "let our line stand before the one that ends the stack or jumps over it; if the module is missing, "
                  "make install")
