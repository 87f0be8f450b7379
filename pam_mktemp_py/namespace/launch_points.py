"""Where what is shared is mounted: directories made in an instance, which nobody may move away meanwhile."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py.errors import Refused
from pam_mktemp_py.namespace.launch import ID, OPEN, TMPFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.namespace.view import Mount

MODE = 0o755


def make(mounts: list[Mount], path: str, uid: int, only_look: bool = False) -> None:
    """Have the mount point for `path` in the instance that hides it, its directories being root's, or those of `uid`.

    What else stands there is the account's own and left alone. With `only_look` what is missing is not made. Raises
    Refused, OSError.
    """
    above = [mount for mount in mounts if mount[0] != mount[3] and path.startswith(f"{mount[3]}/")]
    source, device, inode, target, _ = max(above, key=lambda mount: len(mount[3]))
    if source == TMPFS or (only_look and not inode):
        return  # empty, where the launcher makes them, or not there yet
    fd = os.open(source, OPEN)
    umask = os.umask(0o022)
    try:
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) != (device, inode):
            raise Refused(ID, source, "was exchanged just now", "try again")
        for word in path[len(target) + 1:].split("/"):
            if not only_look:
                _made(fd, word)
            elif not _there(fd, word):
                return
            below = _one(fd, word, path, source, uid)
            os.close(fd)
            fd = below
    finally:
        os.umask(umask)
        os.close(fd)


def _made(folder: int, name: str) -> None:
    try:
        os.mkdir(name, MODE, dir_fd=folder)
    except FileExistsError:  # by an earlier run, or the account's own
        return


def _there(folder: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _one(folder: int, name: str, path: str, source: str, uid: int) -> int:
    try:
        fd = os.open(name, OPEN, dir_fd=folder)
    except OSError as error:
        raise Refused(ID, path, f"cannot be shared: {name} in {source} is no directory", "move that away") from error
    found = os.fstat(fd)
    if found.st_uid in (0, uid) and (not found.st_mode & 0o022 or found.st_mode & stat.S_ISVTX):
        return fd
    os.close(fd)
    raise Refused(ID, path, f"cannot be shared: {source} has a directory {name} of uid {found.st_uid}, mode "
                  f"{found.st_mode & 0o7777:04o}, in its place", "move that away")
