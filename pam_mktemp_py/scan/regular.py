"""Opening what the walk saw, and nothing else."""
from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple


class Task(NamedTuple):
    """A regular file as the walk saw it: where, which inode, how many bytes."""

    path: str
    device: int
    inode: int
    size: int


def opened(task: Task) -> int:
    """A descriptor to read from. OSError; ESTALE: there is another file by now.

    Between the walk and this, a user can put a link where a directory of his was, to /dev say, where opening
    alone can do something: start the watchdog, rewind a tape. So the path is only looked up (O_PATH), and what
    was found is opened, through /proc, if it is the inode that the walk saw.
    """
    found = os.open(task.path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        seen = os.fstat(found)
        if (seen.st_dev, seen.st_ino) != (task.device, task.inode) or not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.ESTALE, "it was replaced while the scan ran", task.path)
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(found)


def start(fd: int, length: int) -> bytes:
    """The first `length` bytes of a file, fewer if it is shorter by now. OSError."""
    data = os.pread(fd, length, 0)
    while 0 < len(data) < length:  # a read of more than 2 GB, or from a file system that does so
        more = os.pread(fd, length - len(data), len(data))
        if not more:
            break
        data += more
    return data
