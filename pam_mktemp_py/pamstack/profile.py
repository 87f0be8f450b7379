"""Debian's way: the profile that pam-auth-update(8) puts into common-session and common-session-noninteractive.

pam-auth-update keeps in /var/lib/pam what it wrote last, and refuses for ever what does not agree with it. It
does not keep modes, does not notice a full disk, and says by exit status 0 that it has refused. So it is run
on a copy, with a debconf database of its own, and what it makes of the copy is written by us.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile

from pam_mktemp_py.errors import Error, StackError
from pam_mktemp_py.pamstack import edit, stack, write
from pam_mktemp_py.pamstack.write import Change

NAME = "pam-mktemp"
PROGRAM = "/usr/sbin/pam-auth-update"
PROFILES = "/usr/share/pam-configs"
STATE = "/var/lib/pam"
WORK = "/run"  # where only root can make anything
TYPES = ("session", "session-noninteractive")
ALL_TYPES = ("auth", "account", "password", *TYPES)
SECONDS = 60
_PREFIX = "pam-mktemp-profile-"
_DEBCONF = """Config: config
Templates: templates

Name: config
Driver: File
Filename: {0}/config.dat

Name: templates
Driver: File
Filename: {0}/templates.dat
"""
_BLOCK = re.compile(rf"^Module: {NAME}\n(?:(?!Module: ).*\n)*", re.MULTILINE)


def enabled() -> bool:
    """Whether pam-auth-update has our profile among those that it has written. OSError."""
    return any(_BLOCK.search(_text(f"{STATE}/{kind}")) for kind in TYPES)


def managed(path: str) -> bool:
    """Whether it is a file that pam-auth-update writes our line into, and has. OSError."""
    kind = path.removeprefix(f"{stack.PAM_D}/common-")
    return kind in TYPES and bool(_BLOCK.search(_text(f"{STATE}/{kind}"))) and bool(edit.ours(_text(path)))


def on(arguments: list[str]) -> list[Change]:
    """The changes that turn the profile on, saved state first: after a kill in between, it can be run again.

    Raises StackError where pam-auth-update would refuse or change more than our line; Error if it fails; OSError.
    """
    for path, what in ((PROGRAM, "this is no Debian"), (f"{PROFILES}/{NAME}", "the profile is not installed")):
        if not os.path.exists(path):
            raise StackError(path, f"is not there: {what}", "name the services: pam-mktemp enable --service SERVICE")
    paths = [*(f"{STATE}/{kind}" for kind in TYPES), *(f"{stack.PAM_D}/common-{kind}" for kind in ALL_TYPES)]
    if os.path.exists(f"{STATE}/seen"):
        paths.insert(0, f"{STATE}/seen")
    before = {path: write.current(path) for path in paths}
    after = _computed(before)
    for kind in ALL_TYPES:
        path = f"{stack.PAM_D}/common-{kind}"
        was, made = (each[path].decode("latin-1") for each in (before, after))
        if kind in TYPES and len(edit.ours(made)) != 1:
            raise _modified(path)
        if edit.remove(was) != edit.remove(made):
            raise StackError(path, "pam-auth-update would change more of it than our line, and could not undo that",
                             "let it do so first: pam-auth-update --package")
        after[path] = edit.with_arguments(made, arguments).encode("latin-1")
    return [Change(path, before[path], after[path]) for path in paths if before[path] != after[path]]


def off() -> list[Change]:
    """The changes that turn the profile off, common-session first: what pam-auth-update --disable would do.

    It works without pam-auth-update too, and where it would refuse because of other modifications. OSError.
    """
    changes = []
    for kind in TYPES:
        path = f"{stack.PAM_D}/common-{kind}"
        if os.path.lexists(path):
            before = write.current(path)
            changes.append(Change(path, before, edit.remove(before.decode("latin-1")).encode("latin-1")))
    for kind in TYPES:
        path = f"{STATE}/{kind}"
        if os.path.lexists(path):
            before = write.current(path)
            changes.append(Change(path, before, _BLOCK.sub("", before.decode("latin-1")).encode("latin-1")))
    return [change for change in changes if change.before != change.after]


def sweep() -> None:
    """Remove the copies of runs that were killed. OSError."""
    for name in os.listdir(WORK):
        if name.startswith(_PREFIX) and not os.path.exists(f"/proc/{name.removeprefix(_PREFIX).split('-')[0]}"):
            shutil.rmtree(f"{WORK}/{name}")


def _computed(before: dict[str, bytes]) -> dict[str, bytes]:
    """What pam-auth-update makes of a copy."""
    work = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=WORK)  # 0700
    try:
        for folder in (stack.PAM_D, STATE, PROFILES):
            os.makedirs(work + folder)
        for kind in ("auth", "account", "password"):
            shutil.copy(f"{STATE}/{kind}", work + STATE)
        for name in os.listdir(PROFILES):
            shutil.copy(f"{PROFILES}/{name}", work + PROFILES)
        for path, data in before.items():
            _put(work + path, data)
        _run(work)
        found = {}
        for path in before:
            with open(work + path, "rb") as file:
                found[path] = file.read()
        return found
    except FileNotFoundError as error:
        raise StackError(str(error.filename).removeprefix(work), "is not there: pam-auth-update does not manage this "
                         "host's files", "name the services: pam-mktemp enable --service SERVICE") from error
    finally:
        shutil.rmtree(work)


def _run(work: str) -> None:
    _put(f"{work}/debconf.conf", _DEBCONF.format(work).encode())
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": work,
                   "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes",
                   "DEBCONF_SYSTEMRC": f"{work}/debconf.conf"}
    try:
        done = subprocess.run([PROGRAM, "--root", work, "--enable", NAME], env=environment, cwd="/", umask=0o077,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Error("stack-failed", f"{PROGRAM}: did not end in {SECONDS} s") from None
    said = done.stderr.decode("utf-8", "backslashreplace").strip()
    if b"Local modifications" in done.stderr:
        raise _modified(f"{stack.PAM_D}/common-*")
    if done.returncode != 0:
        raise Error("stack-failed", f"{PROGRAM}: ended with status {done.returncode}: {said or 'it said nothing'}")


def _modified(path: str) -> StackError:
    return StackError(path, "was modified locally, so pam-auth-update does not change it",
                      "use pam-mktemp enable --service common-session --service common-session-noninteractive, or "
                      "let it write the file anew and lose the modifications: pam-auth-update --force")


def _put(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _text(path: str) -> str:
    try:
        return stack.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
