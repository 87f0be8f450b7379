"""The user who calls su signals all that su starts: that may cost him his own login, and nobody else anything."""
from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import BUILT, LIBRARY, ROOT, VARIABLES, Host, planner, processes
from tests.sandbox.accounts import CLEAN

SU = ['su', 'bob', '-c', 'exec env']
LONGEST = 8  # the planner's limit, and a slow machine; no slot is ever waited for here
PLANS = Path('/run/pam-mktemp/plans')


def forget_plans() -> None:
    """Not the folder, nor what a planner is just writing: a first login is asked for, not a broken machine."""
    for plan in PLANS.glob('[a-z]*'):
        plan.unlink(missing_ok=True)


@pytest.fixture
def slow_planner() -> Iterator[None]:
    """The real one, 200 ms later: time to be found by whoever looks for it."""
    copy = BUILT / 'copy'
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(LIBRARY, copy)
    with planner(f'import sys, time; time.sleep(0.2); sys.path.insert(0, "{copy}"); '
                 'from pam_mktemp_py.planner import main; raise SystemExit(main(sys.argv))'):
        yield


@pytest.fixture
def carol(host: Host, alice: Any, bob: Any, account: Callable[..., Any], pam_service: Callable[..., Path]) -> Any:
    """One who has nothing to do with it; su asks for no password."""
    pam_service('su', ['auth required pam_permit.so', 'account required pam_permit.so',
                       'session required pam_mktemp_py.so fail=closed'])
    host.service('fail=closed')
    return account('carol', uid=2103)


def start(user: Any, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], env=CLEAN, cwd='/',
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextlib.contextmanager
def attack(user: Any, number: int, seconds: int) -> Iterator[list[int]]:
    """harass.c as the user; then its numbers."""
    program = BUILT / 'harass'
    subprocess.run(['gcc', '-O2', '-o', program, ROOT / 'tests/programs/harass.c'], check=True)
    process = start(user, [str(program), str(number), str(seconds)])
    assert process.stdout and process.stdout.readline() == 'ready\n'
    counts: list[int] = []
    try:
        yield counts
    finally:
        words = process.communicate(timeout=seconds + 30)[0].split()
        counts += [int(word) for word in words[1::2]]


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP, signal.SIGXCPU], ids=lambda number: number.name)
def test_what_su_starts_cannot_be_signalled(
    host: Host, alice: Any, carol: Any, slow_planner: None, number: int,
) -> None:
    """Once it is root's in all three ids. Before that a copy of su can be hit, until a processor is free for it."""
    good = 0
    with attack(alice, number, 4) as counts:
        end = time.monotonic() + 3.5
        rounds = 0
        while time.monotonic() < end:
            forget_plans()
            began = time.monotonic()
            su = start(alice, SU)
            other = host.session('carol')  # its first, each time, beside the attacked one
            assert other.env == dict.fromkeys(VARIABLES, '/tmp/.private/carol/tmp')
            output = su.communicate(timeout=LONGEST)[0]
            assert time.monotonic() - began < LONGEST
            good += 'TMPDIR=/tmp/.private/bob/tmp' in output
            rounds += 1
    seen, hit, planners, planners_hit = counts
    assert rounds and seen > 20 * rounds, 'the attacker has seen nothing'
    assert planners > rounds and planners_hit == 0
    assert hit <= rounds
    assert good >= rounds - hit
    assert not os.path.lexists('/run/pam-mktemp/failures/@planner')
    assert processes(str(LIBRARY)) == []


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
def test_su_itself_may_be_killed_and_stopped(
    host: Host, alice: Any, carol: Any, slow_planner: None, number: int,
) -> None:
    """Its caller has the right to. The planner that it started comes to its end, and no slot stays taken."""
    running = []
    for _ in range(8):
        forget_plans()
        running.append(start(alice, SU))
        time.sleep(0.05)
        os.kill(running[-1].pid, number)
    began = time.monotonic()
    assert host.session('carol').env == dict.fromkeys(VARIABLES, '/tmp/.private/carol/tmp')
    assert time.monotonic() - began < 5
    time.sleep(0.3)
    assert processes(str(LIBRARY)) == []
    for su in running:
        su.kill()
        su.communicate()


def test_a_killed_su_leaves_a_plan_that_is_whole(host: Host, alice: Any, carol: Any) -> None:
    """At any moment: what lies there afterwards serves, or is made anew."""
    for delay in range(0, 60, 3):
        forget_plans()
        su = start(alice, SU)
        time.sleep(delay / 1000)
        su.kill()
        su.communicate()
    output = start(alice, SU).communicate()[0]
    assert 'TMPDIR=/tmp/.private/bob/tmp' in output


def test_a_crowd_is_bounded_by_the_slots(host: Host, alice: Any, carol: Any, slow_planner: None) -> None:
    """One user's many logins at once: never more planners than processors, and all are served by few of them."""
    crowd = [start(alice, SU) for _ in range(12)]
    most = 0
    while any(su.poll() is None for su in crowd):
        most = max(most, len(processes(str(LIBRARY))))
    assert all('TMPDIR=/tmp/.private/bob/tmp' in (su.communicate()[0]) for su in crowd)
    assert 1 <= most <= len(os.sched_getaffinity(0))
