"""Logs as they should not be: broken, mixed up and made up, from real lines of strace and from recorded logs."""
from __future__ import annotations

import os
import posixpath
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pam_mktemp_py.strace import events as acts
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.reader import NotStrace, Reader

DATA = Path(__file__).parents[1] / "data" / "strace"
LINES = (DATA / "lines.txt").read_bytes().splitlines()
RECORDED = [path.read_bytes() for path in sorted(DATA.glob("*/*.strace"))]
WATCH = ("/tmp", "/var/tmp", "/dev/shm", "/tmp/.private/u1/tmp")
ACTS = {value for name, value in vars(acts).items() if name.isupper() and isinstance(value, str)}
SPICE = [
    b'"', b"\\", b"'", b"<", b">", b"(", b")", b"{", b"}", b"[", b"]", b",", b", ", b"=", b" = ", b") = 0", b"...",
    b"=>", b"|", b"/", b" <unfinished ...>", b"<... openat resumed>", b"<... ", b" resumed>",
    b"+++ exited with 0 +++", b"--- SIGCHLD {", b"+++", b" ", b"+++ superseded by execve in pid 7 +++",
    b"<pid changed to 7 ...>", b"<detached ...>", b"= ?", b"= -1 (errno 999)", b"\x00", b"\r", b"\x1b[31m", b"\x1b[",
    b"\xff", b"[pid 12] ", b"12 ", b"99999999999999999999 ", b"-1", b"0x", b"AT_FDCWD", b"AT_FDCWD</tmp>",
    b"/* 3 vars */", b"NULL", b'@"', b"{sa_family=AF_UNIX, sun_path=", b"/tmp/x", b'"..', b'"...', b"\\76", b"\\x",
    b"\\9", b"(deleted)", b" (INJECTED)", b" <0.000163>", b"12:00:00.000001 ", b"syscall_0x270f(",
    b"restart_syscall(<... resuming interrupted read ...>", b"clone(child_stack=NULL, flags=CLONE_VM|CLONE_FS) = 7",
    b'chdir("/tmp") = 0', b"fchdir(3</tmp>) = 0", b'chroot("/tmp") = 0', b"pathname=", b"dirfd=",
    b" > libc.so(x) [0x1]", b"\n", b"<a> ", b"[  83] ", b"[????????????????] ", b"(+     0.001276) ",
]
RUBBISH = (b"@@@ rubbish", b"?", b"a b c d", b"20 openat", b"\xff\xfe")
NUMBER = re.compile(rb"\d+")


def mutate(log: list[bytes], dice: random.Random) -> list[bytes]:
    """One change of a log, of whatever kind."""
    at = dice.randrange(len(log))
    line = log[at]
    cut = dice.randint(0, len(line))
    other = dice.choice(log)
    kind = dice.randrange(10)
    if kind == 0 and line:
        cut = dice.randrange(len(line))
        changed = [line[:cut] + bytes([line[cut] ^ 1 << dice.randrange(8)]) + line[cut + 1:]]
    elif kind == 1:
        changed = [line[:cut]]
    elif kind == 2:
        changed = [line[:cut] + other[dice.randint(0, len(other)):]]
    elif kind == 3:
        changed = [line, line]
    elif kind == 4:
        changed = []
    elif kind == 5:
        changed = [line[:cut] + line[dice.randint(cut, len(line)):]]
    elif kind == 6:
        changed = [NUMBER.sub(b"%d" % dice.choice((0, 1, 7, 20, 2**31, 2**64)), line, count=1)]
    elif kind == 7:
        changed = [other, line]
    else:
        changed = [line[:cut] + dice.choice(SPICE) + line[cut:]]
    return [*log[:at], *changed, *log[at + 1:]] or [b""]


def broken_log(dice: random.Random) -> bytes:
    """Some real lines, or a real log, with up to 30 changes."""
    log = dice.choice(RECORDED).splitlines() if dice.random() < 0.5 else dice.choices(LINES, k=dice.randint(1, 60))
    for _ in range(dice.randint(0, 30)):
        log = mutate(log, dice)
    return b"\n".join(log) + dice.choice((b"\n", b"\n", b""))


def pieces(log: bytes, dice: random.Random) -> Iterator[bytes]:
    """The log in pieces, empty ones among them."""
    at = 0
    while at < len(log):
        size = dice.choice((0, 1, 2, 3, 50, 1000, 100000))
        yield log[at:at + size]
        at += size


