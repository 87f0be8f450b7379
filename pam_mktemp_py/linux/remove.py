"""Removes what is in a directory, whoever changes it meanwhile: by descriptors, following no link, leaving mounts."""
from __future__ import annotations

import errno
import os
import stat
import time
from itertools import islice
from typing import NamedTuple

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# EBUSY, EXDEV: something is mounted there; EPERM: immutable, or another's in a sticky directory; EACCES: not ours;
# ENOTEMPTY: such a one is inside; EROFS; ENOTDIR, EISDIR, ELOOP, EEXIST: somebody laid another thing there meanwhile;
# ENOSPC, EDQUOT: renaming needs room.
_STAYS = frozenset((errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTEMPTY, errno.EROFS, errno.ENOTDIR,
                    errno.EISDIR, errno.ELOOP, errno.EEXIST, errno.ENOSPC, errno.EDQUOT))
_MOST = 10000  # names at once
_WHOLE = 0o700


class _Names:
    """Names that are free in the directory, until somebody guesses them."""

    def __init__(self) -> None:
        self._prefix = f".removed-{os.urandom(8).hex()}-"
        self._number = 0

    def __call__(self) -> str:
        self._number += 1
        return f"{self._prefix}{self._number}"

    def has(self, name: str) -> bool:
        """Whether the name is one of ours."""
        return name.startswith(self._prefix)


def empty(directory: int, since: int = 0, seconds: float = 60.0) -> list[str]:
    """Remove everything in the open directory; the names of what is left, since it cannot be removed.

    Every folder is renamed to the top before it is emptied, so it may lie as deep as it likes; one on which something
    is mounted cannot be renamed, and is never entered. What was last changed before `since` (ns since the epoch)
    stays: it came with a folder that was moved in, and its owner may have been no party to that. It gives up after so
    many seconds: somebody may fill it faster. OSError for what is not a matter of permission.
    """
    work, end = _Work(directory, since, _Names()), time.monotonic() + seconds
    kept: set[str] = set()
    freed = False
    while time.monotonic() < end:
        names = _some(directory, kept)
        if not names and not (kept and freed):
            break
        if not names:  # what was freed may be what a full disk lacked
            kept, freed = set(), False
        for name in names:
            if _removed(work, name):
                freed = True
            else:
                kept.add(name)
    return sorted(_some(directory, set()))


class _Work(NamedTuple):
    """The directory, what is older than its time there, and names for folders that are brought to it."""

    top: int
    since: int
    fresh: _Names


def _some(folder: int, but: set[str]) -> list[str]:
    """Names in it, at most _MOST at once: there may be more than memory holds."""
    with os.scandir(folder) as entries:
        return list(islice((entry.name for entry in entries if entry.name not in but), _MOST))


def _removed(work: _Work, name: str) -> bool:
    """Bring an entry of the top further: remove it, or what is in it; False if it has to stay."""
    top = work.top
    try:
        moved = name if work.fresh.has(name) else work.fresh()
        if moved != name and not _lifted(work, top, name, moved):
            return True
        fd = _open(top, moved)
        try:
            inside = _some(fd, set())
            for inner in inside:
                _lifted(work, fd, inner, work.fresh())
        finally:
            os.close(fd)
        if len(inside) < _MOST:
            os.rmdir(moved, dir_fd=top)
    except FileNotFoundError:  # somebody was faster
        return True
    except OSError as error:
        if error.errno in _STAYS:
            return False
        raise
    return True


def _lifted(work: _Work, folder: int, name: str, moved: str) -> bool:
    """Unlink what is no folder (False), or bring it to the top under a new name (True). OSError."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if found.st_ctime_ns < work.since:
        raise PermissionError(errno.EPERM, "it is older", name)
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=folder)
        return False
    _open_up(folder, name)
    os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=work.top)
    return True


def _open(folder: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)


def _open_up(folder: int, name: str) -> None:
    """Let us into a folder of ours that we closed to ourselves: moving and emptying it takes all three."""
    fd = os.open(name, os.O_PATH | _FOLDER, dir_fd=folder)
    try:
        found = os.fstat(fd)
        if found.st_uid == os.geteuid() and found.st_mode & _WHOLE != _WHOLE:
            os.chmod(f"/proc/self/fd/{fd}", _WHOLE)  # fchmod(2) takes no such descriptor
    finally:
        os.close(fd)
