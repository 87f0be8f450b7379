"""What is no log of strace's is refused; what is one, if only just, is not."""
from __future__ import annotations

import pytest

from pam_mktemp_py.strace.reader import NotStrace, Reader

SUMMARY = (b"% time     seconds  usecs/call     calls    errors syscall\n"
           b"------ ----------- ----------- --------- --------- ----------------\n"
           b"100.00    0.000000           0         2         1 total\n")
LINE = b'7 mkdir("/tmp/a", 0700) = 0\n'


def read(log: bytes) -> Reader:
    """The reader after the log."""
    reader = Reader(watch=("/tmp",))
    list(reader.events([log]))
    return reader


@pytest.mark.parametrize(("log", "line", "what"), [
    (b"", 0, "the log is empty"),
    (b"\n\n", 1, "no line of this is strace's"),
    (b"Dear Sir,\n12 (world) = 3\n", 1, "this is no line of strace's: 'Dear Sir,'"),
    (b"hello\n" * 500, 1, "this is no line of strace's"),
    (LINE + b"hello\n" * 250, 2, "this is no line of strace's: 'hello'"),
    (b'{"a": 1}\n', 1, "this is no line of strace's"),
    (b"\x1f\x8b\x08\0\0\0\0\0abc", 1, "this is binary data"),
    ('7 mkdir("/tmp/a", 0700) = 0\n'.encode("utf-16"), 1, "this is binary data"),
    (SUMMARY, 1, "this is a summary"),
    (b'__libc_start_main(0x401136, 1, 0x7ffd, 0 <unfinished ...>\nputs("hi") = 3\n', 1, "this is from ltrace"),
    (b'[pid 12] libfoo.so->puts("hi") = 3\n', 1, "this is from ltrace"),
    (b'puts("hi") = 3\nstrlen("hi") = 2\n+++ exited (status 0) +++\n', 3, "this is from ltrace"),
    (b'SYS_openat(0xff, 0x7, 0x80000, 0) = 3\n', 1, "this is from ltrace"),
    (b"type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2\n", 1, "this is from auditd"),
    (b"strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n", 1,
     "strace traced nothing: 'strace: attach"),
])
def test_refused(log: bytes, line: int, what: str) -> None:
    with pytest.raises(NotStrace) as refused:
        read(log)
    assert refused.value.id == "trace-refused"
    assert refused.value.line == line
    assert refused.value.what.startswith(what)
    assert refused.value.hint in str(refused.value)


def test_it_is_refused_early() -> None:
    asked = []

    def chunks() -> object:
        for number in range(100):
            asked.append(number)
            yield b"hello\n" * 100
    with pytest.raises(NotStrace):
        list(Reader(watch=("/tmp",)).events(chunks()))  # type: ignore[arg-type]
    assert len(asked) == 2


@pytest.mark.parametrize("log", [
    LINE,
    LINE + b"hello\n" * 9,
    LINE + SUMMARY,
    b"7 +++ exited with 0 +++\n",
    b"7 newer_call(3) = 0\n",
    b"7",
    b'7 mkdir("/tm',
    LINE * 250 + b"hello\n" * 5000,
])
def test_not_refused(log: bytes) -> None:
    assert read(log).lines == log.count(b"\n") + (not log.endswith(b"\n"))
