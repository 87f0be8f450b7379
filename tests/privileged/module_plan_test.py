"""A plan that is not root's own, whole and for this login is nothing: the planner is asked, nothing exported from it.

Every wrong plan here names a directory that must not be exported; the planner, when asked, makes a good one.
"""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.pam_host import VARIABLES, Host, planner

PRIVATE = dict.fromkeys(VARIABLES, '/tmp/.private/alice/tmp')
PLAN = Path('/run/pam-mktemp/plans/alice:wit')

pytestmark = pytest.mark.usefixtures('alice', 'bob')


def edit(old: str, new: str) -> Callable[[], None]:
    """Replaces the text, and all values that a session would get."""
    def change() -> None:
        text = PLAN.read_text()
        assert old in text
        PLAN.write_text(text.replace(old, new, 1))
    return change


def line(start: str, new: str) -> Callable[[], None]:
    """Another line for the one that starts so."""
    def change() -> None:
        lines = PLAN.read_text().splitlines()
        assert [text for text in lines if text.startswith(start)]
        PLAN.write_text('\n'.join(new if text.startswith(start) else text for text in lines) + '\n')
    return change


def elsewhere(make: Callable[[Path], object]) -> Callable[[], None]:
    """Something else in the plan's place; the plan itself is good, and beside it."""
    def change() -> None:
        good = PLAN.with_name('good')
        PLAN.rename(good)
        make(PLAN)
    return change


def linked(path: Path) -> None:
    path.symlink_to(path.with_name('good'))


def evil_key(path: Path) -> None:
    path.write_text(path.with_name('good').read_text().replace('alice', 'bob'))


WRONG: dict[str, Callable[[], object]] = {
    'another owner': lambda: os.chown(PLAN, 2101, 0),
    'writable by its group': lambda: PLAN.chmod(0o620),
    'writable by all': lambda: PLAN.chmod(0o602),
    'a symlink': elsewhere(linked),
    'a dangling symlink': elsewhere(lambda path: path.symlink_to('/nowhere')),
    'a FIFO': elsewhere(os.mkfifo),
    'a directory': elsewhere(Path.mkdir),
    'a device': elsewhere(lambda path: os.mknod(path, 0o20600, os.makedev(1, 5))),
    'empty': lambda: PLAN.write_text(''),
    'too large': lambda: PLAN.write_text(PLAN.read_text() + '#' * 20000),
    'truncated': lambda: os.truncate(PLAN, PLAN.stat().st_size - 10),
    'without its last byte': lambda: os.truncate(PLAN, PLAN.stat().st_size - 1),
    'with more behind the end': edit('\nend\n', '\nend\n\n'),
    'with NUL': edit('stage env', 'stage env\0'),
    'an unknown line': edit('stage env', 'mount /etc\nstage env'),
    'an unknown stage': edit('stage env', 'stage all'),
    'another version': edit('pam-mktemp-plan 3', 'pam-mktemp-plan 4'),
    'another account': line('account ', 'account bob 2102 2102'),
    'another uid': line('account ', 'account alice 2102 2101'),
    'another gid': line('account ', 'account alice 2101 2102'),
    'another service': line('service ', 'service sshd'),
    'another configuration': line('config ', 'config /etc/other.toml'),
    'another boot': line('boot ', 'boot 00000000-0000-0000-0000-000000000000'),
    'a field too many': edit('stage env', 'stage env env'),
    'expired': line('expires ', 'expires 1'),
    'a wrong inode': line('dir alice ', 'dir alice 1 1 0 0 0710'),
    'a wrong stamp': line('stamp ', 'stamp 1'),
    'a wrong ACL': line('acl ', 'acl 00'),
    'no ACL': line('acl ', 'acl -'),
    'no directory': edit('\ndir .private ', '\nxir .private '),
    'dots as a name': line('dir alice ', 'dir .. 1 1 0 0 0710'),
    'a path as a name': line('dir alice ', 'dir a/b 1 1 0 0 0710'),
    'an unsafe base': edit('base /tmp', 'base /home/alice'),
    'another account\'s plan': elsewhere(evil_key),
}


@pytest.mark.parametrize('case', WRONG)
def test_a_wrong_plan_is_not_used(any_host: Host, case: str) -> None:
    any_host.session()
    evil = line('setenv TMPDIR', 'setenv TMPDIR /evil')
    evil()
    assert any_host.session().env['TMPDIR'] == '/evil'  # as long as the plan is good it is what counts
    WRONG[case]()
    asked = Path('/run/asked')
    asked.unlink(missing_ok=True)
    with planner('open("/run/asked", "a").write("x"); raise SystemExit(1)'):
        done = any_host('start wit alice', 'open', 'env', 'close', 'end', timeout=10).fine()
    assert asked.read_text() == 'x'
    asked.unlink()
    # What only is out of date may still serve when the planner fails; all else never does.
    out_of_date = case in ('expired', 'another boot')
    assert done.results() == [0]
    assert done.env == (PRIVATE | {'TMPDIR': '/evil'} if out_of_date else {})


@pytest.mark.parametrize('case', [case for case in WRONG if case != 'a directory'])
def test_the_planner_replaces_it(host: Host, case: str) -> None:
    host.session()
    WRONG[case]()
    assert host.session().env == PRIVATE


def test_a_directory_in_its_place_is_reported(host: Host, syslog) -> None:
    host.session()
    WRONG['a directory']()
    assert host.session().env == {}
    syslog.wait_for(r'\[failed-open\]')
    syslog.wait_for(r'\[planner-failed\]')


def test_a_fresh_plan_starts_nothing(any_host: Host) -> None:
    any_host.session()
    trace = Path('/var/tmp/trace')
    done = any_host('start wit alice', 'open', 'env', 'close', 'end', env={'ASAN_OPTIONS': 'detect_leaks=0'},
                    before=('strace', '-f', '-o', str(trace), '-e', 'trace=process')).fine()
    assert done.env == PRIVATE
    assert 'clone' not in trace.read_text() and trace.read_text().count('exec') == 1


def test_each_service_has_its_own(host: Host) -> None:
    host.service(name='other')
    host.session()
    assert host.session(service='other').env == PRIVATE
    assert {plan.name for plan in PLAN.parent.iterdir()} == {'alice:wit', 'alice:other'}
