"""The plans and remembered failures that the next login would find, and whether it would use them. Root only.

The same questions as shims/plan/check.c and shims/pam/module.c ask, for a person who wants to know.
"""
from __future__ import annotations

import os
import stat

from pam_mktemp_py import paths, plan as plans
from pam_mktemp_py.sessions import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

MEMO_NS = 30 * 1_000_000_000  # shims/pam/module.c
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Stored:
    """One file in plans/: its plan, or None and why a login refuses it."""

    __slots__ = ("path", "service", "plan", "why")

    def __init__(self, path: str, service: str, plan: plans.Plan | None, why: str) -> None:
        self.path = path
        self.service = service
        self.plan = plan
        self.why = why


def of_user(user: str, folder: str = paths.PLANS) -> list[Stored]:
    """All stored plans of an account, by service. OSError (PermissionError for others than root)."""
    found = []
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    for name in names:
        try:
            owner, service = plans.unkey(name)
        except plans.PlanError:  # a temporary file, or not ours: no login reads it
            continue
        if owner == user:
            found.append(_stored(f"{folder}/{name}", service))
    return found


def _stored(path: str, service: str) -> Stored:
    try:
        fd = os.open(path, _FLAGS)
        try:
            about = os.fstat(fd)
            data = os.read(fd, plans.MAX_BYTES + 1)
        finally:
            os.close(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != 0 or about.st_mode & 0o022:
            return Stored(path, service, None, "it is not root's own file")
        return Stored(path, service, reader.read(data), "")
    except OSError as error:
        return Stored(path, service, None, f"it cannot be read: {error.strerror}")
    except plans.PlanError as error:
        return Stored(path, service, None, str(error).replace("cannot write the plan: ", ""))


def stale(plan: plans.Plan, account: Account, service: str, config: str, boot: str, now_ns: int) -> str:
    """Why a login does not use this plan, or ''. `boot` and `now_ns` as linux/boot.py gives them."""
    if (plan.name, plan.service) != (account.name, service):
        return f"it is for {plan.name} and service {plan.service}"
    if (plan.uid, plan.gid) != (account.uid, account.gid):
        return f"the account had uid {plan.uid} and gid {plan.gid}, and has {account.uid} and {account.gid}"
    if plan.config != config:
        return f"it was made from {plan.config}"
    if plan.boot != boot:
        return "the machine was started anew"
    if now_ns >= plan.expires_ns:
        return f"its time is over since {(now_ns - plan.expires_ns) // 1_000_000_000} s"
    for path, before in plan.depends:
        if _now(path) != before:
            return f"{path} was changed, added or removed"
    return ""


def _now(path: str) -> tuple[int, int, int, int, int] | None:
    try:
        now = os.lstat(path)
    except OSError:
        return None
    # As plan.py writes them: a time before 1970 counts modulo 2^64.
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns % 2**64, now.st_ctime_ns % 2**64


def remembered(name: str, now_ns: int, folder: str = paths.FAILURES) -> tuple[int, str, str] | None:
    """A failure that logins still remember: its age in ns, the policy (open, closed, -), the message."""
    try:
        then, policy, message = os.readlink(f"{folder}/{name}").split(" ", 2)
        age = now_ns - int(then)
    except (FileNotFoundError, ValueError):
        return None
    return (age, policy, message) if 0 <= age < MEMO_NS else None
