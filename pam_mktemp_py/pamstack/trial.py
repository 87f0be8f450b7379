"""A session opened through a changed stack, before and after the change is written."""
from __future__ import annotations

import os
import pwd

from pam_mktemp_py.errors import StackError
from pam_mktemp_py.pamstack import lines, stack
from pam_mktemp_py.pamstack.write import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from pam_mktemp_py.pamstack.probe import Outcome

    class Probe(Protocol):
        """probe.open_session, or a stand-in for it."""

        def __call__(self, user: str, service: str, how: str = ..., files: dict[str, bytes] | None = ...) -> Outcome:
            """Open a session."""

USUAL = ("login", "sshd", "su", "sudo", "cron", "atd")  # the first of those that a shared file is part of is tried
LOGIN_DEFS = "/etc/login.defs"
LARGEST_UID = 60000  # of ordinary accounts, where login.defs says nothing; systemd's own come after it
_NO_SHELL = ("nologin", "false", "sync", "halt", "shutdown", "")


def account(sudo_user: str | None = None) -> str:
    """Whose session is tried if nobody is named: who called sudo, else the first ordinary account, else nobody."""
    if sudo_user and sudo_user != "root":
        try:
            if pwd.getpwnam(sudo_user).pw_uid != 0:
                return sudo_user
        except (KeyError, ValueError):
            pass
    low, high = _uids()
    for entry in sorted(pwd.getpwall(), key=lambda one: one.pw_uid):
        if low <= entry.pw_uid <= high and os.path.basename(entry.pw_shell) not in _NO_SHELL:
            return entry.pw_name
    return "nobody"


def services(names: list[str], files: dict[str, bytes]) -> list[str]:
    """The services to try for changed files of /etc/pam.d: each itself; for one that is only included, an includer."""
    found: list[str] = []
    for name in names:
        if any(line.type in ("auth", "") for line in lines.parse(files[name].decode("latin-1"))):
            includer = name
        else:
            path = f"{stack.PAM_D}/{name}"
            including = [service for service in stack.services() if service != name and any(
                entry.file == path for entry in stack.session(service, files=files))]
            includer = next((usual for usual in USUAL if usual in including), (including or [name])[0])
        if includer not in found:
            found.append(includer)
    return found


def run(changes: list[Change], user: str, probe: Probe, written: bool) -> None:
    """Open a session through each stack that `changes` touch. Raises StackError if one is not as it must be.

    `written`: through the files as they are now, else through a copy with the changes in it.
    """
    files = {os.path.basename(change.path): change.after for change in changes
             if os.path.dirname(change.path) == stack.PAM_D}
    for service in services(list(files), files):
        outcome = probe(user, service, how="shape", files=None if written else files)
        if outcome.code == 0 and outcome.reached and outcome.outcome not in ("failed-open", "refused"):
            continue
        what = {"not-reached": "our module is not reached", "failed-open": "the private directory cannot be had"}.get(
            outcome.outcome, "it is refused")
        raise StackError(f"{stack.PAM_D}/{service}", f"a session of {user} was tried, and {what}: {outcome.why}",
                         "the old files are in place" if written else "nothing was changed")


def _uids() -> tuple[int, int]:
    found = {"UID_MIN": 1000, "UID_MAX": LARGEST_UID}
    try:
        with open(LOGIN_DEFS, encoding="latin-1") as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[0] in found and words[1].isdigit():
                    found[words[0]] = int(words[1])
    except OSError:
        pass
    return found["UID_MIN"], found["UID_MAX"]
