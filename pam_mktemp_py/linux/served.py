"""What bears a name, without asking the FUSE file system that a user may have mounted there.

Its server may never answer (allow_other), and who waits for it cannot even be killed. A path alone (O_PATH) asks
nobody, and the kernel itself knows which mount that is on.
"""
from __future__ import annotations

import errno
import os

# What a FUSE file system that a user has mounted on a name, or the dead server of one, answers: not root's, whatever it
# is. EACCES also from opened() and look().
UNSEEN = frozenset((errno.EACCES, errno.ENOTCONN, errno.EIO))
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC


def opened(folder: int, name: str) -> int:
    """A descriptor, with O_PATH, of what bears the name in an open directory; OSError.

    PermissionError where that is a FUSE file system mounted on it: what the kernel says to root without allow_other.
    """
    fd = os.open(name, _PATH, dir_fd=folder)
    try:
        mount = _mount(fd)
        if mount != _mount(folder) and _is_fuse(mount):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    except BaseException:
        os.close(fd)
        raise
    return fd


def look(folder: int, name: str) -> os.stat_result:
    """lstat(2) of that; OSError as opened()."""
    fd = opened(folder, name)
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _mount(fd: int) -> bytes:
    """The number of the mount that a descriptor is on (proc_pid_fdinfo(5))."""
    info = os.open(f"/proc/self/fdinfo/{fd}", _READ)
    try:
        return os.read(info, 4096).partition(b"mnt_id:")[2].split(None, 1)[0]
    finally:
        os.close(info)


def _is_fuse(mount: bytes) -> bool:
    """Also one that has just been taken away."""
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            if line.split(b" ", 1)[0] == mount:
                return line.partition(b" - ")[2].startswith(b"fuse")
    return True
