"""A host with several sessions open at once, as a login manager or a test of PAM has, which ends them in any order."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.adversarial import binding, host
from tests.sandbox import state

USERS = ("alice", "mallory", "carol")
STANDARD = 3  # what is open before any session, and must be after all


@pytest.fixture(autouse=True)
def prepared(site, account) -> None:
    account("carol", uid=1502)
    site(closed=True)
    for user in USERS:
        binding.bind(user)
    binding.leaving("root")
    binding.no_planner()


def steps(*words: str) -> tuple[list[str], list[int]]:
    """After each step: the mount namespace, and how many descriptors are open."""
    program = host.build("handles.c", "handles", "-lpam")
    lines = [line.split() for line in state.run(program, host.SERVICE, *words).splitlines()]
    assert [line[0] for line in lines] == list(words)
    assert {line[1] for line in lines} == {"0"}, lines
    return [line[2] for line in lines], [int(line[3]) for line in lines]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_it_ends_where_it_began(order: tuple[int, ...]) -> None:
    """Meanwhile it is in the view of the newest session that is open."""
    before, lines = binding.mount_namespaces(), binding.mounts()
    seen, files = steps(*(f"+{user}" for user in USERS), *(f"-{number}" for number in order))
    views, alive = seen[:3], [0, 1, 2]
    assert len({*views, binding.namespace()}) == 4
    for number, after in zip(order, seen[3:]):
        alive.remove(number)
        assert after == (views[alive[-1]] if alive else binding.namespace()), (order, seen)
    assert files[-1] == STANDARD, files
    assert not binding.stale(before, lines)


@pytest.mark.parametrize("last", [("-1", "-0"), ("-0", "-1")])
def test_two_of_one_account(last: tuple[str, str]) -> None:
    """To make or join the second the process goes by way of the host: then nobody is in the first any more."""
    seen, files = steps("+alice", "+alice", *last)
    assert seen[2] == (seen[0] if last[0] == "-1" else seen[1]) != binding.namespace() == seen[3]
    assert files[3] == STANDARD


def test_one_that_has_no_view_of_its_own() -> None:
    seen, _ = steps("+alice", "+root", "-0", "-1")
    assert seen[1] == seen[2] == seen[3] == binding.namespace() != seen[0]


def test_one_that_only_a_child_closes() -> None:
    """What a child does with its copies is nothing to the host."""
    seen, _ = steps("+alice", "+mallory", "~0", "~1", "-0", "-1")
    assert seen[1] == seen[2] == seen[3] == seen[4] != binding.namespace() == seen[5]


def test_one_that_is_ended_and_not_closed() -> None:
    """There is no way back then; what is open above it knows where the host was before it."""
    seen, files = steps("+alice", "+mallory", "=0", "-1", "=1")
    assert seen[1] == seen[2] != seen[3] == seen[4] == binding.namespace(), seen
    assert files[4] == STANDARD


def test_many_in_disorder() -> None:
    rng = random.Random(1)
    for _ in range(10):
        words: list[str] = []
        alive: list[int] = []
        count = 0
        while count < 12 or alive:
            if count < 12 and (not alive or rng.random() < 0.6):
                words.append(f"+{rng.choice((*USERS, 'root'))}")
                alive.append(count)
                count += 1
            else:
                words.append(f"-{alive.pop(rng.randrange(len(alive)))}")
        seen, files = steps(*words)
        assert (seen[-1], files[-1]) == (binding.namespace(), STANDARD), words
