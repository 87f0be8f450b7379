"""The conditions of a view: who is brought into it, who is left where he is, and the way back."""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.linux import mount_calls
from tests.adversarial import binding
from tests.privileged.pam_host import Host, Report

ALICE, BOB = 2101, 2102
SEQUENCE = ('start wit alice', 'state', 'open', 'state', 'close', 'state', 'end')
RIGHT, DENIED = 0, 6


@pytest.fixture
def bound(any_host: Host, alice: Any, bob: Any) -> Host:
    """Both accounts have plans with mounts, and the planner is out of the game."""
    for user in ('alice', 'bob'):
        binding.bind_plan(user, 'wit', lambda name: any_host.session(name))
    binding.no_planner()
    return any_host


def spaces(report: Report) -> list[str]:
    """The mount namespaces of the host, each time it told them."""
    return [state['mount'] for state in report.states]


def outside(report: Report, result: int = RIGHT) -> None:
    """A session that opened, or not, and nothing about its host changed meanwhile."""
    assert report.results() == [result], report.text
    assert len(set(spaces(report))) == 1, report.text
    assert len({(state['cwd'], state['root']) for state in report.states}) == 1, report.text


def closed(host: Host) -> None:
    """fail=closed, said by the plan and the module."""
    host.service('fail=closed')
    for user in ('alice', 'bob'):
        path = binding.plan_of(user, 'wit')
        path.write_text(path.read_text().replace('fail open', 'fail closed'))


def test_there_and_back(bound: Host) -> None:
    report = bound(*SEQUENCE).fine()
    before, inside, after = report.states
    assert before['mount'] == after['mount'] == os.readlink('/proc/self/ns/mnt') != inside['mount']
    assert len(after.descriptors()) == len(before.descriptors())


@pytest.mark.parametrize('policy', ['open', 'closed'])
@pytest.mark.parametrize('where', ['chroot', 'bound-root', 'thread', 'thread apart', 'share', 'sandbox'])
def test_stays_where_it_is(bound: Host, where: str, policy: str, tmp_path: Path) -> None:
    if policy == 'closed':
        closed(bound)
    opening = (f'{where} open',) if where.startswith('thread') else ('open',)
    words = ['start wit alice', 'chdir /var', 'state', *opening, 'state', 'close', 'state', 'end']
    with contextlib.ExitStack() as stack:
        if where in ('chroot', 'bound-root'):
            root = stack.enter_context(another_root(tmp_path, recursive=where == 'bound-root'))
            words.insert(1, f'chroot {root}')
        if where == 'share':
            words.insert(1, 'share')
        report = bound(*words, before=('unshare', '-m') if where == 'sandbox' else ())
    assert report.code == 0, report.text + report.errors
    outside(report, DENIED if policy == 'closed' else RIGHT)


@pytest.fixture
def installed(host: Host, alice: Any, bob: Any) -> Host:
    """As `bound`, without the sanitizers, which need /proc as it is."""
    for user in ('alice', 'bob'):
        binding.bind_plan(user, 'wit', lambda name: host.session(name))
    binding.no_planner()
    return host


