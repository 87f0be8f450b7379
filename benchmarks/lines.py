"""Logs of any size, made while they are read: recorded ones again and again, and the worst that can be thought of."""
from __future__ import annotations

import itertools
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from arena import ArenaError

FIRST_PID = 10_000  # above every number that the recorded logs could mean otherwise
LAST_PID = 4_194_304  # pid_max at most (proc(5))
PIECE = 1 << 18  # bytes
TMPDIR = "/tmp/.private/u1"  # what TMPDIR was when they were recorded
# Where a line says a pid that the reader follows: at its begin, as what clone(2) made, and where a thread executes.
_PID = re.compile(
    rb"(?m)^(\d+) +|(?:pid changed to |in execve by |superseded by execve in pid )(\d+)"
    rb"|(?:(?<=parent_tid=\[)|(?<= = ))(?<!\d)(\d+)(?=\], |\]\}|$)")
_MAKES_CHILD = re.compile(rb"\d+ +(?:<\.\.\. )?(?:clone3?|v?fork)\b")


class Recorded:
    """One recorded log, cut where pids stand."""

    def __init__(self, text: bytes) -> None:
        self._pieces: list[bytes] = []
        self._pids: list[int] = []  # one fewer than pieces
        literal = b""
        for line in text.splitlines(keepends=True):
            begin = 0
            for found in _PID.finditer(line):
                group = found.lastindex or 0
                if group == 3 and not _MAKES_CHILD.match(line):
                    continue
                self._pieces.append(literal + line[begin:found.start(group)])
                self._pids.append(int(found[group]))
                literal, begin = b"", found.end(group)
            literal += line[begin:]
        self._pieces.append(literal)
        self.pids = sorted(set(self._pids))

    def again(self, first: int) -> bytes:
        """The log with its pids renumbered from `first` on."""
        new = {pid: b"%d" % number for number, pid in enumerate(self.pids, first)}
        words = itertools.chain.from_iterable(zip(self._pieces, map(new.__getitem__, self._pids)))
        return b"".join(words) + self._pieces[-1]


def recorded(folder: Path) -> list[Recorded]:
    """All logs of a folder, by name. ArenaError: there are none."""
    files = sorted(folder.glob("*.strace.xz"))
    if not files:
        raise ArenaError(f"no recorded logs in {folder}")
    return [Recorded(lzma.decompress(path.read_bytes())) for path in files]


def repeated(logs: list[Recorded], size: int) -> Iterator[bytes]:
    """At least `size` bytes of whole logs one after the other, no pid of which comes twice (until they run out)."""
    first = FIRST_PID
    while size > 0:
        for log in logs:
            if first + len(log.pids) > LAST_PID:
                first = FIRST_PID
            text = log.again(first)
            first += len(log.pids)
            size -= len(text)
            yield text


def worst(size: int) -> Iterator[bytes]:
    """At least `size` bytes of lines that name /tmp without exception, with names of many kinds, by many processes."""
    for number in itertools.count():
        if size <= 0:
            return
        text = "".join(_hostile(number)).encode()
        size -= len(text)
        yield text


def _hostile(number: int) -> Iterator[str]:
    """What one process does, from its begin to its end: 50 files of its own, and what it does to each."""
    pid = FIRST_PID + number % (LAST_PID - FIRST_PID)
    yield f'{pid} execve("/usr/bin/worst{number % 100}", ["worst"], 0x7ffd4e8f3610 /* 11 vars */) = 0\n'
    for file in range(50):
        name = f"/tmp/worst-{pid}-{file}.{number * 7919 % 65521:04x}"
        yield (f'{pid} openat(AT_FDCWD</home/u1>, "{name}", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 3<{name}>\n'
               f'{pid} fchmod(3<{name}>, 0666) = 0\n'
               f'{pid} rename("{name}", "{name}.new") = 0\n'
               f'{pid} connect(4<socket:[38857]>, {{sa_family=AF_UNIX, sun_path="{name}.sock"}}, 110) = -1 ENOENT '
               '(No such file or directory)\n'
               f'{pid} unlink("{name}.new") = 0\n')
    yield f"{pid} +++ exited with 0 +++\n"
