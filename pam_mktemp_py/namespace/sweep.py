"""What is recorded of views that have ended: taken away by every planner, as long as it has time for it.

    VIEWS/NAME/PID    a link to "mnt:[ID]": that process lives in the view NAME
    VIEWS/mnt:[ID]    a link to "DEV.INO.MOUNT": the namespace ID is a view of ours
"""
from __future__ import annotations

import errno
import fcntl
import os
import time

from pam_mktemp_py import paths
from pam_mktemp_py.linux import flocks

NAMESPACE = "mnt:["
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
YOUNG = 60  # seconds: whoever makes a view records it in several steps
_NOT_EMPTY = frozenset((errno.ENOTEMPTY, errno.EEXIST))
_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ESRCH))


def views(folder: str = paths.VIEWS, until: float = float("inf")) -> int:
    """Remove the entries of processes that are gone, folders then empty, and the marks of namespaces that ended.

    Until the monotonic clock says `until` (s). How many entries were removed. OSError if the folder cannot be read.
    """
    removed = 0
    alive: set[str] = set()
    marks = []
    living = _Living(until)
    for name in os.listdir(folder):
        if time.monotonic() >= until:
            return removed
        if name.startswith(NAMESPACE):
            marks.append(name)
        else:
            removed += _view(f"{folder}/{name}", alive, living)
    for name in marks:
        # Processes that nobody recorded may live on there, as a tmux does after its login: those still need the
        # mark to get out of it.
        if name not in alive and not _young(f"{folder}/{name}") and not living.has(name):
            removed += _removed(f"{folder}/{name}")
    return removed


def namespace_of(pid: str) -> str:
    """"mnt:[ID]" of a process; '' if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError as error:
        if error.errno in _GONE:
            return ""
        raise


def _removed(path: str, folder: int | None = None) -> bool:
    try:
        os.unlink(path, dir_fd=folder)
    except (FileNotFoundError, IsADirectoryError):  # swept by another; or root's own doing
        return False
    return True


class _Living:
    """The namespaces that any process at all lives in: looked for when first asked for, until then."""

    __slots__ = ("until", "found")

    def __init__(self, until: float) -> None:
        self.until = until
        self.found: set[str] | None = None

    def has(self, mark: str) -> bool:
        """Whether one lives there, or there is no time to look at all of them."""
        if self.found is None:
            found = set()
            for pid in os.listdir("/proc"):
                if time.monotonic() >= self.until:
                    return True
                if pid.isdigit():
                    found.add(namespace_of(pid))
            self.found = found
        return mark in self.found


def _view(path: str, alive: set[str], living: _Living) -> int:
    """One view's folder; the namespaces of those that live are added to `alive`."""
    try:
        fd = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in _GONE:  # swept by another, or root's own doing
            return 0
        raise
    try:
        if flocks.taken(fd, fcntl.LOCK_EX):
            return _entries(fd, path, alive, living)
        # Someone joins it now: what is in there is not judged, only kept.
        alive.update([_target(fd, pid) for pid in os.listdir(fd)])
        return 0
    finally:
        os.close(fd)


def _entries(fd: int, path: str, alive: set[str], living: _Living) -> int:
    if not os.fstat(fd).st_nlink:
        return 0  # swept by another before we had the lock: what is at the path now is a newer one
    removed = 0
    stale = []
    for pid in os.listdir(fd):
        target = _target(fd, pid)
        if pid.isascii() and pid.isdigit() and target and namespace_of(pid) == target:
            alive.add(target)
        else:
            stale.append((pid, target))
    for pid, target in stale:
        # One is left for the next login, which finds by it what outlived the last, a FUSE server: shims/pam/view.c
        if target not in alive and living.has(target):
            alive.add(target)
        else:
            removed += _removed(pid, fd)
    try:
        os.rmdir(path)  # under the lock: who waits for it sees that the folder has no name any more
    except OSError as error:
        if error.errno not in _NOT_EMPTY:
            raise
    return removed


def _target(fd: int, name: str) -> str:
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError:  # gone, or no link: nothing of ours
        return ""


def _young(path: str) -> bool:
    try:
        return os.lstat(path).st_mtime > time.time() - YOUNG
    except FileNotFoundError:
        return True  # nothing to remove
