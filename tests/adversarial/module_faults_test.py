"""Each system call of the module in its host, and of the helper that starts the planner, made to fail once."""

from __future__ import annotations

import pytest

from tests.adversarial import host, inject, verdict
from tests.adversarial.inject import Call

# strace lets a call fail by not making it. The kernel's failing close frees the descriptor all the same, and its
# waitid with WNOHANG takes the child. A descriptor that fstat cannot tell to be ours is left open on purpose.
NOT_MADE = ("close", "waitid", "newfstatat")
AUDIT = "AF_NETLINK"  # from here on libpam reports to the kernel's audit


def _clean(scenario: str, follow: bool) -> str:
    _prepare(scenario)
    one = inject.traced_login("alice", follow=follow)
    assert one.private, one
    return inject.LOG.read_text()


def _prepare(scenario: str) -> None:
    if scenario == "first":
        host.wipe()
        return
    host.forget_failures()
    host.right("alice")  # also makes anew what the case before has broken
    if scenario == "stale":
        host.forget_plans()


def _cases(scenario: str) -> list[Call]:
    log = _clean(scenario, follow=False)
    found = inject.calls(log, inject.OPENING, AUDIT) + inject.calls(log, inject.CLOSING, AUDIT)
    assert len(found) > 25
    return inject.failing(found)


def _helper_cases(scenario: str) -> list[Call]:
    _, helper, planner, *_ = inject.by_process(_clean(scenario, follow=True))
    assert "setresuid" in helper and "execve" in planner
    return inject.failing(inject.calls(helper) + inject.calls(planner))


def _fail(scenario: str, closed: bool, follow: bool = False):
    fired = []

    def run(case: tuple[Call, str]) -> list[str]:
        call, error = case
        _prepare(scenario)
        one = inject.traced_login("alice", call.fail(error), follow=follow)
        fired.append(inject.was_injected(inject.LOG.read_text()))
        # Without close_range the helper closes 65,536 descriptors, and strace stops it at each.
        longest = verdict.LONGEST * (10 if call.name == "close_range" else 1)
        return verdict.of(one, closed=closed, leaks=call.name not in NOT_MADE, longest=longest)
    return run, fired


def _run(scenario: str, closed: bool, cases: list[tuple[Call, str]], follow: bool = False) -> None:
    run, fired = _fail(scenario, closed, follow)
    count = verdict.campaign(cases, run)
    assert sum(fired) >= 0.8 * count, "strace injected too few of the failures: the test sees nothing"


@pytest.mark.parametrize("scenario, closed", [("fresh", True), ("first", False)])
def test_module(site, scenario: str, closed: bool) -> None:
    site(closed)
    cases = _cases(scenario)
    if scenario == "first":  # what differs from a fresh plan
        fresh = inject.one_of_each(_cases("fresh"), seen := set())
        assert fresh
        cases = inject.one_of_each(_cases("first"), seen)
    _run(scenario, closed, [(call, "") for call in cases])


def test_helper(site) -> None:
    site(closed=True)
    cases = inject.one_of_each(_helper_cases("first"), set())
    assert {"setresuid", "close_range", "symlink", "flock", "clone", "execve"} <= {call.name for call in cases}
    _run("first", True, [(call, "") for call in cases], follow=True)


@pytest.mark.long
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("scenario", ["first", "fresh", "stale"])
def test_module_in_every_way(site, scenario: str, closed: bool) -> None:
    site(closed)
    cases = _cases(scenario)
    _run(scenario, closed, [(call, error) for call in cases for error in ("", *inject.MORE_ERRORS)])


@pytest.mark.long
@pytest.mark.parametrize("closed", [False, True])
def test_helper_in_every_way(site, closed: bool) -> None:
    site(closed)
    cases = _helper_cases("first")
    _run("first", closed, [(call, error) for call in cases for error in ("", *inject.MORE_ERRORS)], follow=True)
