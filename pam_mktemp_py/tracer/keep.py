"""A copy of the log where the user wants it, made of nothing that somebody else laid there."""
from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress

from pam_mktemp_py.errors import TraceError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STEP = os.O_PATH | os.O_CLOEXEC
_MOST_LINKS = 40  # as many as the kernel follows, path_resolution(7)


def check(target: str) -> None:
    """TraceError if `keep` would refuse the target as it is now: said before the run, not after it."""
    folder, name = _split(target)
    try:
        fd = _opened(folder)
    except OSError as error:
        raise TraceError(target, f"the log cannot be kept there: {error.strerror}", "name another file") from error
    try:
        _refuse(fd, name, target)
        if not os.access(f"/proc/self/fd/{fd}", os.W_OK | os.X_OK, effective_ids=True):
            raise TraceError(target, "the log cannot be kept there: you may not write there", "name another file")
    finally:
        os.close(fd)


def keep(log: str, target: str) -> None:
    """Copy the log to `target`, mode 0600: a new file under another name first, renamed when it is whole.

    A file of our own is replaced. TraceError: another's file, a link or no plain file has the name, or no room.
    """
    folder, name = _split(target)
    try:
        fd = _opened(folder)
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


def _opened(folder: str) -> int:
    """Open the folder, step by step: a link on the way that is neither root's nor ours would lead us astray. OSError.

    To root writing into alice's home she could name any folder of the system by one.
    """
    steps = ["/"] * folder.startswith("/") + folder.split("/")
    at, links = os.open(".", _STEP), 0
    try:
        while steps:
            fd = os.open(steps.pop(0) or ".", _STEP | os.O_NOFOLLOW, dir_fd=at)
            found = os.fstat(fd)
            if not stat.S_ISLNK(found.st_mode):
                at, fd = fd, at
            elif found.st_uid in (0, os.geteuid()) and links < _MOST_LINKS:
                links += 1
                to = os.readlink("", dir_fd=fd)
                steps = ["/"] * to.startswith("/") + to.split("/") + steps
            else:
                os.close(fd)
                raise OSError(errno.ELOOP, "a link of another's is on the way")
            os.close(fd)
        return os.open(".", _FOLDER, dir_fd=at)
    finally:
        os.close(at)


def _refuse(folder: int, name: str, target: str) -> None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        raise TraceError(target, "what has this name is no plain file of yours", "name another file")


def _copy(log: str, folder: int, name: str) -> None:
    fresh = f".{os.urandom(8).hex()}.trace"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(log, "rb") as source, os.fdopen(fd, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):  # whose folder it is may have removed it
            os.unlink(fresh, dir_fd=folder)
        raise
