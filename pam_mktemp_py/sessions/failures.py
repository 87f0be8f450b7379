"""The failures that were remembered instead of a plan, also those that no login heeds any more. Root only.

They stay until the same account logs in well through the same service.
"""
from __future__ import annotations

import os

from pam_mktemp_py import paths, plan as plans
from pam_mktemp_py.sessions.stored import MEMO_NS

PLANNER = "@planner"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure:
    """One failure. `user` and `service` are '' if it is the planner's own, which holds for everybody.

    `age` is in ns; `policy` is open, closed or '-' (not known); `remembered`: the next login still heeds it.
    """

    __slots__ = ("user", "service", "age", "policy", "message")

    def __init__(self, user: str, service: str, age: int, policy: str, message: str) -> None:
        self.user = user
        self.service = service
        self.age = age
        self.policy = policy
        self.message = message

    @property
    def remembered(self) -> bool:
        """Whether logins do not ask the planner because of it (shims/pam/module.c)."""
        return self.age < MEMO_NS


def each(now_ns: int, folder: str = paths.FAILURES) -> Iterator[Failure]:
    """All of them; `now_ns` is on CLOCK_BOOTTIME. PermissionError for others than root.

    What is no memo is left out: no login takes it for one.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        try:
            user, service = ("", "") if name == PLANNER else plans.unkey(name)
            then, policy, message = os.readlink(f"{folder}/{name}").split(" ", 2)
            age = now_ns - int(then)
        except (OSError, ValueError, plans.PlanError):  # forgotten just now, or no memo
            continue
        if age >= 0:
            yield Failure(user, service, age, policy, message)
