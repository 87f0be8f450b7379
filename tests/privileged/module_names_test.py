"""Whatever stands in PAM_USER and PAM_SERVICE: no crash, no path made of it, no account mistaken for another."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import VARIABLES, Host, planner
from tests.sandbox.accounts import run_as

REFUSED = 6

pytestmark = pytest.mark.usefixtures('alice')

NOBODY = ['-', '%00', 'nobody-here', '.', '..', '...', '/', '//', 'a/b', '../alice', '/etc/passwd', '%2E%2E/x', '-x',
          '--', 'a%0Ab', '%0A', 'alice%0A', 'alice%20', 'a%01%7F%FF', 'a%25b', 'ALICE', 'x' * 33, 'x' * 300, 'x' * 1000,
          '%FF' * 79, '%FF' * 80, '0', '2101', 'DOMAIN%5Calice', 'alice@realm', 'alice:wit', '@planner', '%C3%A9']


@pytest.mark.parametrize('user', NOBODY)
@pytest.mark.parametrize('policy', ['open', 'closed'])
def test_no_account_of_that_name(any_host: Host, user: str, policy: str, syslog) -> None:
    any_host.service(f'fail={policy}')
    done = any_host(f'start wit {user}', 'state', 'open', 'state', 'env', 'close', 'end').fine()
    if done.results('start') != [0]:
        return  # libpam's own refusal
    assert done.results() == ([0] if policy == 'open' else [REFUSED])
    assert done.env == {}
    assert done.states[0].rest() == done.states[1].rest()
    assert set(os.listdir('/tmp')) <= {path.split('/')[2] for path in kept()}
    run = Path('/run/pam-mktemp')
    assert not run.exists() or not any(os.listdir(run / folder) for folder in ('plans', 'queue', 'sessions'))
    assert all('\n' not in line and line.isprintable() for line in syslog.lines)


def kept() -> list[str]:
    return [path for path in Path('/.kept/list').read_text().split() if path.startswith('/tmp/')]


@pytest.mark.parametrize('service', ['..', 'a/b', '%0A', 'x' * 200, '%FF' * 80, '.hidden', 'with%20space'])
def test_odd_services(any_host: Host, service: str) -> None:
    """libpam has its own opinion on them; what it lets through makes one plan with a harmless name, or none."""
    any_host.write_service('other', [f'session required {any_host.module}', 'auth required pam_permit.so'])
    done = any_host(f'start {service} alice', 'open', 'env', 'close', 'end').fine()
    assert done.results() == [0]
    plans = os.listdir('/run/pam-mktemp/plans') if os.path.exists('/run/pam-mktemp') else []
    assert len(plans) <= 1 and all(name.startswith('alice:') and '/' not in name for name in plans)
    assert bool(done.env) == bool(plans)


REAL = {'DOMAIN\\alice': '2110', 'alice@realm.example': '2110', 'x' * 32: '2110', '1234': '2110', 'Émile': '2110',
        'a.b-c_d': 'a.b-c_d', '.dot': '2110', 'with space': '2110'}


@pytest.mark.parametrize('name', REAL)
def test_real_accounts_with_odd_names(host: Host, name: str) -> None:
    """As sssd, winbind and old files have them: the directory is the name where that is safe, else the uid."""
    passwd = Path('/etc/passwd')
    before = passwd.read_text()
    passwd.write_text(before + f'{name}:x:2110:2110::/nonexistent:/bin/sh\n')
    try:
        word = ''.join(chr(b) if chr(b).isalnum() and b < 128 else f'%{b:02X}' for b in name.encode())
        for _ in range(2):
            done = host(f'start wit {word}', 'open', 'env', 'close', 'end').fine()
            assert done.results() == [0]
            assert done.env == dict.fromkeys(VARIABLES, f'/tmp/.private/{REAL[name]}/tmp')
    finally:
        passwd.write_text(before)


def test_several_names_of_uid_0(host: Host, account: Callable[..., Any]) -> None:
    account('toor', uid=0, gid=0, home=False)
    account('admin', uid=0, gid=0, home=False)
    for name in ('root', 'toor', 'admin'):
        assert host.session(name).env == dict.fromkeys(VARIABLES, '/tmp/.private/root/tmp')


def test_two_names_of_one_uid_share(host: Host, account: Callable[..., Any]) -> None:
    account('alias', uid=2101, gid=2101)
    host.session('alice')
    assert host.session('alias').env == dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')


def test_a_group_of_the_users_name_with_another_member(host: Host, alice: Any, bob: Any) -> None:
    """pam_mktemp took the name for a private group: the other member wrote into the directory."""
    subprocess.run(['gpasswd', '-a', 'bob', 'alice'], check=True, capture_output=True)
    host.session()
    for command in (['ls', '/tmp/.private/alice'], ['touch', '/tmp/.private/alice/tmp/x'], ['ls', '/tmp/.private']):
        assert run_as(bob, command).returncode != 0
    assert run_as(alice, ['touch', '/tmp/.private/alice/tmp/x']).returncode == 0


def test_after_another_users_session(host: Host, bob: Any) -> None:
    """The second user's variables replace the first's: dokku kept the other's TMPDIR."""
    done = host('start wit alice', 'open', 'env', 'use 1', 'start wit bob', 'open', 'env').fine()
    assert done.env == dict.fromkeys(VARIABLES, '/tmp/.private/bob/tmp')
    assert 'alice' not in str(done.env)


def test_a_chroot_without_a_planner(host: Host) -> None:
    """pam_tmpdir exported a directory that was not there."""
    root = Path('/var/tmp/chroot')
    for folder in ('usr', 'lib', 'lib64', 'bin', 'etc', 'proc'):
        (root / folder).mkdir(parents=True, exist_ok=True)
        if folder != 'proc':
            subprocess.run(['mount', '--bind', f'/{folder}', root / folder], check=True)
    for folder in ('tmp', 'run'):
        (root / folder).mkdir(exist_ok=True)
    try:
        with planner(None):
            for policy, expected in (('open', 0), ('closed', REFUSED)):
                host.service(f'fail={policy}')
                done = host('chroot /var/tmp/chroot', 'start wit alice', 'open', 'env', 'close', 'end').fine()
                assert done.results() == [expected] and done.env == {}
        assert not os.path.exists('/run/pam-mktemp')
    finally:
        for folder in ('usr', 'lib', 'lib64', 'bin', 'etc'):
            subprocess.run(['umount', '-l', root / folder], check=True)


def test_a_host_that_is_not_root(host: Host, alice: Any) -> None:
    """It can make nothing, and must not trust what it finds; the policy decides."""
    host.session()
    for policy, word in (('open', 'successfully'), ('closed', 'Permission denied')):
        host.service(f'fail={policy}')
        done = run_as(alice, ['pamtester', 'wit', 'alice', 'open_session'])
        assert word in done.stdout + done.stderr
        done = run_as(alice, [str(host.program), 'start wit alice', 'open', 'env', 'close', 'end'])
        assert done.returncode == 0 and 'env TMPDIR' not in done.stdout
        assert f' open {0 if policy == "open" else REFUSED}\n' in done.stdout


@pytest.mark.parametrize('argument', ['fail=maybe', 'config=relative.toml', 'config=', 'unknown', 'x' * 3000, '%n%s'])
def test_arguments_that_are_none(any_host: Host, argument: str, syslog) -> None:
    """Reported, and the rest goes on."""
    any_host.service(argument)
    assert any_host.session().env == dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
    if len(argument) < 1000:
        syslog.wait_for(r'\[argument-unknown\]')
