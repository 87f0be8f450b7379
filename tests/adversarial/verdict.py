"""The oracle of every fault and kill: the login itself, the next one, and the one after the memory of failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from tests.adversarial import aftermath, host

LONGEST = 7.5  # seconds: one planner that has to be killed at its limit, and no second one
Case = TypeVar("Case")


def of(login: host.Login, *, closed: bool, leaks: bool = True, longest: float = LONGEST) -> list[str]:
    """What is wrong with a login that something failed in, and with those that follow it."""
    wrong = login.problems(closed=closed, leaks=leaks)
    if login.seconds > longest:
        wrong.append(f"it took {login.seconds:.1f} s")
    following = host.login(login.user)
    wrong += [f"the next login: {problem}" for problem in following.problems(closed=closed)]
    host.forget_failures()
    host.forget_plans()  # a planner runs, and serves what one that was killed has left
    last = host.login(login.user)
    wrong += [f"after 30 s: {problem}" for problem in last.problems(closed=True)]
    return wrong if last.private else [*wrong, f"after 30 s: {last}"]


def campaign(cases: Iterable[Case], run: Callable[[Case], list[str]]) -> int:
    """Run each case; one assertion with all that was wrong. Returns how many there were."""
    wrong: list[str] = []
    count = 0
    for case in cases:
        before = aftermath.processes()
        count += 1
        found = run(case) + aftermath.problems(before)
        wrong += [f"{case}: {problem}" for problem in found]
    assert not wrong, f"{len(wrong)} problems in {count} cases\n" + "\n".join(wrong)
    return count
