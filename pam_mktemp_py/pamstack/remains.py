"""What is left in /tmp of users' files: shown when the rest goes, and never removed by us."""
from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from dataclasses import dataclass

from pam_mktemp_py import paths, percent
from pam_mktemp_py.linux import inode_flags

_MOST = 200_000  # entries looked at: who has more need not make an administrator wait
_DEEPEST = 100  # folders in each other: each costs two descriptors and a level of Python's recursion
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Remain:
    """One account's directory: `bytes` of disk in `files` entries, and whether that is all of it."""

    path: str
    files: int
    bytes: int
    whole: bool = True


def bases(state: str = paths.STATE, base: str = paths.BASE) -> list[str]:
    """/tmp and the other directories that hold instances. A purge takes along the state that names the unusual ones."""
    try:
        others = [percent.decoded(name) for name in sorted(os.listdir(f"{state}/bases"))]
    except OSError:
        others = []
    found = dict.fromkeys([os.path.realpath(base), "/dev/shm", "/var/tmp", *others])
    return [one for one in found if os.path.lexists(f"{one}/{paths.PRIVATE}")]


def handed(prefix: str, mode: int, base: str = paths.BASE) -> list[Remain]:
    """The hand-over directories, root's of this mode whose names begin so. OSError."""
    found = []
    for name in sorted(os.listdir(base)):
        if name.startswith(prefix):
            try:
                about = os.lstat(f"{base}/{name}")
            except FileNotFoundError:  # anybody may make such a name, and remove it
                continue
            if about.st_uid == 0 and about.st_mode == stat.S_IFDIR | mode:
                found.append(_measured(f"{base}/{name}"))
    return found


def remaining(base: str = paths.BASE) -> list[Remain]:
    """The directories below /tmp/.private, and what was moved aside (.aside, .bad) if anything. Needs root; OSError."""
    private = f"{os.path.realpath(base)}/{paths.PRIVATE}"
    try:
        if not stat.S_ISDIR(os.lstat(private).st_mode):
            return []
        names = sorted(os.listdir(private))
    except FileNotFoundError:
        return []
    found = [_measured(f"{private}/{name}") for name in names]
    return [one for one in found if one.files or "/." not in one.path[len(private):]]


def _measured(path: str) -> Remain:
    files = size = 0
    whole = True
    try:
        fd = os.open(path, _FOLDER)
    except OSError as error:
        return Remain(path, 0, 0, error.errno in (errno.ENOTDIR, errno.ENOENT))
    try:
        with contextlib.closing(_sizes(fd)) as found:
            for one in found:
                if one is None or files == _MOST:
                    whole = False
                if files == _MOST:
                    break
                if one is not None:
                    files, size = files + 1, size + one
    finally:
        os.close(fd)
    return Remain(path, files, size, whole)


def _sizes(fd: int, deep: int = 1) -> Generator[int | None, None, None]:
    """Bytes on disk of each entry below; None for what cannot be looked at: a FUSE mount of its owner's, say.

    By descriptors, no link is followed and only folders are opened: the owner may change the tree meanwhile,
    and a FIFO or a device in the place of a folder would hold us up, or do something when it is opened.
    """
    with os.scandir(fd) as entries:
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
                yield about.st_blocks * 512
                if not stat.S_ISDIR(about.st_mode):
                    continue
                inner = os.open(entry.name, _FOLDER, dir_fd=fd) if deep < _DEEPEST else -1
            except (FileNotFoundError, NotADirectoryError):  # its owner has just removed or replaced it
                continue
            except OSError:
                yield None
                continue
            if inner < 0:
                yield None
                continue
            try:
                yield from _sizes(inner, deep + 1)
            finally:
                os.close(inner)


def commands(base: str = paths.BASE) -> list[list[str]]:
    """What removes all of it, as root; [] if nothing is there."""
    private = f"{os.path.realpath(base)}/{paths.PRIVATE}"
    if not os.path.lexists(private):
        return []
    remove = ["rm", "-rf", "--one-file-system", private]
    return [["chattr", "-a", private], remove] if _append_only(private) else [remove]


def _append_only(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError:
        return False
    try:
        return bool(inode_flags.get(fd) & inode_flags.FS_APPEND_FL)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP):
            return False
        raise
    finally:
        os.close(fd)
