"""What a session really gets: one is opened through libpam, nobody's password is asked, and it is closed again.

It happens in processes of its own (probe_child.py) with their own mount namespace, in which /etc/pam.d is a
copy where auth and account are permitted. What its modules do to the process dies with it; what they do to
the system (how="full" only) they really do. Where there can be no such namespace, as in most containers, libpam
is given a copy in another folder (pam_start_confdir(3)), and "full" is refused.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from pam_mktemp_py import paths, plan
from pam_mktemp_py.errors import Error
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.pamstack import copy, stack
from pam_mktemp_py.pamstack.copy import FULL, LINE, SHAPE
from pam_mktemp_py.pamstack.lines import MODULE

HOWS = (LINE, SHAPE, FULL)
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
GRACE = 10.0  # s, for the interpreter to start and to clean up
_START = "import sys; sys.path.insert(0, sys.argv[1]); from pam_mktemp_py.pamstack import probe_child as c; c.main()"


class ProbeError(Error):
    """No session could be tried: nothing is known about what a login gets."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__("probe-failed", f"no session could be opened to see: {what}" + (f"; {hint}" if hint else ""))


class ProbeTimeout(ProbeError):
    """The session was not open, or not closed, in time; its processes were killed."""


@dataclass(frozen=True)
class Outcome:
    """What the session was given.

    `code` and `reason` are PAM's answer (-N: the process was ended by signal N), `messages` what modules said
    to the user. `outcome` is private, shared, failed-open, refused, off or not-reached, `why` the reason in
    the record or of the remembered failure. `environment` is pam_getenvlist's. `record` has the fields of the
    session's record while it was open. `usable` says for each of the four variables "" or why the account
    itself could not make a file there. `mounts` are mount points that the session made.
    """

    code: int
    reason: str
    outcome: str
    why: str = ""
    messages: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    record: dict[str, str] | None = None
    usable: dict[str, str] = field(default_factory=dict)
    mounts: list[str] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Whether our module ran."""
        return self.outcome != "not-reached"


def open_session(user: str, service: str, how: str = LINE, files: dict[str, bytes] | None = None,
                 timeout: float = 30.0) -> Outcome:
    """Open a session of `user` through `service` and close it; root only, at most `timeout` seconds.

    `how`: "line" through our line alone, "shape" through the structure of the service's session stack with
    every other module replaced by pam_permit.so, "full" through all its session modules. `files` are files of
    /etc/pam.d (name -> bytes) as they shall be, not as they are. Raises ProbeError, ProbeTimeout.
    """
    if how not in HOWS:
        raise ValueError(how)
    if os.geteuid() != 0:
        raise ProbeError("only root can open one", "run it as root")
    account = accounts.lookup(user)
    if account is None:
        raise ProbeError(f"there is no account {user!r}", f"check with: getent passwd {user}")
    if not stack.is_service_name(service):
        raise ProbeError(f"{service!r} can be no PAM service", "name a file of /etc/pam.d")
    service = service.lower()  # as libpam does
    reader = _reader(files or {})
    try:
        found = copy.ours(service, reader)
        copied = copy.copies(service, how, reader, lambda name: _beside(name, files or {}))
    except OSError as error:
        raise ProbeError(f"{error.filename}: {error.strerror}") from error
    if not found and how == LINE:
        return Outcome(0, "", "not-reached", f"no session line of {service} runs {MODULE}")
    request = {"user": user, "uid": account.uid, "gid": account.gid, "service": service, "timeout": timeout,
               "full": how == FULL,
               "files": {**{name: data.decode("latin-1") for name, data in (files or {}).items()}, **copied}}
    return _outcome(_run(request, timeout), account, service, how)


def _reader(files: dict[str, bytes]) -> copy.Read:
    """Reads what libpam would, had `files` been written already."""
    def read(name: str) -> str | None:
        folder, _, base = name.rpartition("/")
        if folder in ("", stack.PAM_D) and base in files:
            return files[base].decode("latin-1")
        path = stack.path_of(name)
        return stack.read(path) if path else None
    return read


def _beside(name: str, files: dict[str, bytes]) -> bool:
    """Whether an include is found in the distribution's folder alone."""
    return name not in files and (stack.path_of(name) or "").startswith(f"{stack.VENDOR}/") and name[0] != "/"


def _run(request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """The child's answer. Its standard error is kept in memory, for the case that there is none."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    errors = os.memfd_create("errors")
    with subprocess.Popen([sys.executable or "/usr/bin/python3", "-I", "-B", "-c", _START, package],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd="/", env=ENVIRONMENT,
                          start_new_session=True, umask=0o022, text=True) as child:
        try:
            text, _ = child.communicate(json.dumps(request), timeout=timeout + GRACE)
        except subprocess.TimeoutExpired:
            raise ProbeTimeout(f"it did not end in {timeout + GRACE:g} s") from None
        finally:
            child.kill()
            said = os.pread(errors, 4096, 0).decode("utf-8", "replace").strip()
            os.close(errors)
    try:
        answer: dict[str, Any] = json.loads(text)
    except ValueError:
        last = said.splitlines()[-1] if said else "it said nothing"
        raise ProbeError(f"the process that should try it ended with status {child.returncode}: {last}") from None
    if "error" in answer:
        raise ProbeError(answer["error"], answer.get("hint", ""))
    if answer.get("late"):
        raise ProbeTimeout(f"it was not {answer['late']} after {timeout:g} s", "see which module of the service hangs")
    return answer


def _outcome(answer: dict[str, Any], account: accounts.Account, service: str, how: str) -> Outcome:
    record: dict[str, str] | None = answer.pop("record")
    loaded = answer.pop("loaded")
    memo = _remembered(account.name, service)
    if answer["code"] != 0:
        outcome, why = "refused", memo or " ".join(answer["messages"]) or answer["reason"]
    elif record is not None:
        outcome, why = record.get("outcome", ""), record.get("reason", "")
    elif os.path.lexists(paths.OFF):
        outcome, why = "off", f"{paths.OFF} exists"
    elif not loaded:
        outcome, why = "not-reached", "PAM could not load the module, which is missing or damaged"
    elif memo or how == LINE:
        outcome, why = "failed-open", memo or f"the session's record could not be written in {paths.SESSIONS}"
    else:
        outcome, why = "not-reached", "another line of the stack ends it, or jumps over ours, before it is reached"
    return Outcome(outcome=outcome, why=why, record=record, **answer)


def _remembered(user: str, service: str) -> str:
    """The failure that the planner left for this login, or for all ('TIME POLICY TEXT', sessions/plans.py)."""
    try:
        names = [plan.key(user, service), "@planner"]
    except plan.PlanError as error:
        return str(error)
    for name in names:
        try:
            return os.readlink(f"{paths.FAILURES}/{name}").split(" ", 2)[2]
        except (OSError, IndexError):
            continue
    return ""
