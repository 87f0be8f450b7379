"""What is left in /tmp of users' files: shown when the rest goes, and never removed by us."""
from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from pam_mktemp_py import paths
from pam_mktemp_py.linux import inode_flags

_MOST = 200_000  # entries looked at: who has more need not make an administrator wait


@dataclass(frozen=True)
class Remain:
    """One account's directory: `bytes` of disk in `files` entries, and whether that is all of it."""

    path: str
    files: int
    bytes: int
    whole: bool = True


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
    # By descriptors, and no link is followed: the owner may change the tree meanwhile.
    for _, folders, names, fd in os.fwalk(path, follow_symlinks=False):
        for name in [*folders, *names]:
            try:
                size += os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512
            except FileNotFoundError:  # its owner has just removed it
                continue
            files += 1
        if files > _MOST:
            return Remain(path, files, size, False)
    return Remain(path, files, size)


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
