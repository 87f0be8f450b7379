"""The two root-only folders inside .private, and moving aside what was found wrong.

Nothing that is moved aside is changed before it is where only root can reach it; a file that may be a hard
link to /etc/shadow is never changed at all.
"""
from __future__ import annotations

import os
import stat

from pam_mktemp_py import log
from pam_mktemp_py.directory import fresh
from pam_mktemp_py.directory.base import NO_FLAGS, enter
from pam_mktemp_py.linux import acl, inode_flags
from pam_mktemp_py.linux.boot import boottime_ns

NEW = ".new"
ASIDE = ".aside"
_BAD = ".bad"
_MODE = 0o700


class Rooms:
    """Descriptors of .new and .aside inside a .private that was verified. Only under the lock."""

    def __init__(self, parent: int, path: str) -> None:
        self.parent = parent
        self.path = path
        self.bad = _BAD
        self.new = self.aside = -1
        try:
            self.aside = self._room(ASIDE)
            for bad in {_BAD, self.bad}:  # _BAD also of a run that was killed in between
                self._put_aside(bad)
            self.new = self._room(NEW)
            self.sweep()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close both descriptors."""
        for fd in (self.new, self.aside):
            if fd >= 0:
                os.close(fd)
        self.new = self.aside = -1

    def move(self, parent: int, name: str, label: str, path: str, why: str) -> None:
        """Move `name` out of the open directory `parent` into .aside and shut it there; logged.

        OSError if it cannot be moved (EBUSY: a mount point; EXDEV: below an overlay).
        """
        moved = f"{label}.{boottime_ns()}"
        before = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self._release(parent, name)
        os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=self.aside)
        if stat.S_ISDIR(before.st_mode):
            self._shut(moved, before)
        log.say("moved-aside", f"{path}: {why}; uid {before.st_uid}, mode {before.st_mode:o}; "
                f"now {self.path}/{ASIDE}/{moved}", log.WARNING)

    def _room(self, name: str) -> int:
        fd = enter(self.parent, name)
        if fd is not None:
            found = os.fstat(fd)
            if (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, _MODE) and acl.get(fd) is None:
                return fd
            os.close(fd)
        path = f"{self.path}/{name}"
        try:
            return fresh.directory(self.parent, name, _MODE, path)
        except FileExistsError:  # planted while .private was writable
            pass
        if self.aside >= 0:
            self._put_aside(name)
        else:  # .aside itself: out of the way, and into the new one as soon as that is there
            self._release(self.parent, name)
            self._rename_to_bad(name)
        return fresh.directory(self.parent, name, _MODE, path)

    def _rename_to_bad(self, name: str) -> None:
        try:
            os.stat(_BAD, dir_fd=self.parent, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            # Not over what is there: if both are links to one file, rename() does nothing and says it did.
            self.bad = f"{_BAD}.{boottime_ns()}"
        os.rename(name, self.bad, src_dir_fd=self.parent, dst_dir_fd=self.parent)

    def _release(self, parent: int, name: str) -> None:
        """Clear the append-only flag of our parent and of the directory, or neither could be moved."""
        fds = [self.parent] if parent == self.parent else []
        victim = enter(parent, name)
        try:
            for fd in fds if victim is None else [*fds, victim]:
                inode_flags.set_append_only(fd, False)
        except OSError as error:
            if error.errno not in NO_FLAGS:
                raise
        finally:
            if victim is not None:
                os.close(victim)

    def _put_aside(self, name: str) -> None:
        try:
            self.move(self.parent, name, name.lstrip("."), f"{self.path}/{name}", "planted in our folder")
        except FileNotFoundError:
            pass

    def _shut(self, moved: str, before: os.stat_result) -> None:
        fd = enter(self.aside, moved)
        if fd is None:
            return
        try:
            # In a sticky folder its owner may have exchanged it before the rename: then it is another's.
            if os.path.samestat(os.fstat(fd), before):
                acl.strip(fd)
                os.fchmod(fd, 0)
        finally:
            os.close(fd)

    def sweep(self) -> None:
        """Remove what a killed run was building; nobody but root was ever inside."""
        for name in os.listdir(self.new):
            try:
                self._remove(name)
            except OSError:  # not of our making (.new was checked only now), or not empty
                self.move(self.new, name, "new", f"{self.path}/{NEW}/{name}", "not ours to build on")

    def _remove(self, name: str) -> None:
        if (fd := enter(self.new, name)) is not None:
            try:
                for leaf in os.listdir(fd):
                    os.rmdir(leaf, dir_fd=fd)
            finally:
                os.close(fd)
        os.rmdir(name, dir_fd=self.new)
