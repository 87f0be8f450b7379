"""What a configuration was read from, so that any later change of it is noticed.

An edit that restores mtime still changes ctime; a rename can bring an old inode number back, but not
with the same ctime. What is absent counts too: it may appear.
"""
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    Signature = tuple[int, int, int, int, int]  # device, inode, size, mtime and ctime in ns
    Depend = tuple[str, Signature | None]  # path, None if there is nothing there

# Two changes within one tick of the file system's clock (FAT: 2 s) leave the same times.
RECENT_NS = 2_000_000_000


def signature(status: os.stat_result) -> Signature:
    """What tells one state of a file from another."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def current(path: str) -> Signature | None:
    """The signature of what is at `path` now (a symlink itself); None if nothing is. OSError if it cannot be said."""
    try:
        return signature(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def unchanged(depends: list[Depend]) -> bool:
    """Whether all are as they were."""
    for path, before in depends:
        if current(path) != before:
            return False
    return True


def recent(depends: list[Depend], now_ns: int) -> bool:
    """Whether one changed less than 2 s before `now_ns` (wall clock), or after it."""
    for _path, before in depends:
        if before is not None and (before[3] > now_ns - RECENT_NS or before[4] > now_ns - RECENT_NS):
            return True
    return False
