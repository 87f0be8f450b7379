"""A file of root's opened without trusting its path, and refused if it is not what an editor would expect."""
from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass

from pam_mktemp_py.errors import StackError
from pam_mktemp_py.linux import inode_flags, mounts

LARGEST = 1 << 18  # bytes; PAM's own files have some hundred
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class File:
    """A file as it was read: content, owner, mode and extended attributes (ACL and SELinux's label among them)."""

    data: bytes
    uid: int
    gid: int
    mode: int
    attributes: tuple[tuple[str, bytes], ...]


def folder(path: str) -> int:
    """A descriptor of a folder that only root can change, on a path that only root can change.

    Raises StackError, OSError; no component may be a symbolic link.
    """
    at = os.open("/", _FLAGS | os.O_DIRECTORY)
    walked = ""
    try:
        for name in ["", *filter(None, path.split("/"))]:
            if name:
                walked += f"/{name}"
                below = _open(at, name, walked, os.O_DIRECTORY)
                os.close(at)
                at = below
            _refuse_others(os.fstat(at), walked or "/")
        _refuse_flags(at, walked)
    except BaseException:
        os.close(at)
        raise
    return at


def read(at: int, name: str, path: str) -> File:
    """The file `name` in the open folder `at`; `path` is for messages. Raises StackError, OSError."""
    fd = _open(at, name, path)
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise StackError(path, "is no regular file", "put a file there, or name another service")
        _refuse_others(about, path)
        if about.st_size > LARGEST:
            raise StackError(path, f"is larger than {LARGEST} bytes, which no PAM file is", "look what is in it")
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(LARGEST + 1)
        return File(data, about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode), _attributes(fd))
    finally:
        os.close(fd)


def set_attributes(fd: int, attributes: tuple[tuple[str, bytes], ...]) -> None:
    """Give the open file these extended attributes, and none that its folder's default list gave it. OSError."""
    wanted = dict(attributes)
    for name, _ in _attributes(fd):
        if name not in wanted:
            os.removexattr(fd, name)
    for name, value in attributes:
        os.setxattr(fd, name, value)


def refuse_unchangeable(at: int, name: str, path: str) -> None:
    """Raise StackError for what a new file in its place would not be the same as: other names, flags, a mount."""
    fd = _open(at, name, path)
    try:
        if os.fstat(fd).st_nlink > 1:
            raise StackError(path, "has more than one name (hard links), and the others would keep the old content",
                             f"make it a file of its own: cp -p {path} {path}.new && mv {path}.new {path}")
        _refuse_flags(fd, path)
    finally:
        os.close(fd)
    if path in mounts.points():
        raise StackError(path, "is a mount point of its own, and cannot be replaced", f"umount {path}")


def refuse_text(data: bytes, path: str) -> None:
    """Raise StackError for bytes that libpam does not read as an editor shows them."""
    if b"\r" in data:
        raise StackError(path, "has lines that end in CR LF, which libpam takes for part of the last word",
                         rf"take them out: sed -i 's/\r$//' {path}")
    if b"\0" in data:
        raise StackError(path, "holds a NUL byte: it was not written whole, or is no text", "restore the file")


def _open(at: int, name: str, path: str, more: int = 0) -> int:
    try:
        return os.open(name, _FLAGS | more, dir_fd=at)
    except OSError as error:
        with contextlib.suppress(OSError):  # no link
            target = os.readlink(name, dir_fd=at)
            raise StackError(path, f"is a symbolic link to {target}, which something else manages",
                             "change what manages it, or put a file in its place") from error
        raise OSError(error.errno, error.strerror, path) from error


def _refuse_others(about: os.stat_result, path: str) -> None:
    if about.st_uid != 0:
        raise StackError(path, f"belongs to uid {about.st_uid}, who could write into every login",
                         f"chown root:root {path}")
    # With an access list the group's bits are its mask: the most that anyone named in it may do.
    if about.st_mode & 0o022:
        raise StackError(path, f"can be written by others (mode {stat.S_IMODE(about.st_mode):04o})",
                         f"chmod go-w {path}")


def _refuse_flags(fd: int, path: str) -> None:
    try:
        flags = inode_flags.get(fd)
    except OSError:  # no such flags on this file system
        return
    for flag, letter, word in ((inode_flags.FS_IMMUTABLE_FL, "i", "immutable"),
                               (inode_flags.FS_APPEND_FL, "a", "append-only")):
        if flags & flag:
            raise StackError(path, f"is {word}: somebody wants it to stay as it is", f"chattr -{letter} {path}")


def _attributes(fd: int) -> tuple[tuple[str, bytes], ...]:
    try:
        return tuple((name, os.getxattr(fd, name)) for name in sorted(os.listxattr(fd)))
    except OSError:  # none on this file system
        return ()
