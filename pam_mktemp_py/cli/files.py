"""-o FILE: written whole or not at all, and never through somebody's link."""
from __future__ import annotations

import errno
import os
import stat
import tempfile


def check(path: str) -> None:
    """Raise what `write` would for want of a folder or a right: before a command changes anything. OSError."""
    if os.path.islink(path):
        raise _link(path)
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _link(path: str) -> OSError:
    return OSError(f"{path}: is a symbolic link, which -o does not follow; name its target, or - for the standard "
                   "output")


def write(path: str, text: str) -> None:
    """Put `text` into the file `path`, replacing it; into a device or a pipe as it is. OSError.

    A link is refused, not followed: in a shared directory it may be another user's choice of a target.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISLNK(found.st_mode):
            raise _link(path)
        if not stat.S_ISREG(found.st_mode):
            fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            who = os.fstat(fd)
            if stat.S_ISFIFO(who.st_mode) and who.st_uid not in (0, os.geteuid()):
                os.close(fd)
                raise OSError(f"{path}: is a pipe of uid {who.st_uid}, who would read it")
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            return
    _replace(path, data)


def _replace(path: str, data: bytes) -> None:
    folder, name = os.path.split(path)
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
    except OSError as error:  # say the name that was asked for, not the temporary one
        raise OSError(error.errno, error.strerror, path) from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(file.fileno(), 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise OSError(error.errno, error.strerror, path) from error