@pytest.mark.parametrize('policy', ['open', 'closed'])
@pytest.mark.parametrize('where', ['users-own', 'hidden-proc'])
def test_stays_where_proc_is_not_the_hosts(installed: Host, where: str, policy: str) -> None:
    if policy == 'closed':
        closed(installed)
    before = {'users-own': ('unshare', '-Urm'),
              'hidden-proc': ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc; exec "$@"', '-')}[where]
    report = installed('start wit alice', 'chdir /var', 'state', 'open', 'state', 'close', 'state', 'end',
                       before=before)
    wanted = DENIED if policy == 'closed' else RIGHT
    assert report.code == 0, report.text + report.errors
    if where == 'hidden-proc':  # nor can the witness see where it is
        assert report.results() == [wanted], report.text
    else:
        outside(report, wanted)


def test_own_pids(installed: Host) -> None:
    """With the host's /proc: process 1 is the host's, and the way is known. The entry names another process."""
    report = installed(*SEQUENCE, before=('unshare', '-p', '-f'))
    before, inside, after = spaces(report)
    assert report.results() == [RIGHT] and before == after != inside
    assert spaces(installed(*SEQUENCE).fine())[1] not in (before, binding.namespace())


@contextlib.contextmanager
def another_root(folder: Path, recursive: bool) -> Iterator[Path]:
    """The host's whole tree at another place: the same directory, reached through another mount."""
    root = folder / 'root'
    root.mkdir()
    subprocess.run(['mount', '--rbind' if recursive else '--bind', '/', root], check=True)
    subprocess.run(['mount', '--make-rprivate', root], check=True)
    try:
        if not recursive:
            for name in ('proc', 'run', 'tmp'):
                subprocess.run(['mount', '--rbind', f'/{name}', root / name], check=True)
                subprocess.run(['mount', '--make-rprivate', root / name], check=True)
        yield root
    finally:
        subprocess.run(['umount', '-R', '-l', root], check=True)


@pytest.mark.parametrize('recorded', [False, True])
def test_a_users_own_namespace_is_never_entered(bound: Host, recorded: bool) -> None:
    """unshare -Urm with a forged /etc/passwd, where an entry of the view, and even the view's record, points."""
    script = ('set -e; mount --rbind /tmp/.private /mnt; mount --rbind /tmp/.X11-unix /media; '
              f'mount --rbind {binding.own("alice")} /tmp; mount --rbind /mnt /tmp/.private; '
              'mount --rbind /media /tmp/.X11-unix; '  # all that the plan says
              'mount -t tmpfs none /etc; echo alice::0:0::/:/bin/sh > /etc/passwd; echo ready; read x')
    command = ['setpriv', f'--reuid={ALICE}', f'--regid={ALICE}', '--clear-groups', 'unshare', '-Urm', 'sh', '-c',
               script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd='/') as his:
        assert his.stdout and his.stdout.readline() == b'ready\n'
        folder = binding.VIEWS / f'{ALICE}.0123456789abcdef'
        folder.mkdir(mode=0o700)
        (folder / str(his.pid)).symlink_to(binding.namespace(his.pid) if recorded else 'mnt:[4026531840]')
        if recorded:
            (binding.VIEWS / binding.namespace(his.pid)).symlink_to(mount_calls.place(f'/proc/{his.pid}/root/tmp'))
        report = bound(*SEQUENCE).fine()
        inside = spaces(report)[1]
        assert inside not in (binding.namespace(his.pid), binding.namespace())
        assert not (folder / str(his.pid)).is_symlink(), 'a stale entry is kept'
        his.kill()


def test_one_of_roots_other_namespaces_is_not_entered(bound: Host) -> None:
    """An entry whose process lives elsewhere now, as after the reuse of a pid."""
    with subprocess.Popen(['unshare', '-m', 'sh', '-c', 'echo ready; read x'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b'ready\n'
        folder = binding.VIEWS / f'{ALICE}.0123456789abcdef'
        folder.mkdir(mode=0o700)
        (folder / str(other.pid)).symlink_to(binding.namespace(other.pid))
        assert spaces(bound(*SEQUENCE).fine())[1] != binding.namespace(other.pid)
        other.kill()


def test_joining(bound: Host) -> None:
    with bound.held('start wit alice', 'open') as first:
        assert spaces(bound(*SEQUENCE).fine())[1] == binding.namespace(first.pid)
        bobs = spaces(bound('start wit bob', 'open', 'state', 'close', 'end').fine())[0]
        assert bobs not in (binding.namespace(first.pid), binding.namespace())


@pytest.mark.parametrize('policy', ['open', 'closed'])
def test_a_lock_that_is_held(bound: Host, policy: str) -> None:
    """By a su that its caller has stopped."""
    if policy == 'closed':
        closed(bound)
    folder = binding.VIEWS / f'{ALICE}.0123456789abcdef'
    folder.mkdir(mode=0o700)
    with subprocess.Popen(['flock', folder, 'sh', '-c', 'echo ready; read x'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b'ready\n'
        os.kill(holder.pid, signal.SIGSTOP)
        start = time.monotonic()
        report = bound(*SEQUENCE)
        took = time.monotonic() - start
        os.kill(holder.pid, signal.SIGCONT)
        holder.communicate(b'\n')
    assert report.results() == [DENIED if policy == 'closed' else RIGHT]
    assert len(set(spaces(report))) == 1
    assert 1.8 < took < 4 if bound.sanitized else 1.8 < took < 3
    assert len(set(spaces(bound(*SEQUENCE).fine()))) == 2


@pytest.mark.parametrize('spoil', ['link', 'file', 'theirs', 'writable', 'away'])
def test_a_planted_mount_point(bound: Host, spoil: str) -> None:
    """The protected mount point inside the instance is not what the planner made."""
    point = Path(binding.own('alice'), '.private')
    point.rmdir()
    if spoil == 'link':
        point.symlink_to('/etc')
    elif spoil == 'file':
        point.write_text('')
    elif spoil in ('theirs', 'writable'):
        point.mkdir()
        os.chown(point, ALICE if spoil == 'theirs' else 0, 0)
        point.chmod(0o777 if spoil == 'writable' else 0o755)
    lines = binding.mounts()
    report = bound(*SEQUENCE)
    if spoil == 'away':  # made anew
        assert len(set(spaces(report))) == 2
    else:
        outside(report)
    assert binding.mounts() == lines


def test_many_handles(bound: Host) -> None:
    """One after the other with one handle, and several at once, closed last first."""
    report = bound('start wit alice', 'open', 'state', 'close', 'end', 'start wit bob', 'open', 'state', 'close',
                   'end', 'state').fine()
    alices, bobs, end = spaces(report)
    assert end == binding.namespace() not in (alices, bobs)  # whose numbers may be the same, one after the other
    report = bound('start wit alice', 'open', 'state', 'use 1', 'start wit bob', 'open', 'state', 'close', 'state',
                   'end', 'use 0', 'close', 'end', 'state').fine()
    alices, bobs, back, end = spaces(report)
    assert back == alices != bobs and end == binding.namespace()


def test_not_led_out_of_a_later_chroot(bound: Host, tmp_path: Path) -> None:
    with another_root(tmp_path, recursive=True) as root:
        report = bound('start wit alice', 'open', f'chroot {root}', 'state', 'close', 'state', 'end').fine()
    assert len(set(spaces(report))) == 1 and spaces(report)[0] != binding.namespace()


def test_a_host_that_has_moved_stays_there(bound: Host) -> None:
    report = bound('start wit alice', 'open', 'away', 'state', 'close', 'state', 'end').fine()
    assert len(set(spaces(report))) == 1 and spaces(report)[0] != binding.namespace()


@pytest.mark.parametrize('limit', ['fsize 0 inf', 'nofile 12 12', 'nproc 0 0'])
def test_limits_of_the_caller(bound: Host, limit: str) -> None:
    report = bound('start wit alice', 'state', f'rlimit {limit}', 'open', 'state', 'close', 'state', 'end')
    assert report.results() == [RIGHT], report.text
    before, inside, after = spaces(report)
    assert before == after != inside


def test_options_and_propagation(bound: Host, tmp_path: Path) -> None:
    """nosuid and nodev on each mount; the host's later mounts come, ours stay."""
    subprocess.run(['mount', '--make-rshared', '/'], check=True)
    late = tmp_path / 'late'
    late.mkdir()
    lines = binding.mounts()
    try:
        with bound.held('start wit alice', 'open') as session:
            found = {line.split()[4]: line for line in binding.mounts(session.pid)}
            for target in ('/tmp', '/tmp/.private', '/tmp/.X11-unix'):
                options = found[target].split()[5].split(',')
                assert {'nosuid', 'nodev'} <= set(options), found[target]
            assert ' master:' in found['/'] and ' shared:' not in found['/']
            subprocess.run(['mount', '-t', 'tmpfs', 'late', late], check=True)
            assert any(line.split()[4] == str(late) for line in binding.mounts(session.pid))
            subprocess.run(['umount', late], check=True)
            assert not any(line.split()[4] == str(late) for line in binding.mounts(session.pid))
            subprocess.run(['nsenter', f'--mount=/proc/{session.pid}/ns/mnt', 'mount', '-t', 'tmpfs', 'x', late],
                           check=True)
            assert binding.mounts() == lines
    finally:
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)


def test_noexec(bound: Host) -> None:
    path = binding.plan_of('alice', 'wit')
    path.write_text(''.join(line[:-2] + '14\n' if line.startswith('mount ') else line
                            for line in path.read_text().splitlines(keepends=True)))
    with bound.held('start wit alice', 'open') as session:
        lines = [line.split() for line in binding.mounts(session.pid)]
        assert [words[5] for words in lines if words[4] == '/tmp'][-1].split(',').count('noexec') == 1
