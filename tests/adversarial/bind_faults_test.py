"""Each system call of a session that makes, joins or leaves a view made to fail, and its host killed at each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.adversarial import binding, host, inject, verdict
from tests.adversarial.inject import Call

# See module_faults_test. What strace does not let happen, the kernel would have done.
NOT_MADE = ("close", "newfstatat")
# When a session is closed there is nobody to refuse. Whether the host went into a chroot or elsewhere meanwhile is
# looked at first, for then the way back would lead out of there; if that cannot be told, or setns() fails, the host
# stays where its session was, wholly, and each later login begins as from any view of ours. None of these can fail
# with the arguments that they are given but for want of memory, and nothing of a user's makes them.
BACK, STAYED = ("setns", "newfstatat", "statx"), "it did not come back"
AUDIT = "AF_NETLINK"
STEPS = {"first": ("unshare", "open_tree", "move_mount", "mount_setattr", "mount", "setns"),
         "joining": ("setns", "flock"), "leaving": ("setns", "ioctl")}
LOGGING, ERROR = ("socket", "connect", "sendto"), '"<83>pam_mktemp'  # authpriv.err


class Scene(NamedTuple):
    """Who logs in, from where, and what a session that stays in its caller's view sees."""

    user: str
    inside: int | None
    caller: tuple[str, str]
    bound: bool


@contextlib.contextmanager
def _scene(scenario: str) -> Iterator[Scene]:
    here = binding.namespace(), binding.number("/tmp")
    host.forget_failures()
    if scenario == "first":
        binding.no_views()  # else a later run makes one folder less, and counts its calls otherwise
        binding.no_planner()
        yield Scene("alice", None, here, True)
        return
    with binding.held("alice") as pid:
        binding.no_planner()
        if scenario == "joining":
            yield Scene("alice", None, here, True)
        else:
            there = binding.namespace(pid), binding.number(binding.own("alice"))
            yield Scene("root", pid, there, False)


@pytest.fixture
def prepared(site):
    """prepared(closed): plans with mounts, that last."""
    def make(closed: bool) -> None:
        site(closed)
        binding.bind("alice")
        binding.leaving("root")
    return make


class Found(NamedTuple):
    """The calls that can fail."""

    opening: list[Call]
    closing: list[Call]

    def all(self) -> list[Call]:
        """In their order."""
        return self.opening + self.closing

    def few(self) -> list[Call]:
        """One from each place; of those that look at a descriptor, and seem to be one, all."""
        looks = [call for call in self.all() if call.name == "newfstatat" and call.site.startswith('N, ""')]
        chosen = inject.one_of_each(self.opening, set()) + inject.one_of_each(self.closing, set())
        return [call for call in self.all() if call in chosen or call in looks]

    def may_stay(self, call: Call) -> bool:
        """Whether it is one of the way back."""
        return call.name in BACK and (call in self.closing or call.name == "statx")


def _cases(scenario: str) -> Found:
    with _scene(scenario) as scene:
        (one,) = binding.traced(scene.user, "trace=all", scene.inside)
        problems = binding.wrong_view(one, scene.caller, scene.bound)
    assert not problems, (one, problems)
    assert one.fields["ns"] != scene.caller[0], one
    log = inject.LOG.read_text()
    parts = [inject.calls(log, start, AUDIT) for start in (inject.OPENING, inject.CLOSING)]
    assert set(STEPS[scenario]) <= {call.name for call in parts[0]} and "setns" in {call.name for call in parts[1]}, log
    return Found(*map(inject.failing, parts))


def _problems(one: host.Login, scene: Scene, closed: bool, leaks: bool) -> list[str]:
    wrong = [problem for problem in one.problems(closed=closed and scene.user != "root", leaks=leaks)
             if not (problem.endswith("same=0") and one.fields["cwd"] == "/" and one.fields["ns"] != scene.caller[0])]
    return wrong + binding.wrong_view(one, scene.caller, scene.bound)


