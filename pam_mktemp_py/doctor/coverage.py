"""Which services run our module, and which open sessions without it."""
from __future__ import annotations

import os
from collections.abc import Iterator

from pam_mktemp_py.doctor import tools
from pam_mktemp_py.doctor.finding import NOTE, Finding, Patient
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.policy.decide import decide

# One of these in a stack: the service opens sessions of people, and not, say, of its own helper.
OF_LOGINS = {"pam_unix.so", "pam_systemd.so", "pam_limits.so", "pam_loginuid.so", "pam_sss.so", "pam_elogind.so"}
SWITCHES = ("su", "runuser")  # keep the caller's environment


def check(patient: Patient) -> Iterator[Finding]:
    """Files that libpam cannot use, nobody covered, the asked service not, and those beside a shared file."""
    yield from _broken(patient)
    covered = {name for name, entries in patient.stacks.items() if any(entry.line.ours for entry in entries)}
    if not covered:
        yield Finding("not-enabled", "no service runs our module", "/etc/pam.d",
                      "no login gets a private directory", "enable it", (("pam-mktemp", "enable"),))
        return
    if patient.service not in covered and not _left_out(patient, patient.service):
        yield _uncovered(patient.service, "service-not-enabled",
                         "this service's sessions get no private directory")
    shared = shared_files(patient)
    missing = [name for name in sorted(patient.stacks)
               if name not in covered and name != patient.service and of_logins(patient, name)]
    for name in missing if shared else []:
        if not any(_includes(patient, name, other) for other in missing if other != name):
            yield _uncovered(name, "service-not-covered",
                             f"its stack does not include {' or '.join(sorted(shared))}, which runs our module")
    for name in SWITCHES if not shared else ():
        if name in missing and covered - set(SWITCHES) - {"su-l", "runuser-l"}:
            yield Finding(
                "switch-not-covered", f"{name} keeps the caller's TMPDIR and does not run our module",
                f"/etc/pam.d/{name}", f"who becomes another account with {name} cannot use that directory",
                "enable it there too", (("pam-mktemp", "enable", "--service", name),), NOTE)


def shared_files(patient: Patient) -> set[str]:
    """The files with our line that services include and that are none themselves: common-session, say."""
    own = {os.path.basename(entry.file): entry.file
           for entries in patient.stacks.values() for entry in entries if entry.line.ours}
    return {path for name, path in own.items() if name not in patient.stacks}


def _uncovered(name: str, id: str, why: str) -> Finding:
    return Finding(id, f"service {name} does not run our module", f"/etc/pam.d/{name}", why,
                   f"enable it there, or write {name} into exempt_services",
                   (("pam-mktemp", "enable", "--service", name),))


def of_logins(patient: Patient, name: str) -> bool:
    """Whether a service opens sessions of people that the configuration means."""
    if name == "other" or name.endswith(("-greeter", "-launch-environment")):
        return False
    return any(entry.module in OF_LOGINS for entry in patient.stacks[name]) and not _left_out(patient, name)


def _left_out(patient: Patient, service: str) -> bool:
    if patient.config is None:
        return False
    gids = accounts.groups_of(patient.account) if patient.config.exempt_groups else []
    return decide(patient.config, patient.account, service, gids).stage == "off"


def _includes(patient: Patient, name: str, other: str) -> bool:
    """Whether a service reads another's file: su-l reads su's, and is covered with it."""
    return any(os.path.basename(entry.file) == other for entry in patient.stacks[name])


def _broken(patient: Patient) -> Iterator[Finding]:
    """Lines with which libpam fails, each once."""
    found = {entry.where: entry for entries in patient.stacks.values() for entry in entries if entry.line.trouble}
    for where, entry in found.items():
        crlf = any(line.endswith("\r") for line in tools.read(entry.file))
        mend = tools.edit(entry.file, "s/[[:cntrl:]]$//") if crlf else tools.comment_out(
            entry.file, entry.line.first, entry.line.last)
        yield Finding("pam-file-broken", f"the line {entry.line.trouble}", where,
                      "libpam fails here, and with it the logins of every service that reads the file",
                      "turn the line ends into newlines" if crlf else "correct the line, or take it out", (mend,))
