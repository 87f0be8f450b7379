"""Whatever fails between the host and the planner: one process goes on, the host, and the policy decides.

pam_tmpdir's child came back into the host when its helper could not be executed: two copies of su.
"""
from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.privileged.pam_host import VARIABLES, Host, forget_failures, no_python, planner, processes

PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
REFUSED = 6  # PAM_PERM_DENIED: sudo would go on after PAM_SESSION_ERR
COMMANDS = ('start wit alice', 'state', 'open', 'state', 'env', 'close', 'end')

pytestmark = pytest.mark.usefixtures('alice')


def both_policies(host: Host, *before: str) -> None:
    """Open: no variables and success. Closed: refused, and said why."""
    done = host(*before, *COMMANDS).fine()
    assert done.results() == [0] and done.env == {}
    assert done.states[0].rest() == done.states[1].rest()
    assert done.states[1]['children'] == ''
    forget_failures()
    host.service('fail=closed')
    done = host(*before, *COMMANDS).fine()
    assert done.results() == [REFUSED] and done.env == {}
    assert ' said pam_mktemp_py: no private temporary directory' in done.text
    assert done.states[0].rest() == done.states[1].rest()
    assert done.states[0].descriptors() == done.states[1].descriptors()
    assert not list(Path('/tmp').glob('.private/alice'))


def test_no_python(any_host: Host) -> None:
    with no_python():
        both_policies(any_host)


@pytest.mark.parametrize('mode', [0o644, 0o755])
def test_python_cannot_be_executed(any_host: Host, mode: int) -> None:
    with no_python('\x7fELF no program\n', mode):
        both_policies(any_host)


def test_no_planner(any_host: Host) -> None:
    with planner(None):
        both_policies(any_host)


@pytest.mark.parametrize('script', [
    'raise RuntimeError("crash")', 'syntax error(', 'import os; os.abort()', 'raise SystemExit(77)',
    'import os, signal; os.kill(os.getppid(), signal.SIGKILL)', 'import os; os.fork(); os._exit(3)',
    'print("start wit alice")',
], ids=['exception', 'syntax', 'abort', 'status', 'kills the helper', 'forks', 'does nothing'])
def test_the_planner_crashes(any_host: Host, script: str) -> None:
    with planner(script):
        both_policies(any_host)


@pytest.mark.parametrize('limit', ['rlimit nproc 0 0', 'rlimit nproc 1 1'])
def test_a_user_host_without_processes(host: Host, limit: str) -> None:
    """RLIMIT_NPROC counts the real uid's processes: the caller of su chose it, and has one already."""
    done = host('children 1 300', limit, 'gids 2101 0', 'ids 2101 0', *COMMANDS)
    assert done.fine().results() == [0]
    assert done.env in ({}, PRIVATE)


def test_the_kernel_refuses_a_process(host: Host) -> None:
    """As at pids.max or without memory."""
    inject = ('-e', 'trace=clone', '-e', 'inject=clone:error=EAGAIN:when=1+')
    done = host(*COMMANDS, before=('strace', '-qq', '-o', '/dev/null', *inject)).fine()
    assert done.results() == [0] and done.env == {}


@pytest.mark.parametrize('call', ['setresuid', 'setgroups', 'chdir', 'close_range', 'execve', 'waitid', 'prctl'])
def test_a_call_of_the_helper_fails(host: Host, call: str) -> None:
    """Every time. (All calls, one by one, are in tests/adversarial.)"""
    inject = ('-e', f'trace={call}', '-e', f'inject={call}:error=EPERM:when={2 if call == "execve" else 1}+')
    done = host(*COMMANDS, before=('strace', '-f', '-qq', '-o', '/dev/null', *inject)).fine()
    assert done.results() == [0]
    assert done.env in ({}, PRIVATE)


@pytest.mark.parametrize('kilobytes', [6000, 8000, 10000, 14000, 20000])
def test_little_memory(host: Host, kilobytes: int) -> None:
    """pam_python's host was aborted; ours answers."""
    done = host(*COMMANDS, before=('prlimit', f'--as={kilobytes * 1024}'))
    assert len(done.pids) <= 1
    if done.code != 127:  # the dynamic linker had not enough
        assert done.fine().results() in ([0], [28])


def test_no_planner_stays_without_its_helper(host: Host) -> None:
    with planner('import os, time; os.kill(os.getppid(), 9); time.sleep(100)'):
        began = time.monotonic()
        assert host(*COMMANDS).fine().results() == [0]
    assert time.monotonic() - began < 2
    assert processes('/usr/lib/pam-mktemp') == []


def test_no_process_stays(host: Host) -> None:
    """The host is killed while it waits: its helper keeps the planner's time limit all the same."""
    with planner('import time; time.sleep(60)'):
        with subprocess.Popen([host.program, *COMMANDS], stdout=subprocess.DEVNULL, **host.options(None)) as process:
            began = time.monotonic()
            while not processes('/usr/lib/pam-mktemp'):
                assert time.monotonic() - began < 5
            process.kill()
        assert processes('/usr/lib/pam-mktemp')
        while processes('/usr/lib/pam-mktemp') or processes(str(host.program)):
            assert time.monotonic() - began < 6.5
            time.sleep(0.05)
