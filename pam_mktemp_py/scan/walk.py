"""Which files lie below the arguments: no link is followed, no mount entered, nothing but directories opened."""
from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pam_mktemp_py.linux import mounts
from pam_mktemp_py.scan.regular import Task

MOST_NAMES = 8  # of one inode that are looked at: links cost a hostile user nothing
ELSEWHERE = "another file system is mounted there; name it as a PATH too"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC


class _Folder(NamedTuple):
    """A directory to be entered: as it is shown, without links, and its inode."""

    shown: str
    real: str
    device: int
    inode: int


class Walk:
    """The regular files below `paths`; each directory, each argument and each file with many names once.

    `excluded` are globs for names or for whole paths, a slash at their end is as if it weren't there.
    `skipped(path, why)` is told what could not be entered.
    Links in the arguments are followed, since who typed them meant them; links below are other users' choices.
    """

    def __init__(self, paths: Sequence[str], excluded: Sequence[str], skipped: Callable[[str, str], None]) -> None:
        self._paths = paths
        globs = [fnmatch.translate(each.rstrip("/") or each) for each in excluded]
        self._excluded = re.compile("|".join(globs)).match if globs else None
        self._skipped = skipped
        self._seen: set[tuple[int, int]] = set()
        # A mount point is known by its name: asking a user's own FUSE file system about it could take for ever.
        self._points = frozenset(mounts.points())

    def __iter__(self) -> Iterator[Task]:
        """OSError if an argument itself is not there or can't be looked up."""
        for path in sorted(self._paths, key=os.path.isdir):  # files first: they are not seen again below the others
            real = os.path.realpath(path)
            top = os.stat(real)
            if (top.st_dev, top.st_ino) in self._seen:
                continue
            if stat.S_ISREG(top.st_mode):
                self._seen.add((top.st_dev, top.st_ino))
                yield Task(real if os.path.islink(path) else path, top.st_dev, top.st_ino, top.st_size)
            elif stat.S_ISDIR(top.st_mode):
                yield from self._below(_Folder(path.rstrip("/") or "/", real, top.st_dev, top.st_ino))
            else:
                raise OSError(errno.EINVAL, "neither a file nor a directory", path)

    def _below(self, top: _Folder) -> Iterator[Task]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            if (folder.device, folder.inode) in self._seen:
                continue
            self._seen.add((folder.device, folder.inode))
            try:
                yield from self._entries(folder, waiting)
            except OSError as error:  # whatever it is, it is told, and the others are looked at
                self._skipped(folder.shown, error.strerror or str(error))

    def _entries(self, folder: _Folder, waiting: list[_Folder]) -> Iterator[Task]:
        fd = os.open(folder.real, _OPEN)
        try:
            now = os.fstat(fd)
            if (now.st_dev, now.st_ino) != (folder.device, folder.inode):  # a link was put in its place
                raise OSError(errno.ESTALE, "it was replaced while the scan ran")
            before, real = folder.shown.rstrip("/") + "/", folder.real.rstrip("/") + "/"
            with os.scandir(fd) as entries:
                for entry in entries:
                    if self._excluded and (self._excluded(entry.name) or self._excluded(before + entry.name)):
                        continue
                    if real + entry.name in self._points:
                        self._skipped(before + entry.name, ELSEWHERE)
                        continue
                    file, is_folder = entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False)
                    if not file and not is_folder:
                        continue
                    yield from self._entry(entry, before, real, now.st_dev, waiting)
        finally:
            os.close(fd)

    def _entry(self, entry: os.DirEntry[str], before: str, real: str, device: int,
               waiting: list[_Folder]) -> Iterator[Task]:
        """The file, or nothing and one more directory that waits."""
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISREG(status.st_mode):  # on an overlay, each layer's files have a device number of their own
            if (status.st_dev, status.st_ino) not in self._seen:
                if status.st_nlink > MOST_NAMES:
                    self._seen.add((status.st_dev, status.st_ino))
                yield Task(before + entry.name, status.st_dev, status.st_ino, status.st_size)
        elif stat.S_ISDIR(status.st_mode) and status.st_dev != device:
            self._skipped(before + entry.name, ELSEWHERE)
        elif stat.S_ISDIR(status.st_mode):
            waiting.append(_Folder(before + entry.name, real + entry.name, status.st_dev, status.st_ino))
