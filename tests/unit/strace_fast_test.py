"""Lines that are passed over: none that matters is among them, and each is well-formed."""
from __future__ import annotations

from pathlib import Path

import pytest

from pam_mktemp_py.strace import fast
from pam_mktemp_py.strace.acts import Watch
from pam_mktemp_py.strace.lexer import call, prefix
from pam_mktemp_py.strace.reader import JUDGED, Reader

DATA = Path(__file__).parents[1] / "data" / "strace"
LOGS = sorted(DATA.glob("*/*.strace"))
WATCH = ("/tmp", "/var/tmp", "/dev/shm")
FILL = [b'7 access("/etc/passwd", R_OK) = 0'] * (JUDGED + 1)
HERE = b'7 openat(AT_FDCWD</home/u>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>'


class Nobody(dict[str | None, str]):
    """Knows of no pid: with it, every line goes the long way."""

    def get(self, key: object, default: object = None) -> None:  # type: ignore[override]
        return None


def told(log: bytes, watch: tuple[str, ...], long: bool) -> tuple[list[object], Reader, int]:
    """All that is read of a log, and how many lines went the long way."""
    reader = Reader(watch=watch)
    if long:
        reader._known.cwd = Nobody()
    went = []
    whole = reader._event
    reader._event = lambda text, number: (went.append(number), whole(text, number))[1]  # type: ignore[method-assign]
    events: list[object] = [(event.process.pid, event.process.program, *event[1:]) for event in reader.events([log])]
    return [*events, reader.unread, reader.unresolved, reader.lines, reader.pids], reader, len(went)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("watch", [("/tmp/w",), ("/tmp/w/d", "/nowhere/e\u00e9\"x"), ("/",)])
def test_both_ways_lead_to_the_same(path: Path, watch: tuple[str, ...]) -> None:
    log = b"\n".join(FILL) + b"\n" + path.read_bytes()
    assert told(log, watch, False)[0] == told(log, watch, True)[0]


PASSED = [
    HERE,
    b'7 newfstatat(AT_FDCWD</home/u>, "x", {st_mode=S_IFREG|0644, st_size=5, ...}, 0) = 0',
    b'7 openat(3</home>, "a\\"b\\303\\251", O_RDONLY) = -1 ENOENT (No such file or directory)',
    b'7 unlink("base/5") = 0',
    b'7 readlink("/etc/x", "y", 9) = 1 <0.000010>',
    b'7 getcwd("/home/u", 9) = 8',
    b'7 read(3</etc/passwd>, "root:x:0\\n"..., 4096) = 100',
    b"7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3</etc/passwd>, 0) = 0x7f00",
    b"7 --- SIGCHLD {si_signo=SIGCHLD, si_pid=8} ---",
    b"7 12:34:56.123 close(3) = 0 <0.000010>",
    b"7 poll([{fd=3, events=POLLIN}], 1, 5) = 0 (Timeout)",
]


@pytest.mark.parametrize("line", PASSED)
def test_passed_over(line: bytes) -> None:
    *_, reader, went = told(b"\n".join([*FILL, HERE, line, line]) + b"\n", WATCH, False)
    assert went == JUDGED + 1  # the fill is passed over too, and HERE tells where the pid stands
    assert reader.unread == []
    text = line.decode("latin-1")
    at = prefix(text)[1]
    if text[at] != "-":
        call(text, at)


@pytest.mark.parametrize("line", [
    b'7 openat(AT_FDCWD</home/u>, "/tmp/a", O_RDONLY) = 3</tmp/a>',
    b'7 openat(AT_FDCWD</home/v>, "a", O_RDONLY) = 3</home/v/a>',
    b'7 openat(AT_FDCWD</home/u>, "\\x2f\\x74", O_RDONLY) = 3</home/u/a>',
    b'7 chdir("/home") = 0',
    b'7 access("/etc/suid-debug", F_OK) = -1 ENOENT (No such file or directory)',
    b'7 openat(5, "a", O_RDONLY) = 3',
    b'8 openat(AT_FDCWD</home/u>, "a", O_RDONLY) = 3</home/u/a>',
    b'7 unlink("a',
    b'7 unlink("a") = ',
    b'7 unlink("a") = 0 x',
    b'7 unlink("a", "b) = 0',
    b"7 read(3, {) = 0 }",
    b'7 openat(AT_FDCWD</home/u>, "a", O_RDONLY <unfinished ...>',
    b"7 +++ exited with 0 +++",
    b"hello",
])
def test_not_passed_over(line: bytes) -> None:
    assert told(b"\n".join([*FILL, HERE, line]) + b"\n", WATCH, False)[2] == JUDGED + 2


def test_relative_names_below_a_watched_directory_are_not_passed_over() -> None:
    lines = [*FILL, b'7 chdir("/tmp") = 0', b'7 unlink("a") = 0', b'7 access("b", R_OK) = 0']
    assert told(b"\n".join(lines) + b"\n", WATCH, False)[2] == JUDGED + 3


@pytest.mark.parametrize(("watch", "found"), [
    (("/tmp", "/var/tmp", "/tmp/.private/u1"), ("tmp",)),
    (("/tmp/", "/dev/shm"), ("shm", "tmp")),
    (("/",), ("",)),
    (('/a/x"y<long>',), ("long",)),
    (("/\xc3\xa9",), ("",)),
])
def test_what_is_looked_for(watch: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert fast.needles(Watch(watch)) == found
