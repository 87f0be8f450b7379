"""Everybody logs in at the same moment: 200 times one account, 200 accounts."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversarial import aftermath, host, inject

MANY = 200
SLOWEST = 5.0  # seconds
FIRST_UID = 20000
NAMES = [f"crowd{number}" for number in range(MANY)]


@pytest.fixture
def crowd() -> Iterator[list[str]]:
    """200 accounts, written at once: useradd would take a minute."""
    before = {path: path.read_text() for path in (Path("/etc/passwd"), Path("/etc/group"))}
    passwd, group = before
    with passwd.open("a") as users, group.open("a") as groups:
        for uid, name in enumerate(NAMES, FIRST_UID):
            users.write(f"{name}:x:{uid}:{uid}::/nonexistent:/bin/sh\n")
            groups.write(f"{name}:x:{uid}:\n")
    yield NAMES
    for path, text in before.items():
        path.write_text(text)


def _watch(users: list[str], times: int = 1) -> tuple[list[host.Login], int]:
    """The sessions, and how many planners ran at once: each writes down when it begins and ends."""
    diary = Path("/var/tmp/diary")
    diary.write_text("")
    with inject.instead_of_python(f'echo 1 >> {diary}; $python "$@"; status=$?; echo -1 >> {diary}; exit $status'):
        done = subprocess.run(host.crowd(users, times), stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0
    running = list(itertools.accumulate(map(int, diary.read_text().split())))
    assert running[-1] == 0
    return host.parse(done.stdout), max(running)


def _check(logins: list[host.Login], planners: int) -> None:
    wrong = [f"{one.user}: {problem}" for one in logins for problem in one.problems(closed=True)]
    wrong += [f"{one.user}: not private: {one}" for one in logins if not one.private]
    assert not wrong, f"{len(wrong)} problems\n" + "\n".join(wrong[:20])
    slowest = max(one.seconds for one in logins)
    print(f"slowest {slowest:.2f} s, {planners} planners at once")
    assert slowest < SLOWEST
    processors = len(os.sched_getaffinity(0))
    assert 1 <= planners <= processors
    assert len(os.listdir(f"{host.RUN}/slots")) <= processors
    assert not aftermath.tidy()
    assert os.listdir(f"{host.RUN}/failures") == []
    assert os.listdir("/tmp/.private/.aside") == []


def test_one_account(site, syslog) -> None:
    logins, planners = _watch(["alice"], MANY)
    assert len(logins) == MANY
    _check(logins, planners)
    assert {one.variables["TMPDIR"] for one in logins} == {"/tmp/.private/alice/tmp"}
    assert sorted(os.listdir("/tmp/.private")) == [".aside", ".new", "alice"]
    assert not syslog.ids()


def test_many_accounts(site, crowd, syslog) -> None:
    logins, planners = _watch(crowd)
    assert sorted(one.user for one in logins) == sorted(crowd)
    _check(logins, planners)
    for one in logins:
        assert one.variables["TMPDIR"] == f"/tmp/.private/{one.user}/tmp"
    assert set(os.listdir("/tmp/.private")) == {".aside", ".new", *crowd}
    assert not syslog.ids()
