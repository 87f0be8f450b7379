"""One scan: the walk, the workers, and what came of it, in an order that does not depend on who was faster."""
from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeVar

from pam_mktemp_py.scan.model import Limits, Looked
from pam_mktemp_py.scan.pool import Pool
from pam_mktemp_py.scan.walk import Walk
from pam_mktemp_py.scan.watched import Watched

MOST = 10_000  # files that are kept of each sort: a report of more is for nobody, and fills memory
_Value = TypeVar("_Value")


@dataclass
class Outcome:
    """What a scan found; lists are sorted by path and hold the first MOST, `dropped` counts the others."""

    scanned: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    candidates: list[tuple[str, Looked]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    cut: list[tuple[str, int]] = field(default_factory=list)
    dropped: int = 0

    def keep(self, kept: list[tuple[str, _Value]], one: tuple[str, _Value]) -> None:
        """Add to one of the lists."""
        kept.append(one)
        if len(kept) >= 2 * MOST:
            self.trim(kept)

    def trim(self, kept: list[tuple[str, _Value]]) -> None:
        """Sort one of the lists, and keep the first MOST."""
        kept.sort(key=itemgetter(0))
        self.dropped += len(kept[MOST:])
        del kept[MOST:]


def run(paths: Sequence[str], watched: Watched, limits: Limits, excluded: Sequence[str], jobs: int,
        progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Scan `paths`. OSError if one of them can't be read at all, before anything is looked at."""
    for path in paths:
        _readable(path)
    outcome = Outcome()
    walk = Walk(paths, excluded, lambda path, why: outcome.keep(outcome.skipped, (path, why)))
    pool = Pool(watched, limits, jobs, progress)
    for task, looked in pool.look(walk):
        if looked.failed:
            outcome.keep(outcome.skipped, (task.path, looked.failed))
        if looked.places:
            outcome.keep(outcome.candidates, (task.path, looked))
        if looked.cut:
            outcome.keep(outcome.cut, (task.path, looked.cut))
    outcome.scanned, outcome.kinds = pool.done, pool.kinds
    outcome.trim(outcome.candidates)
    outcome.trim(outcome.skipped)
    outcome.trim(outcome.cut)
    return outcome


def _readable(path: str) -> None:
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "neither a file nor a directory", path)
    if not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
