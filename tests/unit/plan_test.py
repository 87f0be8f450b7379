"""The plan's format: the writer, the C reader and the twin agree on every text."""
from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from pam_mktemp_py import plan
from tests import twin

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ['-std=gnu11', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

text = st.text(st.characters(blacklist_characters='\0', blacklist_categories=('Cs',)), min_size=1, max_size=60)
path = text.map(lambda t: '/' + t)
u64 = st.integers(0, 2 ** 64 - 1)
id_ = st.integers(0, 2 ** 32 - 2)
name = text.filter(lambda t: '/' not in t and t not in ('.', '..'))
view = st.sampled_from(['keep', 'host']) | st.from_regex('[0-9a-z-][0-9a-z.-]{0,63}', fullmatch=True)
mount = st.tuples(st.just('tmpfs') | path, u64, u64, path, u64)
version = st.sampled_from([2, 3])
variable = st.from_regex(r'[A-Za-z_][A-Za-z0-9_]{0,20}', fullmatch=True)
depends = st.tuples(path, st.none() | st.tuples(u64, u64, u64, u64, u64))
directories = st.lists(
    st.tuples(name, u64, u64, id_, id_, st.integers(0, 0o7777)), min_size=3, max_size=10,
)


@st.composite
def plans(draw: st.DrawFn) -> plan.Plan:
    common = {
        'config': draw(path), 'boot': draw(text), 'expires_ns': draw(u64),
        'depends': draw(st.lists(depends, max_size=6)), 'lookups': draw(st.lists(depends, max_size=2)),
        'name': draw(text), 'uid': draw(id_),
        'gid': draw(id_), 'service': draw(text), 'reason': draw(text),
        'failure': draw(st.sampled_from(['open', 'closed'])), 'view': draw(view),
    }
    if draw(st.booleans()):
        return plan.Plan(stage='off', **common)
    stage = draw(st.sampled_from(['env', 'shim', 'bind']))
    return plan.Plan(
        stage=stage, form=draw(st.sampled_from(['acl', 'group', 'owner'])), base=draw(path),
        directories=draw(directories), stamp=draw(text),
        mounts=draw(st.lists(mount, max_size=24)) if stage == 'bind' else [],
        acl=draw(st.none() | st.binary(min_size=1, max_size=256)),
        environment=draw(st.lists(st.tuples(variable, text), max_size=6)), **common,
    )


class Reader:
    """The C reader behind a pipe (tests/programs/plan_read.c), built with ASan and UBSan."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, data: bytes) -> bytes | None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(struct.pack('<I', len(data)) + data)
        self.process.stdin.flush()
        word, _, rest = self.process.stdout.readline().partition(b' ')
        if word == b'refused':
            return None
        assert word == b'plan'
        return self.process.stdout.read(int(rest))


@pytest.fixture(scope='module')
def reader(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    program = tmp_path_factory.mktemp('plan') / 'plan_read'
    sources = [ROOT / 'tests/programs/plan_read.c', ROOT / 'shims/plan/parse.c']
    subprocess.run(['gcc', *FLAGS, '-o', program, *sources], check=True)
    reader = Reader(program)
    yield reader
    reader.process.communicate()
    assert reader.process.returncode == 0


def twin_reads(data: bytes) -> bool:
    try:
        twin.parse(data)
    except twin.Refused:
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(made=plans(), version=version)
def test_what_is_written_is_read_back_unchanged(made: plan.Plan, version: int, reader: Reader) -> None:
    data = plan.encode(made, version)
    assert reader.read(data) == data
    read = twin.parse(data)
    assert read['account'][0][0].decode() == made.name
    assert [tuple(v.decode() for v in values) for values in read.get('setenv', [])] == made.environment
    mounts = [(v[0].decode(), int(v[1]), int(v[2]), v[3].decode(), int(v[4])) for v in read.get('mount', [])]
    assert mounts == made.mounts
    assert read['stage'][0][0].decode() == (made.stage if version > 2 or made.stage != 'shim' else 'env')


PARTS = [b'%', b'%00', b'%41', b'%0a', b'%0A', b' ', b'\n', b'\r', b'\0', b'-', b'/', b'..', b'0', b'00', b'absent',
         b'18446744073709551616', b'4294967295', b'end\n', b'setenv A b\n', b'depends /x absent\n',
         b'view keep\n', b'mount tmpfs 0 0 /x 0\n', b'tmpfs', b'host', b'bind', b'shim',
         b'\xff', b'x' * 1025]


def mutated(data: bytes, choice: random.Random) -> bytes:
    for _ in range(choice.randint(1, 3)):
        at = choice.randrange(len(data) + 1)
        kind = choice.randrange(6)
        lines = data.splitlines(keepends=True)
        if kind == 0:
            data = data[:at] + choice.choice(PARTS) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + choice.randint(1, 9):]
        elif kind == 2 and data:
            data = data[:at] + bytes([choice.randrange(256)]) + data[at + 1:]
        elif kind == 3 and len(lines) > 1:
            i, j = choice.randrange(len(lines)), choice.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            data = b''.join(lines)
        elif kind == 4 and lines:
            data = b''.join(lines + [choice.choice(lines)] * choice.randint(1, 40))
        else:
            fields = data.split(b' ')
            fields[choice.randrange(len(fields))] = choice.choice(PARTS)
            data = b' '.join(fields)
    return data


@settings(max_examples=100, deadline=None)
@given(made=plans(), version=version, seed=st.integers(0, 2 ** 32))
def test_reader_and_twin_refuse_the_same(made: plan.Plan, version: int, seed: int, reader: Reader) -> None:
    choice = random.Random(seed)
    for _ in range(5):
        data = mutated(plan.encode(made, version), choice)
        read = reader.read(data)
        assert (read is not None) == twin_reads(data), data
        assert read in (None, data)  # one spelling only


def a_plan(**changes: object) -> plan.Plan:
    fields: dict[str, object] = {
        'config': '/etc/c', 'boot': 'b', 'expires_ns': 1, 'depends': [('/etc/c', None)], 'name': 'alice',
        'uid': 1, 'gid': 1, 'service': 'su', 'stage': 'env', 'reason': 'a reason', 'failure': 'open',
        'form': 'acl', 'base': '/tmp', 'directories': [('.private', 1, 2, 0, 0, 0o711)] * 3,
    }
    return plan.Plan(**{**fields, **changes})  # type: ignore[arg-type]


def a_bind_plan(version: int = 3) -> bytes:
    mounts = [('/a', 1, 2, '/b', 6), ('tmpfs', 0, 0, '/c', 0)]
    return plan.encode(a_plan(stage='bind', view='1.ab', mounts=mounts), version)


WRONG_MOUNTS = [
    (b'plan 3', b'plan 1'), (b'plan 3', b'plan 4'), (b'plan 3', b'plan 03'), (b'plan 3', b'plan 23'),
    (b'stage bind', b'stage env'), (b'stage bind', b'stage shim'),
    (b'stage bind', b'stage off'), (b'view 1.ab\n', b''), (b'view 1.ab', b'view ..'), (b'view 1.ab', b'view .1'),
    (b'view 1.ab', b'view 1/ab'), (b'view 1.ab', b'view 1%2Fab'), (b'view 1.ab', b'view 1.AB'),
    (b'view 1.ab', b'view ' + b'1' * 65), (b'view 1.ab\n', b'view 1.ab\nview 1.ab\n'), (b'tmpfs', b'ramfs'),
    (b' /b 6', b' b 6'), (b' /b 6', b' /b'), (b' /b 6', b' /b 6 6'), (b' /b 6', b' /b 06'), (b' /b 6', b' /b ro'),
    (b'mount /a', b'mount a'), (b'mount /a 1 2', b'mount /a absent'),
    (b' /c 0\n', b' /c 0\n' + b'mount /a 1 2 /b 6\n' * 23),
    (b'/b 6', b'/b 18446744073709551616'), (b' 1 1\n', b' 1 4294967295\n'), (b'boot b\n', b'boot b '),
    (b'depends /etc/c absent', b'depends /etc/c absent 1'), (b'depends /etc/c absent', b'depends /etc/c 1'),
    (b'depends /etc/c absent', b'depends /etc/c 1 2 3 4 absent'), (b'depends /etc/c absent', b'depends /etc/c'),
]


@pytest.mark.parametrize(('old', 'new'), WRONG_MOUNTS)
def test_wrong_mounts(old: bytes, new: bytes, reader: Reader) -> None:
    good = a_bind_plan()
    assert reader.read(good) == good and twin_reads(good) and old in good
    wrong = good.replace(old, new)
    assert reader.read(wrong) is None and not twin_reads(wrong)


def test_an_older_module_gets_the_same_under_another_name(reader: Reader) -> None:
    made = a_plan(stage='shim', environment=[('TMUX_TMPDIR', '/x'), ('PATH', '/a:/b')])
    data = plan.encode(made, 2)
    assert data == plan.encode(made).replace(b'plan 3', b'plan 2').replace(b'stage shim', b'stage env').replace(
        b'setenv PATH /a:/b\n', b'')  # it would take the place of the PATH that PAM has
    assert reader.read(data) == data and twin_reads(data)
    wrong = data.replace(b'stage env', b'stage shim')
    assert reader.read(wrong) is None and not twin_reads(wrong) and wrong != data
    assert a_bind_plan(2) == a_bind_plan().replace(b'plan 3', b'plan 2')


@pytest.mark.parametrize('changes', [
    {'reason': ''}, {'reason': 'a\0b'}, {'reason': 'x' * 1025}, {'depends': [('/x', None)] * 33},
    {'lookups': [('/x', None)] * 3}, {'directories': [('a', 1, 1, 1, 1, 1)] * 2},
    {'directories': [('a', 1, 1, 1, 1, 1)] * 11},
    {'environment': [('A=B', 'x')]}, {'environment': [('', 'x')]}, {'environment': [('1A', 'x')]},
    {'environment': [('A' * 1025, 'x')]},
    {'view': ''}, {'view': '..'}, {'view': 'a/b'}, {'view': 'A'}, {'view': 'x' * 65},
    {'stage': 'bind', 'mounts': [('tmpfs', 0, 0, '/x', 0)] * 25}, {'mounts': [('tmpfs', 0, 0, '/x', 0)]},
    {'environment': [('A', 'x')] * 33}, {'environment': [('A', 'é' * 400)] * 20},
])
def test_what_no_reader_takes_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(plan.PlanError):
        plan.encode(a_plan(**changes))


@given(text, text)
def test_a_key_names_one_account_and_service(user: str, service: str) -> None:
    try:
        key = plan.key(user, service)
    except plan.PlanError:
        return
    assert '/' not in key and not key.startswith('.') and key.isascii()
    assert plan.unkey(key) == (user, service)


@pytest.mark.parametrize('name', ['', 'a', 'a:b:c', ':b', 'a:', '%2:a', '%2e:a', '.a:b', '%41:b', 'a/b:c', '.123'])
def test_a_file_that_no_key_names_is_refused(name: str) -> None:
    with pytest.raises(plan.PlanError):
        plan.unkey(name)
