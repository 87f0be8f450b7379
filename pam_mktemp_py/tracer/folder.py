"""The two fresh folders of a run: the one that TMPDIR names, and the one for the log."""
from __future__ import annotations

import bisect
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux import mounts, remove
from pam_mktemp_py.linux.accounts import Account

PREFIX = ".detect-"
SHOWN = 20  # names of what a command left in its directory
LONGEST = 45  # bytes of a TMPDIR that Chromium, Ray and sockets can use
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Private:
    """What TMPDIR names, in a folder that only the account can enter.

    `fd` is open on it within the context: the account can put something else at its path. `left` are names that were
    in it at the end (at most SHOWN of `count`); `keep` says why it must not be removed, '' if it shall be; `notes` are
    sentences about what was not removed. All three are of use after the context.
    """

    path: str
    fd: int = -1
    keep: str = ""
    left: list[str] = field(default_factory=list)
    count: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Made:
    """A folder of ours: its parent and itself as descriptors, its name, its full path, and when it was made (ns)."""

    parent: int
    fd: int
    name: str
    path: str
    begin: int


@contextmanager
def private_folder(account: Account | None, base: str = "/tmp") -> Iterator[Private]:
    """A directory like /tmp itself (01777, root's if we are root), in a closed one of the account (None: ours).

    TraceError if `base` is not root's with the sticky bit, or has no room.
    """
    with _folder(base) as made:
        found, inner = Private(f"{made.path}/tmp"), -1
        try:
            inner = found.fd = _inner(made)
            os.fchmod(inner, 0o1777)
            if account is not None and account.uid != os.geteuid():
                os.fchown(made.fd, account.uid, account.gid)
            if len(os.fsencode(found.path)) > LONGEST:
                raise TraceError(found.path, f"it is longer than {LONGEST} bytes", f"use a shorter path than {base}")
            yield found
        finally:
            if inner >= 0:
                _look(found, inner)
                os.close(inner)
            _remove(made, found)


def _inner(made: _Made) -> int:
    try:
        os.mkdir("tmp", 0o700, dir_fd=made.fd)
        return os.open("tmp", _OPEN, dir_fd=made.fd)
    except OSError as error:
        raise _unmade(made.path, error) from error


@contextmanager
def log_folder(base: str = "/var/tmp") -> Iterator[str]:
    """A folder that only we can enter, removed at the end with all that is in it. TraceError as above."""
    with _folder(base) as made:
        try:
            yield made.path
        finally:
            _remove(made, Private(made.path))


@contextmanager
def _folder(base: str) -> Iterator[_Made]:
    where = os.path.realpath(base)  # once: /var/tmp may be a link of the administrator's
    try:
        parent = os.open(where, _OPEN)
    except OSError as error:
        raise _unmade(base, error) from error
    try:
        found = os.fstat(parent)
        if found.st_uid != 0 or not found.st_mode & stat.S_ISVTX and found.st_mode & 0o022:
            raise TraceError(base, "others can rename what is in it: it must be root's, with mode 1777",
                             f"as root: chown root:root {base} && chmod 1777 {base}")
        try:
            name, fd = _fresh(parent)
        except OSError as error:
            raise _unmade(where, error) from error
        try:
            yield _Made(parent, fd, name, f"{where}/{name}", os.fstat(fd).st_ctime_ns)
        finally:
            os.close(fd)
    finally:
        os.close(parent)


def _fresh(parent: int) -> tuple[str, int]:
    """Make and open a folder of a name that nobody can guess; mkdir(2) fails on any that exists, whatever it is."""
    while True:
        name = PREFIX + os.urandom(5).hex()
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            continue
        try:
            return name, os.open(name, _OPEN, dir_fd=parent)
        except OSError:  # EMFILE
            os.rmdir(name, dir_fd=parent)
            raise


def _unmade(path: str, error: OSError) -> TraceError:
    return TraceError(path, f"no folder can be made there: {error.strerror}", "make room, or see who may write there")


def _look(found: Private, inner: int) -> None:
    """Not all names at once: there may be more than memory holds."""
    with os.scandir(inner) as entries:
        for entry in entries:
            found.count += 1
            bisect.insort(found.left, entry.name)
            del found.left[SHOWN:]


def _remove(made: _Made, found: Private) -> None:
    """By descriptor: the account could have put anything at the name of its own folder meanwhile."""
    mounted = [point for point in mounts.points() if point == made.path or point.startswith(f"{made.path}/")]
    if mounted:
        found.keep = f"{mounted[0]} is mounted"
    if not found.keep:
        try:
            left = remove.empty(made.fd, made.begin)
            if not left and _is_still(made):
                os.rmdir(made.name, dir_fd=made.parent)
                return
            found.keep = "something else has its name"
            if left:
                found.keep = f"{left[0]!r} in it cannot be removed, or holds what is older than it"
        except OSError as error:
            found.keep = error.strerror or str(error)
    found.notes.append(f"{made.path} was not removed: {found.keep}")


def _is_still(made: _Made) -> bool:
    """Whether the name still is that of the folder that was made."""
    try:
        return os.path.samestat(os.stat(made.name, dir_fd=made.parent, follow_symlinks=False), os.fstat(made.fd))
    except FileNotFoundError:
        return False
