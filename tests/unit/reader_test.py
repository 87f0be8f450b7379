"""The reader of plans behind `pam-mktemp plan` agrees with the twin, and so with the one in C."""
from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py import plan
from pam_mktemp_py.sessions import reader
from tests.unit.plan_test import WRONG_MOUNTS, a_bind_plan, a_plan, mutated, plans, twin_reads, version


def reads(data: bytes) -> bool:
    try:
        reader.read(data)
    except plan.PlanError:
        return False
    return True


@settings(max_examples=80, deadline=None)
@given(made=plans())
def test_gives_back_what_was_written(made: plan.Plan) -> None:
    read = reader.read(plan.encode(made))
    names = set(plan.Plan.__slots__)
    if made.stage == "off":  # then these are not written
        names -= {"form", "base", "directories", "stamp", "acl", "environment"}
    assert {name: getattr(read, name) for name in names} == {name: getattr(made, name) for name in names}
    assert plan.encode(read) == plan.encode(made)


@settings(max_examples=100, deadline=None)
@given(made=plans(), version=version, seed=st.integers(0, 2 ** 32))
def test_refuses_what_the_twin_refuses(made: plan.Plan, version: int, seed: int) -> None:
    choice = random.Random(seed)
    for _ in range(5):
        data = mutated(plan.encode(made, version), choice)
        assert reads(data) == twin_reads(data), data


@pytest.mark.parametrize(("old", "new"), [
    (b"uid", b"uid"), (b" 1 1\n", b" 01 1\n"), (b" 1 1\n", b" +1 1\n"), (b" 1 1\n", b" 4294967295 1\n"),
    (b"expires 1", b"expires 1_0"), (b"expires 1", b"expires 18446744073709551616"), (b"0711", b"711"),
    (b"config /etc/c", b"config etc/c"), (b"stage env", b"stage mount"), (b"fail open", b"fail shut"),
    (b"form acl", b"form none"), (b"end\n", b"end"), (b"end\n", b"end\nend\n"), (b"acl -", b"acl 0G"),
    (b"acl -", b"acl " + b"00" * 257), (b"a%20reason", b"a%20reas%6fn"), (b"a%20reason", b"%e9"),
    (b"dir .private", b"dir ."), (b"dir .private", b"dir a/b"), (b"service su\n", b""), (b"\n", b"\r\n"),
])
def test_refuses(old: bytes, new: bytes) -> None:
    good = plan.encode(a_plan())
    data = good.replace(old, new)
    assert reads(data) == twin_reads(data) == (data == good)


@pytest.mark.parametrize(("old", "new"), WRONG_MOUNTS)
def test_refuses_wrong_mounts(old: bytes, new: bytes) -> None:
    assert reads(a_bind_plan()) and not reads(a_bind_plan().replace(old, new))


def test_empty_and_huge() -> None:
    assert not reads(b"") and not reads(b"\n" * 20000) and not reads(plan.encode(a_plan()) * 30)
