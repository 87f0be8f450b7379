"""The host does not notice: its signals, its children, its descriptors and all else are as before."""
from __future__ import annotations

import pytest

from tests.privileged.pam_host import VARIABLES, Host, planner

LATER = 'import time; time.sleep(0.4); raise SystemExit(1)'
PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')

pytestmark = pytest.mark.usefixtures('alice')


def test_a_session_has_its_variables(any_host: Host) -> None:
    first, steady = any_host.session(), any_host.session()
    assert first.results() == steady.results() == [0]
    assert first.env == steady.env == PRIVATE


SETTINGS = {
    'usual': [],
    'mask': ['block 10', 'block 34'],
    'umask and locale': ['umask 0137', 'locale C.UTF-8'],
    'other directory': ['chdir /usr/share'],
    'handler': ['handler'],
    'ignored': ['ignore'],
    'without 0 to 2': ['shut 0', 'shut 1', 'shut 2'],
    'without 1': ['shut 1'],
    'as su': ['gids 2101 0', 'ids 2101 0'],
    'with limits': ['rlimit fsize 1 1000000', 'rlimit nofile 40 50', 'rlimit nproc 50 100'],
    'nice': ['nice 7'],
    'idle': ['idle'],
}


@pytest.mark.parametrize('case', SETTINGS)
@pytest.mark.parametrize('what', ['first', 'steady', 'failing'])
def test_nothing_of_the_host_changes(any_host: Host, case: str, what: str) -> None:
    commands = [*SETTINGS[case], 'start wit alice', 'state', 'open', 'state', 'env', 'close', 'state', 'end', 'state']
    if what == 'steady':
        any_host.session()
    if what == 'failing':
        with planner('raise SystemExit("no")'):
            done = any_host(*commands).fine()
        assert done.env == {}
    else:
        done = any_host(*commands).fine()
        assert done.env == PRIVATE
    assert done.results() == [0]
    before, opened, closed, ended = done.states
    assert opened.rest() == before.rest()
    assert closed.rest() == before.rest()
    assert ended.descriptors() == before.descriptors()
    kept = {number: about for number, about in opened.descriptors().items() if number not in before.descriptors()}
    assert len(kept) <= 2
    for number, (flags, close_on_exec, target) in kept.items():
        assert number >= 3 and close_on_exec and flags & 3 == 0, target


@pytest.mark.parametrize('first', ['handler', 'ignore', 'block 17'])
def test_the_handler_is_not_called(any_host: Host, first: str) -> None:
    done = any_host(first, 'start wit alice', 'open', 'state', 'env').fine()
    assert done.env == PRIVATE
    state = done.states[0]
    assert state['handled'] == '0' and state['children'] == ''
    assert int(state['SigPnd'], 16) == int(state['ShdPnd'], 16) == 0


def test_the_handler_is_not_called_when_the_planner_is_killed(any_host: Host) -> None:
    with planner('import os; os.kill(os.getpid(), 9)'):
        done = any_host('handler', 'start wit alice', 'open', 'state').fine()
    assert done.states[0]['handled'] == '0'
    assert done.results() == [0]


@pytest.mark.parametrize('life', [0, 100, 700])
def test_the_hosts_children_stay_its_own(any_host: Host, life: int) -> None:
    """They end before, during and after the planner."""
    with planner(LATER):
        done = any_host(f'children 5 {life}', 'start wit alice', 'open', 'reap').fine()
    assert done.results() == [0]
    assert done.results('reap') == [7] * 5


def test_a_child_that_ends_meanwhile_is_still_told(any_host: Host) -> None:
    with planner(LATER):
        done = any_host('handler', 'children 1 100', 'start wit alice', 'open', 'state').fine()
    assert done.states[0]['handled'] == '1' and done.states[0]['reaped'] == '1'


def test_children_with_sigchld_ignored(any_host: Host) -> None:
    done = any_host('ignore', 'children 1 10', 'start wit alice', 'open', 'env', 'reap', 'state').fine()
    assert done.env == PRIVATE
    assert done.results('reap') == [-10]  # ECHILD: as the host wanted it


def test_from_a_thread(any_host: Host) -> None:
    # The first thread makes glibc catch a signal of its own.
    done = any_host('start wit alice', 'thread umask 22', 'state', 'thread open', 'state', 'env', 'thread close',
                    'state').fine()
    assert done.env == PRIVATE
    assert [state['Threads'] for state in done.states] == ['1'] * 3
    assert done.states[0].rest() == done.states[1].rest() == done.states[2].rest()


@pytest.mark.parametrize('setting', ['debug', ''])
def test_logging_takes_no_low_descriptor(any_host: Host, setting: str, syslog) -> None:
    any_host.service(setting)
    with planner('raise SystemExit(1)'):
        done = any_host('shut 0', 'shut 1', 'shut 2', 'start wit alice', 'open', 'state').fine()
    assert not {0, 1, 2} & set(done.states[0].descriptors())
    syslog.wait_for(r'\[failed-open\]')


def test_setcred_does_nothing(any_host: Host) -> None:
    any_host.write_service('cred', ['auth required pam_permit.so', f'auth required {any_host.module}'])
    done = any_host('start cred alice', 'state', 'setcred', 'state', 'env').fine()
    assert done.results('setcred') == [0]
    assert done.env == {} and done.states[0].rest() == done.states[1].rest()