def _settled(scenario: str) -> list[str]:
    """What is wrong with the next login."""
    with _scene(scenario) as scene:
        one = binding.login(scene.user, scene.inside)
        wrong = _problems(one, scene, True, True)
    if one.fields["ns"] == scene.caller[0]:
        wrong.append(f"it stayed in its caller's view: {one}")
    return [f"the next login: {problem}" for problem in wrong]


def _run(scenario: str, closed: bool, found: Found, cases: list[tuple[Call, str]]) -> None:
    before, lines, fired = binding.mount_namespaces(), binding.mounts(), []

    def run(case: tuple[Call, str]) -> list[str]:
        call, error = case
        with _scene(scenario) as scene:
            start = time.monotonic()
            (one,) = binding.traced(scene.user, call.fail(error), scene.inside)
            wrong = _problems(one, scene, closed, call.name not in NOT_MADE)
            if found.may_stay(call) and one.fields["back"] == one.fields["ns"]:
                wrong = [problem for problem in wrong if not problem.startswith(STAYED)]
            log = inject.LOG.read_text()
            stayed = one.fields["ns"] == scene.caller[0] and scene.bound
            if (stayed or one.denied) and ERROR not in log and call.name not in LOGGING:
                wrong.append("nothing is logged")
            fired.append(inject.was_injected(log))
            if one.seconds > verdict.LONGEST or time.monotonic() - start > 20:
                wrong.append(f"it took {one.seconds} s")
        return wrong + binding.stale(before, lines) + _settled(scenario)

    assert verdict.campaign(cases, run) and sum(fired) >= 0.8 * len(fired)


@pytest.mark.parametrize("scenario, closed", [("first", True), ("joining", False), ("leaving", False)])
def test_each_call_fails(prepared, scenario: str, closed: bool) -> None:
    prepared(closed)
    found = _cases(scenario)
    _run(scenario, closed, found, [(call, "") for call in found.few()])


@pytest.mark.long
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("scenario", ["first", "joining", "leaving"])
def test_each_call_fails_in_every_way(prepared, scenario: str, closed: bool) -> None:
    prepared(closed)
    found = _cases(scenario)
    _run(scenario, closed, found, [(call, error) for call in found.all() for error in ("", *inject.MORE_ERRORS)])


@pytest.mark.parametrize("closed", [False, True])
def test_a_kernel_without_the_new_mount_calls(prepared, closed: bool) -> None:
    prepared(closed)
    with _scene("first") as scene:
        (one,) = binding.traced("alice", "inject=mount_setattr,open_tree,move_mount:error=ENOSYS", None)
        wrong = _problems(one, scene, closed, True)
    assert not wrong and one.fields["ns"] != scene.caller[0], (one, wrong)
    assert "move_mount" not in inject.LOG.read_text()


@pytest.mark.parametrize("scenario", ["first", "joining", "leaving"])
def test_killed_at_each_step(prepared, scenario: str) -> None:
    prepared(True)
    chosen = [call for call in _cases(scenario).few()
              if call.name in (*STEPS[scenario], "symlink", "symlinkat", "unlinkat", "mkdir", "write")]
    assert _killed(scenario, chosen) > (1 if scenario == "leaving" else 4)


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["first", "joining", "leaving"])
def test_killed_at_each_call(prepared, scenario: str) -> None:
    prepared(True)
    _killed(scenario, _cases(scenario).all())


def _killed(scenario: str, chosen: list[Call]) -> int:
    before, lines = binding.mount_namespaces(), binding.mounts()

    def run(call: Call) -> list[str]:
        with _scene(scenario) as scene:
            left = binding.traced(scene.user, call.kill(), scene.inside)
            wrong = [f"it was not killed: {left}"] if left else []
            for name in Path("/run").glob("witness.*"):
                name.unlink()
        return wrong + binding.stale(before, lines) + _settled(scenario)

    return verdict.campaign(chosen, run)