def read(log: bytes, dice: random.Random | None = None) -> tuple[Reader, list[tuple[object, ...]]]:
    """All that the reader says, with what is not comparable replaced; a refusal is one more event."""
    reader = Reader(watch=WATCH, cwd="")
    said: list[tuple[object, ...]] = []
    try:
        for event in reader.events(pieces(log, dice) if dice else [log]):
            check(event, reader)
            said.append((event.process.pid, *event[1:]))
    except NotStrace as error:
        said.append((error.id,))
    said.append((reader.lines, reader.unread, reader.unread_count, reader.unresolved, reader.unresolved_count,
                 reader.cut, sorted(reader.processes), sorted(reader.pids), reader.uring))
    return reader, said


def check(event: Event, reader: Reader) -> None:
    """What is so of every event, whatever the log."""
    assert event.act in ACTS
    assert event.abstract or event.path == posixpath.normpath(event.path), event
    assert any((event.path + "/").startswith(folder + "/") for folder in WATCH) or event.real or event.abstract, event
    assert 1 <= event.line <= reader.lines
    assert len(event.text) <= 500
    assert re.fullmatch(r"|\?|[A-Z][A-Z0-9_]*|\d+", event.error), event
    assert -1 <= event.mode <= 0o7777
    os.fsencode(event.path)


def hold(log: bytes, dice: random.Random) -> None:
    """What is so of every log."""
    reader, said = read(log)
    refused = any(len(words) == 1 for words in said)
    lines = log.count(b"\n") + (1 if log and not log.endswith(b"\n") else 0)
    assert reader.lines <= lines if refused else reader.lines == lines
    assert not reader.cut or not log.endswith(b"\n")
    assert reader.unread_count + reader.unresolved_count <= 2 * lines
    assert len(reader.unread) == min(reader.unread_count, 50)
    assert len(reader.unresolved) == min(reader.unresolved_count, 50)
    assert all(len(unread.text) <= 500 and 1 <= unread.line <= lines and unread.why for unread in reader.unread)
    numbers = NUMBER.findall(log)
    assert len(reader.processes) <= len(set(numbers)) + 1
    assert read(log, dice)[1] == said


@pytest.mark.parametrize("seed", range(20))
def test_broken_logs(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(25):
        hold(broken_log(dice), dice)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_many_broken_logs(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(4000):
        hold(broken_log(dice), dice)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400), st.integers())
def test_any_bytes(log: bytes, seed: int) -> None:
    hold(log, random.Random(seed))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(LINES) | st.sampled_from(SPICE) | st.binary(max_size=20), min_size=1, max_size=40),
       st.sampled_from([b"", b"\n", b" "]), st.integers())
def test_any_mixture(words: list[bytes], between: bytes, seed: int) -> None:
    hold(between.join(words), random.Random(seed))


def test_real_lines_are_understood() -> None:
    reader, _ = read(b"\n".join(LINES) + b"\n")
    assert reader.unread == []
    assert reader.lines == len(LINES)


