"""The directory that everybody shares, reached from the root with every ancestor verified."""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py.errors import DirectoryError

# NONBLOCK: a FIFO in the place of a directory must not hang a login on any kernel.
FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
MOST_LINKS = 8
# What open() with FLAGS says where there is no directory: nothing, a link, another type.
NO_DIRECTORY = frozenset((errno.ENOENT, errno.ELOOP, errno.ENOTDIR))
# What rename() of a directory says when its new name is taken by something that it cannot replace.
TAKEN = frozenset((errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR))
# File systems and kernels without inode flags say it in four ways.
NO_FLAGS = frozenset((errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))


def enter(parent: int, name: str) -> int | None:
    """A descriptor of the directory `name` in `parent`; None if that is missing or of another type."""
    try:
        return os.open(name, FLAGS, dir_fd=parent)
    except OSError as error:
        if error.errno in NO_DIRECTORY:
            return None
        raise


def open_base(base: str) -> tuple[int, str]:
    """A descriptor of `base` and its real path, every ancestor being root's and safe from others.

    Links on the way are resolved, so that what is exported later has none. Raises DirectoryError if
    someone else could exchange a part of the path, OSError if it cannot be opened.
    """
    pending = base.split("/")[::-1]
    real: list[str] = []
    links = 0
    fd = _open_verified("/", None, "/")
    try:
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            path = "/" + "/".join([*real, part])
            if part == "..":
                pending += real[:-1][::-1]
                fd, real = _root_again(fd)
                continue
            if (child := enter(fd, part)) is not None:
                os.close(fd)
                fd = child
                real.append(part)
                _verify(os.fstat(fd), path)
                continue
            links += 1
            target = _link(fd, part, path, links)
            pending += target.split("/")[::-1]
            if target.startswith("/"):
                fd, real = _root_again(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd, "/" + "/".join(real)


def _root_again(fd: int) -> tuple[int, list[str]]:
    new = _open_verified("/", None, "/")
    os.close(fd)
    return new, []


def _open_verified(name: str, parent: int | None, path: str) -> int:
    fd = os.open(name, FLAGS, dir_fd=parent)
    try:
        _verify(os.fstat(fd), path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _verify(found: os.stat_result, path: str) -> None:
    """Nobody but root may exchange entries of this directory, apart from his own in a sticky one."""
    if found.st_uid != 0:
        raise DirectoryError(path, f"belongs to uid {found.st_uid}, not to root", f"chown root {path}")
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise DirectoryError(path, "is writable by others and not sticky", f"chmod +t {path}")


def _link(parent: int, name: str, path: str, count: int) -> str:
    """The target of a link that only root can have made; it is followed by us, not by the kernel."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        error.filename = path  # the name alone says too little in a log
        raise
    if not stat.S_ISLNK(found.st_mode):
        raise DirectoryError(path, "is not a directory")
    if found.st_uid != 0:
        raise DirectoryError(path, f"is a symbolic link of uid {found.st_uid}", "only root may redirect it")
    if count > MOST_LINKS:
        raise DirectoryError(path, f"more than {MOST_LINKS} symbolic links")
    return os.readlink(name, dir_fd=parent)
