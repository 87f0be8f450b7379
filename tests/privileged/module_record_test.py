"""The session record: what it says, that it is locked and read-only, and when it is stale."""
from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.sessions import records
from tests.privileged.pam_host import Host, planner

SESSIONS = Path('/run/pam-mktemp/sessions')
OPEN = ('start wit alice', 'open')

pytestmark = pytest.mark.usefixtures('alice')


def files() -> list[Path]:
    """The records that lie there."""
    return sorted(SESSIONS.glob('*'))


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@pytest.mark.parametrize('setting', [(), ('umask 777',), ('umask 0',), ('gids 2101 2101',)], ids=str)
def test_what_it_says(any_host: Host, setting: tuple[str, ...]) -> None:
    with any_host.held(*setting, *OPEN) as process:
        [path] = files()
        about = path.lstat()
        assert about.st_uid == 0 and about.st_mode & 0o177 == 0
        [record] = records.records()
        assert record.alive and is_locked(path)
        assert path.name == f'2101.{process.pid}.{record.number("opened")}'
        assert 0 <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) - record.number('opened') < 10 * 10**9
        assert record.number('uid') == 2101 and record.number('pid') == process.pid
        assert record.get('user') == 'alice' and record.get('service') == 'wit'
        assert record.get('stage') == 'env' and record.get('outcome') == 'private' and record.get('form') == 'acl'
        assert record.get('reason').startswith('stage is "env"')
        assert record.get('directory') == '/tmp/.private/alice'
        folder = os.stat('/tmp/.private/alice')
        assert (record.number('device'), record.number('inode')) == (folder.st_dev, folder.st_ino)
        assert abs(record.number('time') - time.time()) < 10
        assert record.get('boot') == Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        assert records.in_use(folder.st_dev, folder.st_ino)
        process.communicate('\n')
    assert files() == []


def test_what_is_kept_cannot_write_it(any_host: Host) -> None:
    """sshd hands what is open to the user's own process."""
    with any_host.held(*OPEN) as process:
        fds = Path(f'/proc/{process.pid}/fd')
        kept = [int(fd.name) for fd in fds.iterdir() if 'pam-mktemp' in os.readlink(fd)]
        assert len(kept) == 1
        flags = Path(f'/proc/{process.pid}/fdinfo/{kept[0]}').read_text().split('flags:')[1].split()[0]
        assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY and int(flags, 8) & os.O_CLOEXEC
        assert kept[0] >= 3


@pytest.mark.parametrize('policy', ['fail=open', 'fail=closed'])
def test_a_session_without_variables_has_one_too(any_host: Host, policy: str) -> None:
    any_host.service(policy)
    with planner('raise SystemExit(1)'):
        with any_host.held(*OPEN) as process:
            found = records.records()
            process.communicate('\n')
    assert [record.get('outcome') for record in found] == (['failed-open'] if policy == 'fail=open' else [])
    assert [record.get('stage') for record in found if record] == (['-'] if policy == 'fail=open' else [])
    assert files() == []


def test_at_stage_off(any_host: Host) -> None:
    Path('/etc/security/pam_mktemp.toml').write_text('exempt_users = ["alice"]\n')
    with any_host.held(*OPEN):
        [record] = records.records()
        assert record.get('outcome') == 'shared' and record.get('stage') == 'off'
        assert 'exempt' in record.get('reason') and record.get('directory') == ''


def test_one_that_failed_open_holds_no_directory(any_host: Host) -> None:
    """Else a directory that went wrong could never be repaired while such sessions overlap."""
    any_host.session()
    folder = Path('/tmp/.private/alice')
    about = folder.stat()
    folder.chmod(0o777)
    with planner('raise SystemExit(1)'), any_host.held(*OPEN):
        [record] = records.records()
        assert record.get('outcome') == 'failed-open'
        assert not records.in_use(about.st_dev, about.st_ino)


def test_names_cannot_forge_a_line(any_host: Host) -> None:
    any_host.service(name='wit')
    with any_host.held('start wi%74 alice', 'open'):
        text = files()[0].read_text()
    assert text.startswith('pam-mktemp-session 1\n') and text.endswith('\nend\n')
    assert text.count('\nuser ') == 1


def test_it_is_stale_after_a_kill(any_host: Host) -> None:
    with any_host.held(*OPEN) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        [path] = files()
        [record] = records.records()
        assert not record.alive and not is_locked(path)
        assert not records.in_use(record.number('device'), record.number('inode'))


def test_a_stale_one_goes_with_the_next_planner(host: Host) -> None:
    with host.held(*OPEN) as process:
        process.kill()
    assert len(files()) == 1
    Path('/run/pam-mktemp/plans/alice:wit').unlink()
    host.session()
    assert files() == []


def test_one_that_is_alive_stays(host: Host, bob: Any) -> None:
    """Of any account, whoever's planner comes by."""
    with host.held(*OPEN), host.held('start wit bob', 'open'):
        Path('/run/pam-mktemp/plans/alice:wit').unlink()
        host.session()
        found = records.records()
        assert sorted(record.get('user') for record in found) == ['alice', 'bob']
        assert all(record.alive for record in found)


def test_a_child_holds_the_lease_no_longer_than_its_host(host: Host) -> None:
    """The lock is inherited by a child that runs on; the record is removed all the same."""
    with host.held(*OPEN, 'children 1 400') as process:
        process.communicate('\n')
        assert files() == []
