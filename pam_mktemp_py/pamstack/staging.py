"""Putting many files in their places so that each is whole at every moment, and all of them or none change.

Everything is written beside its place first: what fails for want of room, or where nothing may be written,
fails before anything has changed. Then there are only renames, undone in reverse if one is refused. A kill in
between leaves some files new and some old, each whole, and temporary names that the next run removes.
"""
from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.pamstack import lock

NEW, OLD = "pam-mktemp-new", "pam-mktemp-old"
_CANNOT_EXCHANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS)
WAIT_SECONDS = 6.0  # a login waits 10 s for a planner


def beside(path: str, end: str) -> str:
    """The temporary name beside a file: hidden, so that whoever reads the whole folder passes it over."""
    folder, name = os.path.split(path)
    return f"{folder}/.{name}.{end}"


def write(path: str, data: bytes, mode: int) -> None:
    """A new file with this mode and content, on disk when this returns. OSError names the path."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # left by a run that was killed
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def remove(path: str) -> None:
    """Take away a file, a link or a whole folder, if there is one. OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


class Staging:
    """What is to be put in place. Use within locked(); `finish` or `undo` ends it."""

    def __init__(self) -> None:
        self.undos: list[Callable[[], object]] = []
        self.left: list[str] = []

    def add(self, path: str, data: bytes, mode: int) -> None:
        """Write a file beside its place. OSError; nothing has changed then."""
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        self.left += [beside(path, NEW), beside(path, OLD)]
        write(beside(path, NEW), data, mode)

    def put(self, path: str) -> None:
        """Move it into its place; what is there is kept for undo. A link there is replaced, not followed. OSError."""
        new, old = beside(path, NEW), beside(path, OLD)
        remove(old)
        try:
            os.link(path, old, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(new, path)
            self.undos.append(lambda: os.unlink(path))
            return
        os.rename(new, path)
        self.undos.append(lambda: os.replace(old, path))

    def take(self, path: str) -> None:
        """Take what no longer belongs there out of its place; kept for undo. OSError."""
        old = beside(path, OLD)
        self.left.append(old)
        remove(old)
        os.rename(path, old)
        self.undos.append(lambda: os.replace(old, path))

    def put_absent(self, path: str) -> None:
        """Move it into its place unless something is there by now. OSError."""
        with contextlib.suppress(FileExistsError):
            os.link(beside(path, NEW), path)
            self.undos.append(lambda: os.unlink(path))

    def put_folder(self, new: str, path: str) -> None:
        """Let a folder take the place of another in one step. OSError.

        An overlay, as containers have it, cannot exchange what lies in a lower layer: there the name is free
        for a moment, and it cannot be undone.
        """
        self.left.append(new)
        if not os.path.lexists(path):
            os.rename(new, path)
            self.undos.append(lambda: os.rename(path, new))
            return
        from pam_mktemp_py.linux.rename import exchange
        top = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            exchange(top, path, new)
            self.undos.append(lambda: swap_back(path, new))
        except OSError as error:
            if error.errno not in _CANNOT_EXCHANGE:
                raise
            remove(path)
            os.rename(new, path)
        finally:
            os.close(top)

    def undo(self) -> None:
        """Put back what was there, and remove what was written."""
        while self.undos:
            self.undos.pop()()
        self.finish()

    def finish(self) -> None:
        """Remove the temporary names."""
        for path in self.left:
            remove(path)


def swap_back(path: str, new: str) -> None:
    """Undo an exchange."""
    from pam_mktemp_py.linux.rename import exchange
    top = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        exchange(top, path, new)
    finally:
        os.close(top)


@contextlib.contextmanager
def locked(libdir: str) -> Iterator[None]:
    """One installation or removal at a time; the next one waits. OSError.

    A file of its own, which nobody else can open: a folder could be locked by every user, for ever. The
    caller's umask is set aside, else what is made could be writable by others, or closed to them.
    """
    name = f"{libdir}.lock"
    umask = os.umask(0o022)
    os.makedirs(os.path.dirname(name), 0o755, exist_ok=True)
    held = -1
    try:
        while held < 0 or not _is(held, name):
            if held >= 0:
                os.close(held)
            held = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        if held >= 0:
            os.unlink(name)
            os.close(held)
        os.umask(umask)


def _is(fd: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(name, follow_symlinks=False))
    except FileNotFoundError:  # the one before us has removed it: another may have made a new one
        return False


@contextlib.contextmanager
def no_planner(folder: str = paths.SLOTS, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """No planner runs inside: one that imports late must not get half of it from another version.

    Logins that need one wait for it, 10 s at most, as they do where many log in at once. If the ones that
    run do not end in time, it goes on without. With "" for the folder of their slots nothing is waited for.
    """
    held: list[int] = []
    slots = os.sysconf("SC_NPROCESSORS_CONF") if folder else 0
    end = time.monotonic() + seconds
    try:
        for number in range(slots):
            try:
                held.append(os.open(f"{folder}/{number}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            except (FileNotFoundError, NotADirectoryError):  # none has ever run
                break
            while not lock.taken(held[-1]) and time.monotonic() < end:
                time.sleep(0.005)
        yield
    finally:
        for fd in held:
            os.close(fd)
