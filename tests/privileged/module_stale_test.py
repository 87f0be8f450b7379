"""When a plan is out of date: each change is seen by the very next login, and a chsh is none."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.pam_host import VARIABLES, Host, planner

PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
PLAN = Path('/run/pam-mktemp/plans/alice:wit')
CONFIG = Path('/etc/security/pam_mktemp.toml')
BOOT_ID = Path('/proc/sys/kernel/random/boot_id')

pytestmark = pytest.mark.usefixtures('alice')


def asks(host: Host) -> bool:
    """Whether the next login asks the planner; it changes nothing."""
    mark = Path('/run/asked')
    mark.unlink(missing_ok=True)
    with planner('open("/run/asked", "w")'):
        host.session()
    return mark.exists()


def settled(host: Host, text: str = 'min_uid = 1\n') -> None:
    """A plan that is fresh for an hour, as it would be had the configuration been changed more than 2 s before."""
    CONFIG.write_text(text)
    assert host.session().env == PRIVATE
    expire(3600)
    assert not asks(host)


def expire(seconds: float) -> None:
    """Let the plan last so long from now."""
    lines = PLAN.read_text().splitlines()
    when = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 10**9)
    PLAN.write_text(''.join((f'expires {when}' if line.startswith('expires ') else line) + '\n' for line in lines))


def edit_with_times_restored() -> None:
    about = CONFIG.stat()
    CONFIG.write_text('min_uid = 2\n')
    os.utime(CONFIG, ns=(about.st_atime_ns, about.st_mtime_ns))


def rename_with_times_restored() -> None:
    about = CONFIG.stat()
    new = CONFIG.with_name('new')
    new.write_text('min_uid = 2\n')
    os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))
    new.rename(CONFIG)


def reused_inode() -> None:
    """A file system may give the same number to the file that is made next: as tmpfs, by hand, in the plan."""
    about = CONFIG.stat()
    rename_with_times_restored()
    text = PLAN.read_text()
    line = next(line for line in text.splitlines() if line.startswith(f'depends {CONFIG} '))
    fields = line.split()
    fields[3] = str(CONFIG.stat().st_ino)
    assert fields[4] == str(CONFIG.stat().st_size) and fields[5] == str(about.st_mtime_ns)
    PLAN.write_text(text.replace(line, ' '.join(fields)))


def drop_in() -> None:
    folder = Path('/etc/security/pam_mktemp.d')
    folder.mkdir()
    (folder / '10.toml').write_text('min_uid = 2\n')


def empty_drop_in_folder() -> None:
    Path('/etc/security/pam_mktemp.d').mkdir()


def a_link_instead() -> None:
    CONFIG.rename(CONFIG.with_name('moved'))
    CONFIG.symlink_to('moved')


CHANGES: dict[str, Callable[[], object]] = {
    'an edit': lambda: CONFIG.write_text('min_uid = 2\n'),
    'an edit with the mtime restored': edit_with_times_restored,
    'a rename': rename_with_times_restored,
    'a reused inode number': reused_inode,
    'a touch': CONFIG.touch,
    'a chmod': lambda: CONFIG.chmod(0o666),
    'removed': CONFIG.unlink,
    'a link': a_link_instead,
    'a drop-in': drop_in,
    'a drop-in folder': empty_drop_in_folder,
}


@pytest.mark.parametrize('case', CHANGES)
def test_a_changed_configuration(host: Host, case: str) -> None:
    settled(host)
    CHANGES[case]()
    try:
        assert asks(host)
    finally:
        CONFIG.with_name('moved').unlink(missing_ok=True)


@pytest.mark.parametrize('field', range(2, 7))
def test_each_field_counts(host: Host, field: int) -> None:
    """Device, inode, size, mtime and ctime: any one of them that differs."""
    settled(host)
    text = PLAN.read_text()
    line = next(line for line in text.splitlines() if line.startswith(f'depends {CONFIG} '))
    fields = line.split()
    fields[field] = str(int(fields[field]) + 1)
    PLAN.write_text(text.replace(line, ' '.join(fields)))
    assert asks(host)


def test_each_change_of_the_drop_ins(host: Host) -> None:
    folder = Path('/etc/security/pam_mktemp.d')
    folder.mkdir()
    one = folder / '10-a.toml'
    one.write_text('min_uid = 3\n')
    settled(host)
    about = one.stat()
    one.write_text('min_uid = 4\n')
    os.utime(one, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert asks(host)
    time.sleep(2.1)
    host.session()  # for an hour now
    time.sleep(2.1)
    assert not asks(host)
    (folder / '20-b.toml').write_text('')
    assert asks(host)


def test_what_changed_takes_effect(host: Host) -> None:
    """Within the 2 s in which a second change could look like the first, too."""
    settled(host)
    for name in ('ONE', 'TWO', 'THREE', 'FOUR'):
        CONFIG.write_text(f'[directories.tmp]\nvariables = ["{name:>5}"]\n'.replace(' ', ''))
        assert host.session().env == {name: '/tmp/.private/alice/tmp'}
    CONFIG.write_text('stage = "off"\n')
    assert host.session().env == {}


def test_a_reboot(host: Host) -> None:
    """A plan can outlive it where /run is kept; the clock of `expires` has begun anew then."""
    settled(host)
    other = Path('/var/tmp/boot_id')
    other.write_text('11111111-2222-3333-4444-555555555555\n')
    subprocess.run(['mount', '--bind', other, BOOT_ID], check=True)
    try:
        assert asks(host)
        assert host.session().env == PRIVATE
        expire(3600)
        assert 'boot 11111111-2222-3333-4444-555555555555\n' in PLAN.read_text()
        assert not asks(host)
    finally:
        subprocess.run(['umount', BOOT_ID], check=True)
    assert asks(host)


def test_an_hour(host: Host) -> None:
    settled(host)
    expire(0.5)
    assert not asks(host)
    time.sleep(0.6)
    assert asks(host)


@pytest.mark.parametrize('change', [['-u', '2150'], ['-g', '0'], ['-l', 'alicia']], ids=' '.join)
def test_another_uid_gid_or_name(host: Host, alice: Any, change: list[str]) -> None:
    settled(host)
    subprocess.run(['usermod', *change, 'alice'], check=True, capture_output=True)
    if change[0] == '-l':
        done = host('start wit alice', 'open', 'env', 'close', 'end').fine()
        assert done.env == {}
        subprocess.run(['usermod', '-l', 'alice', 'alicia'], check=True)
        return
    try:
        assert asks(host)
        assert PRIVATE == host.session().env
        expire(3600)
        assert not asks(host)
    finally:
        subprocess.run(['usermod', '-u', '2101', '-g', 'alice', 'alice'], check=True, capture_output=True)


@pytest.mark.parametrize('change', [['usermod', '-u', '2150', 'alice'], ['usermod', '-g', '0', 'alice']],
                         ids=lambda change: change[1])
def test_a_plan_that_knew_the_account(host: Host, change: list[str]) -> None:
    """With passwd unchanged nobody is looked up at all: any change of it must be seen."""
    time.sleep(2.1)  # else the plan does not say so
    settled(host)
    assert '\nlookup /etc/passwd ' in PLAN.read_text()
    subprocess.run(change, check=True, capture_output=True)
    try:
        assert asks(host)
        assert host.session().env == PRIVATE
        assert f'account alice {" ".join(Path("/etc/passwd").read_text().split("alice:x:")[1].split(":")[:2])}\n' \
            in PLAN.read_text()
    finally:
        subprocess.run(['usermod', '-u', '2101', '-g', 'alice', 'alice'], check=True, capture_output=True)


def test_the_name_given_to_another(host: Host, account: Callable[..., Any]) -> None:
    """userdel and useradd: neither the old plan nor the old directory is the new account's."""
    settled(host)
    old = os.stat('/tmp/.private/alice').st_ino
    subprocess.run(['userdel', 'alice'], check=True, capture_output=True)
    account('alice', uid=2160, home=False)
    assert host.session().env['TMPDIR'].startswith('/tmp/.private/')
    assert os.stat('/tmp/.private/alice').st_ino != old


@pytest.mark.parametrize('change', [['chsh', '-s', '/bin/bash', 'alice'], ['usermod', '-c', 'Alice', 'alice'],
                                    ['useradd', '-M', 'somebody'], ['passwd', '-d', 'alice'],
                                    ['groupadd', 'somegroup']], ids=lambda change: change[0])
def test_what_stales_no_plan(host: Host, change: list[str], account: Callable[..., Any]) -> None:
    settled(host)
    subprocess.run(change, check=True, capture_output=True)
    try:
        for _ in range(2):
            assert not asks(host)
            assert host.session().env == PRIVATE
    finally:
        subprocess.run(['userdel', 'somebody'], capture_output=True)
        subprocess.run(['groupdel', 'somegroup'], capture_output=True)
