"""The private directory: what this login had to mend, and whether it is right now."""
from __future__ import annotations

from collections.abc import Iterator

from pam_mktemp_py.directory.seen import MENDED, REPLACED, Look
from pam_mktemp_py.doctor import examine
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding, Patient

CAP_LINUX_IMMUTABLE = 9  # linux/capability.h


def check(patient: Patient) -> Iterator[Finding]:
    """Owner, mode, access list, stamp, form and append-only flag of it and of the folders it lies in."""
    now = examine.look(patient)
    if patient.before is not None:
        yield from _mended(patient.before, now)
    if now.refused and patient.outcome is None:
        yield Finding("base-unsafe", now.refused, now.base, "no login can have a private directory",
                      "put owner and mode of that folder right: root's, and sticky if others can write")
    for part in now.chain:
        if part.fate in (MENDED, REPLACED):
            yield Finding(
                "directory-wrong", f"{part.path} is wrong: {part.why}", part.path,
                "no session is given it as it is: a login mends or replaces it, if it can",
                f"log in as {patient.account.name}, or run doctor as root, which does; if it stays, end the sessions "
                f"that use it (pam-mktemp where {patient.account.name})")
    yield from _form(patient, now)
    yield from _flag(patient, now)


def _mended(before: Look, now: Look) -> Iterator[Finding]:
    good = {part.path for part in now.chain if part.fate not in (MENDED, REPLACED)}
    for part in before.chain:
        if part.fate in (MENDED, REPLACED) and part.path in good:
            what = "put right" if part.fate == MENDED else "moved aside and made anew"
            yield Finding("directory-mended", f"{part.path} was wrong, and this login has it {what}: {part.why}",
                          part.path, "somebody, or a program of root's, changed it",
                          "find out who did it; what was moved aside lies in .private/.aside", (), NOTE)


def _form(patient: Patient, now: Look) -> Iterator[Finding]:
    if now.form == "group":
        yield Finding("form-group", f"{now.path} is entered by the group {patient.account.gid}, which is "
                      f"{patient.account.name}'s alone", now.path, "the file system has no ACLs",
                      "nothing has to be done; who joins that group makes the next login choose another form", (), NOTE)
    elif now.form == "owner":
        yield Finding("form-owner", f"{now.path} is {patient.account.name}'s own", now.path,
                      "the file system has no ACLs and the account no group of its own: it can change the mode itself",
                      "mount the file system with ACLs, if it can have them; when the account's sessions have ended, "
                      f"move {now.path} away, with chattr -a {now.chain[0].path} before and +a afterwards: the next "
                      "login makes it anew", (), NOTE)


def _flag(patient: Patient, now: Look) -> Iterator[Finding]:
    if now.append_only is not False or not now.chain or not patient.root:
        return
    path = now.chain[0].path
    able = can_set_flags()
    yield Finding(
        "not-append-only", f"{path} is not append-only", path,
        "a cleaner that runs as root can remove it, and another take the name",
        "set the flag" if able else "nothing can be done here: CAP_LINUX_IMMUTABLE is missing, as in most containers",
        (("chattr", "+a", path),) if able else (), PROBLEM if able else NOTE)


def can_set_flags(status: str = "/proc/self/status") -> bool:
    """Whether this process may set inode flags (capabilities(7)); OSError without /proc."""
    with open(status, encoding="ascii", errors="replace") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_LINUX_IMMUTABLE & 1)
