"""The plan that logins use: there, fresh, and for as long as it should be; and failures that are remembered."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator

from pam_mktemp_py import paths, plan as plans
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.linux import boot
from pam_mktemp_py.sessions import lookup, stored

APPLIED = ("private", "shared")  # the module had a plan


def check(patient: Patient) -> Iterator[Finding]:
    """The stored plan of this login, how long it is used, the clock of its files, and remembered failures."""
    if not patient.root:
        return
    if patient.outcome is not None and patient.outcome.outcome in APPLIED:
        yield from _stored(patient)
    if patient.config is not None:
        yield from _future(patient)
    yield from _remembered(patient)


def _stored(patient: Patient) -> Iterator[Finding]:
    user, service = patient.account.name, patient.service.lower()
    found = [each for each in stored.of_user(user) if each.service == service]
    if not found:  # removed since: the session just had one
        return
    kept = found[0]
    why = kept.why
    if kept.plan is not None:
        why = stored.stale(kept.plan, patient.account, service, patient.config_path, boot.boot_id(),
                           boot.boottime_ns())
    if why:
        yield Finding("plan-stale", f"the plan of {user} for {service} is not used: {why}", kept.path,
                      "the planner could not write a new one, or what it depends on changes all the time",
                      "remove it and log in again; then see what changes", (("rm", "-f", kept.path),))


def _future(patient: Patient) -> Iterator[Finding]:
    """Files whose time has not come yet count as just changed: nothing made from them is relied on."""
    now = time.time_ns()
    files = [(path, "every plan is used for 2 s only, and the planner started again and again")
             for path, state in patient.config.depends if state is not None and max(state[3:]) > now] \
        if patient.config else []
    files += [(path, "the directory service is asked at every login") for path in (lookup.PASSWD, lookup.NSSWITCH)
              if _later(path, now)]
    for path, why in files:
        yield Finding("file-in-future", f"{path} has a time in the future", path, why,
                      "see that the clock is right, then touch the file", (("touch", path),))


def _later(path: str, now: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return max(found.st_mtime_ns, found.st_ctime_ns) > now


def _remembered(patient: Patient) -> Iterator[Finding]:
    """Failures of this account's other services, too; this one's is the session's finding already."""
    user, now = patient.account.name, boot.boottime_ns()
    try:
        names = sorted(os.listdir(paths.FAILURES))
    except FileNotFoundError:
        return
    told = patient.outcome is not None and patient.outcome.outcome in ("failed-open", "refused")
    for name in names:
        try:
            whose, service = ("", "every login") if name == "@planner" else plans.unkey(name)
        except plans.PlanError:
            continue
        memo = stored.remembered(name, now)
        if memo is None or whose not in ("", user) or (told and service in (patient.service.lower(), "every login")):
            continue
        age, _, message = memo
        left = (stored.MEMO_NS - age) // 1_000_000_000
        yield Finding("failure-remembered", f"a failure is remembered for {left} s more ({service}): {message}",
                      f"{paths.FAILURES}/{name}", "until then logins without a usable plan do not ask the planner",
                      "put right what it says; it is forgotten by itself, or at once if it is removed",
                      (("rm", "-f", f"{paths.FAILURES}/{name}"),), NOTE)
