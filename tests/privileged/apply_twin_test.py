"""The C side and its twin judge the same directory alike, whatever was done to it after the plan."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import twin

TOP = Path(__file__).resolve().parents[2]
PLAN = Path('/run/pam-mktemp/plans/alice:su')
OUTER = Path('/tmp/.private/alice')
PRIVATE = OUTER.parent
VARIABLES = dict.fromkeys(['TMPDIR', 'TMP', 'TEMP', 'TEMPDIR'], f'{OUTER}/tmp')


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


def movable() -> None:
    run('chattr', '-a', PRIVATE)


def replaced_by(make: Callable[[Path], object], path: Path) -> Callable[[], None]:
    def do() -> None:
        movable()
        path.rename('/tmp/away')
        make(path)
    return do


def another(path: Path) -> None:
    """A directory that looks the same to ls: another inode, all else copied."""
    run('cp', '-a', '/tmp/away', path)


def base_is_a_link() -> None:
    Path('/tmp/real').mkdir()
    text = PLAN.read_text().replace('base /tmp', 'base /tmp/link/..')
    Path('/tmp/link').symlink_to('/tmp/real')
    PLAN.write_text(text)


DAMAGE: dict[str, Callable[[], object]] = {
    'nothing': lambda: None,
    'content': lambda: (OUTER / 'tmp/x').write_text('x'),
    'times': lambda: os.utime(OUTER, (1, 1)),
    'outer mode': lambda: os.chmod(OUTER, 0o711),
    'outer open': lambda: os.chmod(OUTER, 0o777),
    'outer setgid': lambda: os.chmod(OUTER, 0o2710),
    'outer owner': lambda: os.chown(OUTER, 2101, 0),
    'outer group': lambda: os.chown(OUTER, 0, 2101),
    'outer acl gone': lambda: run('setfacl', '-b', OUTER),
    'outer acl for bob': lambda: run('setfacl', '-m', 'u:2102:--x', OUTER),
    'outer acl wider': lambda: run('setfacl', '-m', 'u:2101:rwx', OUTER),
    'stamp gone': lambda: os.removexattr(OUTER, 'trusted.pam_mktemp'),
    'stamp other': lambda: os.setxattr(OUTER, 'trusted.pam_mktemp', b'1 2101 alice 1'),
    'stamp longer': lambda: os.setxattr(
        OUTER, 'trusted.pam_mktemp', os.getxattr(OUTER, 'trusted.pam_mktemp') + b'0'),
    'leaf mode': lambda: os.chmod(OUTER / 'tmp', 0o777),
    'leaf owner': lambda: os.chown(OUTER / 'tmp', 2101, 0),
    'leaf gone': lambda: (OUTER / 'tmp').rmdir(),
    'leaf a link': replaced_by(lambda path: path.symlink_to('/tmp/away'), OUTER / 'tmp'),
    'leaf a file': replaced_by(lambda path: path.write_text(''), OUTER / 'tmp'),
    'leaf another': replaced_by(another, OUTER / 'tmp'),
    'outer gone': replaced_by(lambda path: None, OUTER),
    'outer a link': replaced_by(lambda path: path.symlink_to('/tmp/away'), OUTER),
    'outer a fifo': replaced_by(os.mkfifo, OUTER),
    'outer another': replaced_by(another, OUTER),
    'parent a link': replaced_by(lambda path: path.symlink_to('/tmp/away'), PRIVATE),
    'parent another': replaced_by(another, PRIVATE),
    'parent open': lambda: (movable(), os.chmod(PRIVATE, 0o777)),
    'parent owner': lambda: (movable(), os.chown(PRIVATE, 2102, 0)),
    'tmp not sticky': lambda: os.chmod('/tmp', 0o777),
    'tmp closed': lambda: os.chmod('/tmp', 0o755),
    'tmp group-writable': lambda: os.chmod('/tmp', 0o775),
    'tmp owner': lambda: os.chown('/tmp', 2102, 0),
    'base a link': base_is_a_link,
}
SAFE = {'nothing', 'content', 'times', 'tmp closed'}


@pytest.fixture(scope='module')
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp('apply') / 'plan_apply'
    sources = [TOP / 'tests/programs/plan_apply.c', *(TOP / 'shims/plan').glob('*.c')]
    run('gcc', '-std=gnu11', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-o', program, *sources)
    return program


@pytest.fixture(params=DAMAGE)
def damage(request: pytest.FixtureRequest, fresh_state: None, account: Callable[..., Any]) -> str:
    """The plan of an account whose directory was then changed by root, or by an attacker who could."""
    account('alice', uid=2101)
    account('bob', uid=2102)
    run('/usr/bin/python3', '-I', '-S', '-B', '/usr/lib/pam-mktemp/__main__.py', 'alice', 'su',
        '/etc/security/pam_mktemp.toml')
    DAMAGE[request.param]()
    return str(request.param)


def judged(witness: Path) -> dict[str, str] | None:
    lines = subprocess.run([witness, PLAN], check=True, capture_output=True, text=True).stdout.splitlines()
    assert not lines[0].startswith('refused'), lines
    if lines[0] != 'safe':
        return None
    return dict(line.split('=', 1) for line in lines[1:-1])


def test_both_judge_alike(damage: str, witness: Path) -> None:
    wanted = VARIABLES if damage in SAFE else None
    assert twin.apply(twin.parse(PLAN.read_bytes())) == wanted
    assert judged(witness) == wanted


def test_a_directory_for_each_variable(
    fresh_state: None, account: Callable[..., Any], witness: Path,
) -> None:
    config = Path('/run/two.toml')
    config.write_text('[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n')
    account('alice', uid=2101)
    run('/usr/bin/python3', '-I', '-S', '-B', '/usr/lib/pam-mktemp/__main__.py', 'alice', 'su', config)
    wanted = VARIABLES | {'XDG_CACHE_HOME': f'{OUTER}/cache'}
    assert twin.apply(twin.parse(PLAN.read_bytes())) == judged(witness) == wanted
    shutil.rmtree(OUTER / 'cache')
    assert twin.apply(twin.parse(PLAN.read_bytes())) is judged(witness) is None
