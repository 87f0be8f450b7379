"""A copy of the log where the user wants it, made of nothing that somebody else laid there."""
from __future__ import annotations

import os
import secrets
import shutil
import stat

from pam_mktemp_py.errors import TraceError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def check(target: str) -> None:
    """TraceError if `keep` would refuse the target as it is now: said before the run, not after it."""
    folder, name = _split(target)
    try:
        fd = os.open(folder, _FOLDER)
    except OSError as error:
        raise TraceError(target, f"the log cannot be kept there: {error.strerror}", "name another file") from error
    try:
        _refuse(fd, name, target)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise TraceError(target, "the log cannot be kept there: you may not write there", "name another file")
    finally:
        os.close(fd)


def keep(log: str, target: str) -> None:
    """Copy the log to `target`, mode 0600: a new file under another name first, renamed when it is whole.

    A file of our own is replaced. TraceError: another's file, a link or no plain file has the name, or no room.
    """
    folder, name = _split(target)
    try:
        fd = os.open(folder, _FOLDER)
        try:
            _refuse(fd, name, target)
            _copy(log, fd, name)
        finally:
            os.close(fd)
    except OSError as error:
        raise TraceError(target, f"the log could not be kept: {error.strerror}", "name another file") from error


def _split(target: str) -> tuple[str, str]:
    folder, name = os.path.split(target)
    if name in ("", ".", ".."):
        raise TraceError(target, "this names no file", "name a file for the log")
    return folder or ".", name


def _refuse(folder: int, name: str, target: str) -> None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        raise TraceError(target, "what has this name is no plain file of yours", "name another file")


def _copy(log: str, folder: int, name: str) -> None:
    fresh = f".{secrets.token_hex(8)}.trace"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(log, "rb") as source, os.fdopen(fd, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(fresh, dir_fd=folder)
        raise
