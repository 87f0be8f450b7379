"""Files replaced all together or not at all, and put back as they were.

A new file is written beside the old one and exchanged with it in one step, so a kill at any moment leaves
a whole file, old or new, in its place. The old one is kept under the hidden name until all is done: it
is compared with what was read, so that what somebody else wrote meanwhile is not lost, and to put it back is
to exchange the two again.
"""
from __future__ import annotations

import contextlib
import difflib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from pam_mktemp_py import log
from pam_mktemp_py.errors import StackError
from pam_mktemp_py.pamstack import checked, signals
from pam_mktemp_py.pamstack.checked import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Exchange = Callable[[int, str, str], None]

NEW, OLD = ".pam-mktemp", ".pam-mktemp-old"
MEANWHILE = "was changed by somebody else meanwhile"
AGAIN = "nothing was changed; run it again"
_NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EXDEV)


@dataclass(frozen=True)
class Change:
    """A file as it is and as it shall be."""

    path: str
    before: bytes
    after: bytes

    def diff(self) -> str:
        """The unified diff; bytes that are no UTF-8 are shown as they are escaped."""
        before, after = (data.decode("utf-8", "backslashreplace") for data in (self.before, self.after))
        found = difflib.unified_diff(_kept_lines(before), _kept_lines(after), self.path, self.path)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def _kept_lines(text: str) -> list[str]:
    """Split at newlines alone: a form feed ends no line of PAM's."""
    return [line + "\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.split("\n")[-1]) else [])


def current(path: str) -> bytes:
    """The content of a file that can be changed. Raises StackError if it cannot, OSError."""
    at = checked.folder(os.path.dirname(path))
    try:
        name = os.path.basename(path)
        found = checked.read(at, name, path)
        checked.refuse_unchangeable(at, name, path)
        return found.data
    finally:
        os.close(at)


@contextlib.contextmanager
def replaced(changes: list[Change]) -> Iterator[None]:
    """Inside, all files are as they shall be; an exception puts all back. Raises StackError, OSError.

    One at a time, see lock.py.
    """
    done: list[Replacement] = []
    with signals.as_interrupts(), contextlib.ExitStack() as stack:
        try:
            for change in changes:  # what fails for want of room fails before anything has changed
                done.append(Replacement(change))
                stack.callback(done[-1].close)
            for each in done:
                each.stage()
            with signals.held_back():
                for each in done:
                    each.swap()
            yield
            for each in done:  # all of them, before one can no longer be put back
                each.settle()
        except BaseException as error:
            with signals.held_back():
                left = _put_back(done, error)
            if left and isinstance(error, StackError):  # which may say that the old files are in place
                raise StackError(left[0], f"could not be put back, see the log; that was to be, because {error.path}: "
                                 f"{error.what}", "look at it, then run it again") from error
            raise


def _put_back(done: list[Replacement], error: BaseException) -> list[str]:
    """Put back all that can be; the paths of the others."""
    left = []
    for each in reversed(done):
        if not each.swapped:
            continue
        try:
            each.back()
            why = str(error) or type(error).__name__
            log.say("put-back", f"{each.path}: is as it was before, because: {why}", log.WARNING)
        except (StackError, OSError) as worse:  # the others shall be put back nevertheless
            log.say("put-back", f"{each.path}: could not be put back: {worse}", log.ERROR)
            left.append(each.path)
    return left


def sweep(folder: str) -> None:
    """Remove what a killed run has left in a folder. StackError, OSError."""
    at = checked.folder(folder)
    try:
        for name in os.listdir(at):
            if name.startswith(".") and name.endswith((NEW, OLD)):
                if stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=at)
    finally:
        os.close(at)


class Replacement:
    """One file on its way."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.path = change.path
        folder, self.name = os.path.split(change.path)
        self.new, self.old = f".{self.name}{NEW}", f".{self.name}{OLD}"
        self.swapped = False
        self.at = checked.folder(folder)
        self.was: File | None = None

    def stage(self) -> None:
        """Write the new file beside the old one, with its owner, mode and attributes."""
        was = self.was = checked.read(self.at, self.name, self.path)
        checked.refuse_unchangeable(self.at, self.name, self.path)
        if was.data != self.change.before:
            raise StackError(self.path, MEANWHILE, AGAIN)
        with self._named():
            fd = os.open(self.new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
                         dir_fd=self.at)
            with os.fdopen(fd, "wb") as file:
                file.write(self.change.after)
                file.flush()
                os.fchown(fd, was.uid, was.gid)
                checked.set_attributes(fd, was.attributes)
                os.fchmod(fd, was.mode)
                os.fsync(fd)
        made = checked.read(self.at, self.new, self.path)
        if made != File(self.change.after, was.uid, was.gid, was.mode, was.attributes):
            raise StackError(self.path, "its owner, mode or attributes cannot be kept", "nothing was changed")

    def swap(self, exchange: Exchange | None = None) -> None:
        """Put the new file in the place of the old one, and see that it was the one that had been read.

        `exchange` is rename.exchange or a stand-in. Where there is none, a second name keeps the old file.
        """
        from pam_mktemp_py.linux import rename  # ctypes
        try:
            with self._named(_NO_EXCHANGE):
                (exchange or rename.exchange)(self.at, self.new, self.name)
                self.old = self.new
        except OSError as error:
            if error.errno not in _NO_EXCHANGE:
                raise
            with self._named():
                os.link(self.name, self.old, src_dir_fd=self.at, dst_dir_fd=self.at, follow_symlinks=False)
                self._unchanged()
                os.rename(self.new, self.name, src_dir_fd=self.at, dst_dir_fd=self.at)
        self.swapped = True
        self._unchanged()
        os.fsync(self.at)

    def settle(self) -> None:
        """The old file is no longer needed, unless one who had it open has written to it: StackError."""
        self._unchanged()

    def back(self) -> None:
        """Put the old file back. StackError if somebody has written over the new one since: what they wrote stays."""
        if checked.read(self.at, self.name, self.path).data != self.change.after:
            raise StackError(self.path, MEANWHILE, "their version is in its place")
        with self._named():
            os.rename(self.old, self.name, src_dir_fd=self.at, dst_dir_fd=self.at)
            os.fsync(self.at)
        self.swapped = False

    def close(self) -> None:
        """Remove the hidden names, and end."""
        for name in (self.new, self.old):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self.at)
        os.close(self.at)

    def _unchanged(self) -> None:
        """By content: where a file is copied up in an overlay, it gets another inode."""
        try:
            found: File | None = checked.read(self.at, self.old, self.path)
        except (StackError, OSError):
            found = None
        if found != self.was:
            raise StackError(self.path, MEANWHILE, "their version is in its place; run it again")

    @contextlib.contextmanager
    def _named(self, let_through: tuple[int, ...] = ()) -> Iterator[None]:
        """Errors name the file that was asked for, not the hidden one."""
        try:
            yield
        except OSError as error:
            if error.errno in let_through:
                raise
            raise OSError(error.errno, error.strerror, self.path) from error
