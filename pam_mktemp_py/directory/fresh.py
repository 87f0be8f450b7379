"""Directories that we have just made ourselves, brought to an exact owner and mode by descriptor."""
from __future__ import annotations

import os

from pam_mktemp_py.directory.base import FLAGS, NO_FLAGS
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import acl, inode_flags


def directory(parent: int, name: str, mode: int, path: str) -> int:
    """Make `name` in `parent`, root:root with exactly `mode` and no ACL; its descriptor.

    Raises FileExistsError if the name is taken, DirectoryError if what was made is not what was asked for.
    """
    # 0700 first: a default ACL of the parent then cannot let anyone in, since its mask becomes ---.
    os.mkdir(name, 0o700, dir_fd=parent)
    fd = os.open(name, FLAGS, dir_fd=parent)
    try:
        if os.fstat(fd).st_uid != 0:
            raise DirectoryError(path, "what was made as root is not root's", "is the file system idmapped or NFS?")
        settle(fd, mode, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def settle(fd: int, mode: int, path: str) -> None:
    """Bring a directory that root owns to root:root and exactly `mode`, without ACLs and append-only flag."""
    try:
        inode_flags.set_append_only(fd, False)  # chmod of an append-only directory fails; some inherit it
    except OSError as error:
        if error.errno not in NO_FLAGS:
            raise
    acl.strip(fd)
    os.fchmod(fd, mode)
    os.fchown(fd, 0, 0)  # a setgid parent, or the caller's group
    now = os.fstat(fd)
    if (now.st_uid, now.st_gid, now.st_mode & 0o7777) != (0, 0, mode):
        raise DirectoryError(path, f"mode {mode:o} and owner root could not be set", "which file system is it on?")
