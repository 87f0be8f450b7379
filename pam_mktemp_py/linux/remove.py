"""Removes what is in a directory, whoever changes it meanwhile: by descriptors, following no link, leaving mounts."""
from __future__ import annotations

import errno
import os
import stat
import time

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# EBUSY, EXDEV: something is mounted there; EPERM: immutable, or another's in a sticky directory; EACCES: not ours;
# ENOTEMPTY: such a one is inside; EROFS.
_STAYS = frozenset((errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTEMPTY, errno.EROFS))
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


def empty(directory: int, seconds: float = 60.0) -> list[str]:
    """Remove everything in the open directory; the names of what is left, since it cannot be removed.

    Every folder is renamed to the top before it is emptied, so it may lie as deep as it likes; one on which something
    is mounted cannot be renamed, and is never entered. It gives up after so many seconds: somebody may fill it
    faster. OSError for what is not a matter of permission.
    """
    fresh, end = _Names(), time.monotonic() + seconds
    kept: set[str] = set()
    while (names := set(os.listdir(directory))) - kept and time.monotonic() < end:
        kept.update(name for name in names - kept if not _removed(directory, name, fresh))
    return sorted(names)


def _removed(top: int, name: str, fresh: _Names) -> bool:
    """Remove an entry of the top, after the folders in it were brought to the top; False if it has to stay."""
    try:
        moved = name if fresh.has(name) else fresh()
        if moved != name and not _lifted(top, name, top, moved):
            return True
        fd = _open(top, moved)
        try:
            for inner in os.listdir(fd):
                _lifted(fd, inner, top, fresh())
        finally:
            os.close(fd)
        os.rmdir(moved, dir_fd=top)
    except FileNotFoundError:  # somebody was faster
        return True
    except OSError as error:
        if error.errno in _STAYS:
            return False
        raise
    return True


def _lifted(folder: int, name: str, top: int, moved: str) -> bool:
    """Unlink what is no folder (False), or bring it to the top under a new name (True). OSError."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return False
    _open_up(folder, name)
    os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=top)
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
