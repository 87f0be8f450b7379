"""How fast a log is read and judged, and how much memory that takes."""
from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import lines
from arena import ArenaError
from installed import Installed

from pam_mktemp_py.detect.judge import Judge
from pam_mktemp_py.detect.model import SHARED, Context
from pam_mktemp_py.strace.reader import Reader

PEAK = Path(__file__).with_name("peak.py").read_text()
_NAIVE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(.*)")


class Speed(NamedTuple):
    """Lines read, and processor seconds for them."""

    lines: int
    seconds: float

    @property
    def rate(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds


class Whole(NamedTuple):
    """`pam-mktemp detect --trace -` as a process: bytes and lines it read, seconds by the clock, most kB resident."""

    size: int
    lines: int
    seconds: float
    peak_kb: int


def judge(pieces: Iterable[bytes]) -> int:
    """Read and judge as detect does; the number of lines."""
    reader = Reader(watch=(*SHARED, lines.TMPDIR))
    judge = Judge(Context(lines.TMPDIR), reader.pids)
    judge.add_all(reader.events(pieces))
    judge.end()
    return reader.lines


def naive(pieces: Iterable[bytes]) -> int:
    """The yardstick: an expression for each line, arguments cut at commas. Wrong wherever a name has one."""
    count = made = 0
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece.decode("latin-1")).split("\n")
        for line in whole:
            count += 1
            found = _NAIVE.match(line)
            if found is None:
                continue
            arguments = [word.strip() for word in found[3].split(",")]
            made += any(word.startswith('"/tmp') for word in arguments)
    return count


READERS: dict[str, Callable[[Iterable[bytes]], int]] = {"ours": judge, "naive": naive}


def speed(read: Callable[[Iterable[bytes]], int], pieces: list[bytes]) -> Speed:
    """One reading of a log that is in memory already, in processor time: what else runs must not count."""
    begin = time.process_time()
    count = read(pieces)
    return Speed(count, time.process_time() - begin)


def whole(command: Installed, pieces: Iterator[bytes], work: Path) -> Whole:
    """The whole command on a log that comes through a pipe. ArenaError if it fails, or did not read all of it."""
    answer, peak = work / "answer", work / "peak"
    words = [*command.words("--quiet", "--json", "-o", str(answer)), "detect", "--tmpdir", lines.TMPDIR, "--trace", "-"]
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", PEAK, peak, *words], stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdin and process.stderr
    size = breaks = 0
    try:
        for piece in pieces:
            process.stdin.write(piece)
            size += len(piece)
            breaks += piece.count(b"\n")
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended, and says why
    said = process.stderr.read().decode().strip()
    status = process.wait()
    seconds = time.perf_counter() - begin
    if status not in (0, 1):
        raise ArenaError(f"detect --trace -: exit {status}: {said[-600:]}")
    found = json.loads(answer.read_text())
    if found["lines"] != breaks or found["unread_count"] or not found["findings"]:
        raise ArenaError(f"detect --trace - read {found['lines']} lines of {breaks}: {found['unread'][:3]}")
    return Whole(size, breaks, seconds, int(peak.read_text()))