@pytest.mark.parametrize("seed", range(5))
def test_each_line_of_rubbish_is_counted(seed: int) -> None:
    """Lines that are no strace's are told, each, and hide nothing of what stands around them."""
    dice = random.Random(seed)
    for log in RECORDED:
        if b" > " in log:  # a stack under a call: rubbish between them is not expected
            continue
        lines = log.splitlines()
        reader, said = read(log)
        count = max(1, len(lines) // 10)
        for _ in range(count):
            lines.insert(dice.randint(1, len(lines)), dice.choice(RUBBISH))
        again, more = read(b"\n".join(lines) + b"\n")
        assert again.unread_count == reader.unread_count + count
        assert [words[:-2] for words in more[:-1]] == [words[:-2] for words in said[:-1]]


@pytest.mark.parametrize("result", [
    b"0", b"-1 ENOENT (No such file or directory)", b"-1 (errno 999)", b"-1 EINTR (Interrupted) <0.000012>", b"?",
    b"? ERESTARTSYS (To be restarted if SA_RESTART is set)", b"? ERESTART_RESTARTBLOCK (Interrupted by signal)",
    b"? ERESTARTNOHAND (To be restarted if no handler)", b"? ERESTARTNOINTR (To be restarted)", b"0 (Timeout)",
    b"-1 ENOSYS (Function not implemented) (INJECTED)", b"0 (DELAYED)", b"1 ([{fd=3, revents=POLLIN}])",
    b"0x7f0000000000", b"0x8002 (flags O_RDWR|O_LARGEFILE)", b"7</tmp/a>(deleted) <0.1>",
    b"7<UNIX-STREAM:[5,\"/p/so\\\"ck>x\"]>", b"7<sh>",
])
def test_results(result: bytes) -> None:
    """What may stand behind a call."""
    for name in (b"clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=0}, NULL)", b'openat(AT_FDCWD</tmp>, "a", O_RDONLY)'):
        reader, _ = read(b"1 " + name + b" = " + result + b"\n1 +++ exited with 0 +++\n")
        assert reader.unread == []


@pytest.mark.parametrize("line", [
    b'1 mkdir("/tmp/a", 0700) = -1 ENOENT' + b" (a)" * 5000 + b"x", b'1 mkdir("/tmp/a", 0700) = 0' + b" /* */ (" * 5000,
    b"1 mkdir(" + b"/* " * 5000, b"1 " + b"1:" * 5000, b"1 mkdir(" + b"[" * 50000, b"1 mkdir(" + b"<" * 50000,
    b"1 mkdir(3" + b"<a:[]" * 5000, b'1 mkdir(3<a:["' + b'"]' * 5000, b'1 mkdir("/tmp/a"' + b", {b}" * 5000 + b" x",
    b'1 bind(3, {sa_family=AF_UNIX, sun_path=' + b'"s' * 5000, b"1 <... " + b"a" * 999, b"1 +++ killed by " + b"A" * 99,
    b"strace: Process " * 5000, b"[ Process PID=" * 5000, b"\x1b[" * 5000, b"1 " + b"[1] " * 5000 + b"mkdir(",
    b"1 " + b" " * 60000, b"1 " + b" " * 60000 + b"1:" * 60000, b" " * 60000 + b"x", b"[pid " + b" " * 60000 + b"x",
])
def test_no_line_takes_for_ever(line: bytes) -> None:
    """A regular expression that goes back and forth would: conftest.py ends such a test."""
    reader, _ = read(b'1 chdir("/tmp") = 0\n' + line + b"\n" + b'1 mkdir("last", 0700) = 0\n')
    assert reader.lines == 3


# Names, spelled as strace spells them

SHORT = {9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", ord('"'): b'\\"', ord("\\"): b"\\\\"}


def spelled(name: bytes, style: str, also: bytes = b"") -> bytes:
    """The name as strace writes it by default, with -x or with -xx; `also` are escaped by number too."""
    if style == "-xx" or style == "-x" and any(byte not in SHORT and not 32 <= byte < 127 for byte in name):
        return b"".join(b"\\x%02x" % byte for byte in name)
    out = b""
    for at, byte in enumerate(name):
        if 32 <= byte < 127 and byte not in SHORT and byte not in also:
            out += bytes([byte])
        elif byte in SHORT:
            out += SHORT[byte]
        elif style == "-x":
            out += b"\\x%02x" % byte
        else:
            out += (b"\\%03o" if name[at + 1:at + 2].isdigit() else b"\\%o") % byte
    return out


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 255).filter(lambda byte: byte != ord("/")), min_size=1, max_size=30).map(bytes),
       st.sampled_from(["", "-x", "-xx"]))
def test_any_name(name: bytes, style: str) -> None:
    if name in (b".", b".."):
        return
    folder, file = b"/tmp/" + name, b"/tmp/" + name + b"/" + name
    mark = b"<" + spelled(folder, style, b"<>") + b">"
    log = b"".join((
        b'7 mkdir("' + spelled(folder, style) + b'", 0700) = 0\n',
        b'7 chdir("' + spelled(folder, style) + b'") = 0\n',
        b'7 mkdir("' + spelled(name, style) + b'", 0700) = -1 EEXIST (File exists)\n',
        b'7 openat(4' + mark + b', "' + spelled(name, style) + b'", O_RDWR|O_CREAT, 0600) = 5<',
        spelled(file, style, b"<>") + b">\n",
        b'7 bind(6<socket:[1]>, {sa_family=AF_UNIX, sun_path="' + spelled(name, style) + b'"}, 110) = 0\n',
        b"7 +++ exited with 0 +++\n",
    ))
    reader = Reader(watch=WATCH, cwd="")
    read_paths = [os.fsencode(event.path) for event in reader.events([log]) if event.act != acts.LOOK]
    assert reader.unread == [] and reader.unresolved == []
    assert read_paths == [folder, file, file, file]
