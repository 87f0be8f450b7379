"""Facts that must survive /tmp, each a symbolic link in a folder of /var/lib/pam-mktemp.

A link is made and replaced in one step and read with one system call; its target is the text.
"""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.boot import boottime_ns

_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.EINVAL))


def read(root: str, folder: str, name: str) -> str:
    """The text kept under this name, '' if there is none."""
    try:
        return os.readlink(f"{root}/{folder}/{name}")
    except OSError as error:
        if error.errno in _ABSENT:
            return ""
        raise


def write(root: str, folder: str, name: str, text: str) -> None:
    """Keep `text` under this name, replacing another; OSError, DirectoryError for a folder not root's."""
    if read(root, folder, name) == text:
        return
    for path in (root, f"{root}/{folder}"):
        _root_only(path)
    # Names never begin with a dot, so a leftover of a killed run is read by nobody.
    new = f"{root}/{folder}/.{name}.{boottime_ns()}"
    os.symlink(text, new)
    try:
        os.rename(new, f"{root}/{folder}/{name}")
    except BaseException:
        os.unlink(new)
        raise


def forget(root: str, folder: str, name: str) -> None:
    """Drop what is kept under this name; nothing kept is fine."""
    try:
        os.unlink(f"{root}/{folder}/{name}")
    except OSError as error:
        if error.errno not in _ABSENT:
            raise


def _root_only(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    found = os.stat(path, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise DirectoryError(path, "is not a directory that only root can write", "look who changed it")
