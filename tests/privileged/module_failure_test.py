"""When the planner fails or hangs: how long it takes, what is remembered, and who gets in."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import VARIABLES, Host, forget_failures, planner, processes

PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
PLAN = Path('/run/pam-mktemp/plans/alice:wit')
FAILURES = Path('/run/pam-mktemp/failures')
CONFIG = Path('/etc/security/pam_mktemp.toml')
HANGS = 'import os, time; os.write(os.open("/run/asked", 1025 | 64), b"x"); time.sleep(100)'
COUNTS = 'import os; os.write(os.open("/run/asked", 1025 | 64), b"x"); raise SystemExit(3)'
REFUSED = 6  # PAM_PERM_DENIED: sudo would go on after PAM_SESSION_ERR
COMMANDS = ('start wit alice', 'open', 'env', 'close', 'end')

pytestmark = pytest.mark.usefixtures('alice', 'nobody_asked')


@pytest.fixture
def nobody_asked() -> None:
    """Counts begin at 0."""
    asked()


def asked() -> int:
    """How often the planner was started since the last time."""
    path = Path('/run/asked')
    count = len(path.read_text()) if path.exists() else 0
    path.unlink(missing_ok=True)
    return count


def expire() -> None:
    """As if the plan were an hour old."""
    text = PLAN.read_text()
    PLAN.write_text('\n'.join('expires 1' if line.startswith('expires') else line for line in text.split('\n')))


def age_memo(seconds: int) -> None:
    """As if the failure had happened earlier."""
    memo = FAILURES / '@planner'
    then, rest = os.readlink(memo).split(' ', 1)
    memo.unlink()
    memo.symlink_to(f'{int(then) - seconds * 10**9} {rest}')


def test_a_planner_that_hangs(any_host: Host, syslog) -> None:
    """5 s once; then the failure is known. Nothing of it stays alive."""
    with planner(HANGS):
        began = time.monotonic()
        first = any_host(*COMMANDS).fine()
        took = time.monotonic() - began
        assert asked() == 1
        began = time.monotonic()
        second = any_host(*COMMANDS).fine()
        again = time.monotonic() - began
    assert 4.9 < took < 6.5 and again < 1
    assert first.results() == second.results() == [0] and first.env == second.env == {}
    assert asked() == 0
    assert processes('/usr/lib/pam-mktemp') == []
    assert 'took more than 5 s' in os.readlink(FAILURES / '@planner')
    syslog.wait_for(r'\[failed-open\] alice: the planner took more than 5 s')


def test_a_failure_is_remembered_for_30_seconds(host: Host, bob: Any) -> None:
    """Of all accounts: an outage is not paid by every login."""
    with planner(COUNTS):
        host.session()
        host.session('bob')
        assert asked() == 1
        age_memo(29)
        host.session('bob')
        assert asked() == 0
        age_memo(2)
        host.session('bob')
        assert asked() == 1
    age_memo(31)
    assert host.session().env == PRIVATE


def test_an_accounts_own_failure_is_its_own(host: Host, bob: Any) -> None:
    """A plan that could not be made says nothing of other accounts."""
    Path('/run/pam-mktemp/plans/alice:wit').mkdir(parents=True)
    done = host.session()
    assert done.env == {}
    assert (FAILURES / 'alice:wit').is_symlink()
    assert host.session('bob').env == dict.fromkeys(VARIABLES, '/tmp/.private/bob/tmp')


@pytest.mark.parametrize('memo', [
    '', 'x', '1', '1 ', ' open x', '99999999999999999999999999 open x', '-5 open x', '1 open', 'open closed open',
    '99999999999999999 open from the future',
])
def test_a_broken_memo_is_none(any_host: Host, memo: str) -> None:
    FAILURES.mkdir(parents=True)
    for name in ('@planner', 'alice:wit'):
        if memo:
            (FAILURES / name).symlink_to(memo)
        else:
            (FAILURES / name).write_text('1 open x')
    assert any_host.session().env == PRIVATE


def test_an_expired_plan_serves_when_the_planner_fails(any_host: Host, syslog) -> None:
    any_host.session()
    expire()
    with planner(COUNTS):
        done = any_host.session()
    assert done.env == PRIVATE
    syslog.wait_for(r'\[plan-expired\] alice: the planner')
    assert 'failed-open' not in syslog.ids()


def test_an_expired_plan_is_renewed(host: Host) -> None:
    host.session()
    expire()
    assert host.session().env == PRIVATE
    assert '\nexpires 1\n' not in PLAN.read_text()


@pytest.mark.parametrize('damage', ['mode', 'gone', 'replaced', 'stamp'])
def test_an_expired_plan_that_does_not_verify_is_nothing(any_host: Host, damage: str) -> None:
    any_host.session()
    expire()
    folder = Path('/tmp/.private/alice')
    if damage == 'mode':
        folder.chmod(0o777)
    elif damage == 'stamp':
        os.removexattr(folder, 'trusted.pam_mktemp')
    else:
        subprocess.run(['chattr', '-a', '/tmp/.private'], check=True)
        folder.rename('/tmp/gone')
        if damage == 'replaced':
            folder.mkdir(0o710)
            folder.joinpath('tmp').mkdir(0o1777)
    with planner(COUNTS):
        done = any_host.session()
    assert done.env == {} and done.results() == [0]


POLICIES: dict[str, tuple[str, str, int]] = {  # the argument, the configuration's, what open_session returns
    'default': ('', '', 0), 'argument': ('fail=closed', '', REFUSED), 'open': ('fail=open', '', 0),
}


@pytest.mark.parametrize('case', POLICIES)
def test_the_argument_serves_without_a_plan(any_host: Host, case: str) -> None:
    arguments, _, expected = POLICIES[case]
    any_host.service(arguments)
    with planner(COUNTS):
        assert any_host(*COMMANDS).fine().results() == [expected]
        assert any_host(*COMMANDS).fine().results() == [expected]  # remembered


@pytest.mark.parametrize('policy', ['open', 'closed'])
@pytest.mark.parametrize('argument', ['fail=open', 'fail=closed'])
def test_the_plans_policy_wins(any_host: Host, policy: str, argument: str) -> None:
    CONFIG.write_text(f'failure = "{policy}"\n')
    any_host.service(argument)
    any_host.session()
    expire()
    Path('/tmp/.private/alice').chmod(0o777)
    expected = [REFUSED] if policy == 'closed' else [0]
    with planner(COUNTS):
        assert any_host(*COMMANDS).fine().results() == expected
        assert any_host(*COMMANDS).fine().results() == expected


@pytest.mark.parametrize('policy', ['open', 'closed'])
def test_the_planners_own_answer_wins_over_the_argument(host: Host, policy: str) -> None:
    """It read the configuration and then could not make the directory: there is no plan."""
    CONFIG.write_text(f'failure = "{policy}"\n')
    host.service('fail=open' if policy == 'closed' else 'fail=closed')
    subprocess.run(['mount', '-o', 'remount,ro', '/tmp'], check=True)
    for _ in range(2):
        assert host(*COMMANDS).fine().results() == ([REFUSED] if policy == 'closed' else [0])


@pytest.mark.parametrize('name', ['root', 'toor'])
def test_uid_0_is_always_let_in(any_host: Host, account: Callable[..., Any], name: str) -> None:
    if name != 'root':
        account(name, uid=0, gid=0, home=False)
    any_host.service('fail=closed')
    with planner(COUNTS):
        done = any_host(f'start wit {name}', 'open', 'env').fine()
    assert done.results() == [0] and done.env == {}


def test_off_switches_everything_off(any_host: Host, syslog) -> None:
    Path('/etc/security/pam_mktemp.off').touch()
    any_host.service('fail=closed')
    with planner(COUNTS):
        done = any_host('start wit alice', 'state', 'open', 'state', 'env', 'close', 'end').fine()
    assert done.results() == [0] and done.env == {}
    assert done.states[0].descriptors() == done.states[1].descriptors()
    assert asked() == 0 and syslog.lines == [] and not os.path.exists('/run/pam-mktemp')


def test_a_failed_login_does_not_wait_for_its_memo(host: Host) -> None:
    """Once an administrator has removed it, all is well at once."""
    with planner(COUNTS):
        assert host.session().env == {}
    forget_failures()
    assert host.session().env == PRIVATE
