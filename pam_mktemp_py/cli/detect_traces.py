"""One log of strace's, read and judged: what `pam-mktemp detect` keeps of it."""
from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pam_mktemp_py.detect.judge import Counted, Judge
from pam_mktemp_py.detect.model import NONE, Context, ProgramVerdict
from pam_mktemp_py.strace.events import Unread
from pam_mktemp_py.strace.reader import Reader


@dataclass
class Traced:
    """One trace, read. `secure` are the programs that gain privilege and were executed.

    `status` is the command's own as a shell has it, None where none was run.
    """

    counted: Counted
    lines: int
    unread: list[Unread]
    unread_count: int
    unresolved: list[Unread]
    unresolved_count: int
    cut: bool
    uring: bool
    secure: list[str] = field(default_factory=list)
    status: int | None = None
    run: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unit: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing in the log was passed over."""
        return not (self.unread_count or self.unresolved_count or self.cut or self.uring)


def read(pieces: Iterable[bytes], context: Context, reader: Reader) -> Traced:
    """Read and judge a log. Raises NotStrace."""
    judge = Judge(context, reader.pids)
    judge.add_all(reader.events(pieces))
    secure = sorted(program for program in reader.programs if context.secure(program))
    counted = judge.end()
    for program in secure:
        counted.programs.setdefault(program, ProgramVerdict(program, NONE)).secure = True
    return Traced(counted, reader.lines, reader.unread, reader.unread_count, reader.unresolved,
                  reader.unresolved_count, reader.cut, reader.uring, secure)


def nothing() -> Traced:
    """A trace of processes that did nothing that is traced."""
    return Traced(Counted([], {}, 0), 0, [], 0, [], 0, False, False)


def watched(context: Context) -> tuple[str, ...]:
    """The directories whose events the judge wants."""
    return tuple(dict.fromkeys((*context.shared, *([context.tmpdir] if context.tmpdir else []))))


def file_pieces(path: str, size: int = 1 << 18) -> Iterator[bytes]:
    """A file of ours in pieces. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(size):
            yield piece


def line(words: Iterable[str]) -> str:
    """A command as one line."""
    return shlex.join(words)


def clean(folders: Iterable[str]) -> tuple[str, ...]:
    """Watched directories as the kernel spells them: absolute, links resolved, each once."""
    both = [(os.path.normpath(each), os.path.realpath(each)) for each in folders]
    return tuple(dict.fromkeys(each for pair in both for each in pair))
