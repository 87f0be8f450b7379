"""Each system call of the planner made to fail once, and the planner killed before each of them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

import pytest

from tests.adversarial import host, inject, verdict
from tests.adversarial.inject import Call

START = "/run/pam-mktemp"  # the first thing after the interpreter's start and imports


def _first() -> None:
    host.wipe()


def _stale() -> None:
    host.forget_failures()
    host.right("alice")
    host.forget_plans()


def _planted() -> None:
    """mallory was at /tmp/.private first, and another account's directory has been opened to all."""
    host.wipe()
    mallory = pwd.getpwnam("mallory").pw_uid
    os.makedirs("/tmp/.private/alice/tmp")
    for path in ("/tmp/.private", "/tmp/.private/alice", "/tmp/.private/alice/tmp"):
        os.chown(path, mallory, mallory)


def _spoiled() -> None:
    """alice's directory is there, and wrong: it is moved aside."""
    host.wipe()
    host.right("alice")
    host.forget_plans()
    os.chmod("/tmp/.private/alice", 0o777)


SCENARIOS: dict[str, Callable[[], None]] = {
    "first": _first, "stale": _stale, "planted": _planted, "spoiled": _spoiled,
}


def _calls(scenario: str, imports: bool) -> list[Call]:
    SCENARIOS[scenario]()
    with inject.planner():
        host.right("alice")
    log = inject.LOG.read_text()
    found = inject.calls(log) if imports else inject.calls(inject.without_imports(log), START)
    assert len(found) > 50
    return found


def _sample() -> list[tuple[str, Call]]:
    """From each place of the planner's code one call, in the first scenario that comes there."""
    seen: set[tuple[str, str]] = set()
    return [(name, call) for name in SCENARIOS for call in inject.one_of_each(_calls(name, False), seen)]


def _run(cases: list[tuple[str, Call, str]], closed: bool) -> None:
    fired = []

    def run(case: tuple[str, Call, str]) -> list[str]:
        scenario, call, option = case
        SCENARIOS[scenario]()
        with inject.planner(option):
            one = host.login("alice")
        log = inject.LOG.read_text()
        fired.append(inject.was_injected(log) or "killed by SIGKILL" in log)
        return verdict.of(one, closed=closed)
    count = verdict.campaign(cases, run)
    assert sum(fired) >= 0.8 * count, "strace injected too few of the failures: the test sees nothing"


def test_faults(site) -> None:
    site(closed=True)
    sample = [(name, call) for name, call in _sample() if call in inject.failing([call])]
    assert {"mkdirat", "fsetxattr", "rename", "renameat2", "flock"} <= {call.name for _, call in sample}
    _run([(name, call, call.fail()) for name, call in sample], closed=True)


def test_kills(site) -> None:
    site(closed=False)
    _run([(name, call, call.kill()) for name, call in _sample()], closed=False)


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_faults_everywhere(site, scenario: str) -> None:
    """The interpreter's start and imports too."""
    site(closed=True)
    _run([(scenario, call, call.fail()) for call in inject.failing(_calls(scenario, True))], closed=True)


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_faults_in_every_way(site, scenario: str) -> None:
    site(closed=False)
    cases = inject.failing(_calls(scenario, False))
    _run([(scenario, call, call.fail(error)) for call in cases for error in inject.MORE_ERRORS], closed=False)


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_kills_everywhere(site, scenario: str) -> None:
    site(closed=False)
    _run([(scenario, call, call.kill()) for call in _calls(scenario, True)], closed=False)
