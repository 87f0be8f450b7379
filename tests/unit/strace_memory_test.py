"""What reading a log takes in memory: it does not grow with the log, however long it is."""
from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from pam_mktemp_py.strace.reader import Reader

WATCH = ("/tmp", "/var/tmp")


def births(count: int) -> Iterator[bytes]:
    """Processes that are born, act and end, one after the other, each with another name."""
    yield b'1 execve("/bin/sh", ["sh"], 0x7ffd /* 1 var */) = 0\n'
    for pid in range(2, count + 2):
        yield b"1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = %d\n" % pid
        yield b'%d chdir("/tmp") = 0\n%d mkdir("%d-%s", 0700) = 0\n' % (pid, pid, pid, b"n" * 100)
        yield b"%d +++ exited with 0 +++\n" % pid


def peak(chunks: Iterator[bytes]) -> tuple[int, Reader]:
    """The most memory, in bytes, that reading takes; events are thrown away."""
    reader = Reader(watch=WATCH, cwd="")
    tracemalloc.start()
    try:
        for _ in reader.events(chunks):
            assert len(reader.processes) <= 3
        return tracemalloc.get_traced_memory()[1], reader
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_dead() -> None:
    few, _ = peak(births(200))
    many, reader = peak(births(3000))
    assert reader.lines == 12001 and reader.unread == []
    assert many < few + 500_000  # the numbers of the processes are all that may be kept


def test_memory_does_not_grow_with_names() -> None:
    def names(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield b'1 mkdir("/tmp/%d%s", 0700) = 0\n' % (number, b"n" * 100)
            yield b'1 connect(%d<socket:[%d]>, ' % (number, number)
            yield b'{sa_family=AF_UNIX, sun_path="/tmp/%d"}, 110) = 0\n' % number
            yield b'1 openat(AT_FDCWD</tmp/%d>, "x", O_RDONLY <unfinished ...>\n' % number
    few, _ = peak(names(200))
    many, _ = peak(names(5000))
    assert many < few + 500_000


def test_memory_does_not_grow_with_a_line() -> None:
    """Not in a log of strace's: a line without end."""
    def endless(count: int) -> Iterator[bytes]:
        yield b'1 mkdir("/tmp/a", 0700) = 0\n1 mkdir("'
        for _ in range(count):
            yield b"n" * 65536
        yield b'", 0700) = 0\n1 mkdir("/tmp/b", 0700) = 0\n'
    few, _ = peak(endless(100))
    many, reader = peak(endless(400))
    assert reader.lines == 3
    assert many < 2 * few
