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
        'failure': draw(st.sampled_from(['open', 'closed'])),
    }
    if draw(st.booleans()):
        return plan.Plan(stage='off', **common)
    return plan.Plan(
        stage='env', form=draw(st.sampled_from(['acl', 'group', 'owner'])), base=draw(path),
        directories=draw(directories), stamp=draw(text),
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
@given(made=plans())
def test_what_is_written_is_read_back_unchanged(made: plan.Plan, reader: Reader) -> None:
    data = plan.encode(made)
    assert reader.read(data) == data
    read = twin.parse(data)
    assert read['account'][0][0].decode() == made.name
    assert [tuple(v.decode() for v in values) for values in read.get('setenv', [])] == made.environment


PARTS = [b'%', b'%00', b'%41', b'%0a', b'%0A', b' ', b'\n', b'\r', b'\0', b'-', b'/', b'..', b'0', b'00', b'absent',
         b'18446744073709551616', b'4294967295', b'end\n', b'setenv A b\n', b'depends /x absent\n',
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
@given(made=plans(), seed=st.integers(0, 2 ** 32))
def test_reader_and_twin_refuse_the_same(made: plan.Plan, seed: int, reader: Reader) -> None:
    choice = random.Random(seed)
    for _ in range(5):
        data = mutated(plan.encode(made), choice)
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


@pytest.mark.parametrize('changes', [
    {'reason': ''}, {'reason': 'a\0b'}, {'reason': 'x' * 1025}, {'depends': [('/x', None)] * 33},
    {'lookups': [('/x', None)] * 3}, {'directories': [('a', 1, 1, 1, 1, 1)] * 2},
    {'directories': [('a', 1, 1, 1, 1, 1)] * 11},
    {'environment': [('A=B', 'x')]}, {'environment': [('', 'x')]}, {'environment': [('1A', 'x')]},
    {'environment': [('A' * 1025, 'x')]},
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
