"""Which of the mount calls a kernel has, found out by trying them; and which mount a path is on.

Importing this loads ctypes: only rare paths may.
"""
from __future__ import annotations

import ctypes
import errno
import os
import sys

MOUNT_SETATTR = 442  # asm-generic/unistd.h: the same on every architecture but alpha
STATX_MNT_ID, STATX_MNT_ID_UNIQUE = 0x1000, 0x4000  # linux/stat.h
_AT_FDCWD = -100
_SIZE, _MOUNT = 256, 144  # of struct statx; the mask is its first field, and there is stx_mnt_id

_libc = ctypes.CDLL(None, use_errno=True)


def has_new() -> bool:
    """Whether there is mount_setattr(2), the youngest of the calls that shims/plan/mount.c wants, and as it asks:
    EINVAL comes from one that is there, ENOSYS or what a container's filter says from one that is not."""
    failed = _libc.syscall(MOUNT_SETATTR, -1, b"", 0, None, 0)
    return failed == 0 or ctypes.get_errno() == errno.EINVAL


def tells_mount(path: str = "/") -> bool:
    """Whether statx(2) says which mount a path is on (STATX_MNT_ID); not before Linux 5.8."""
    return _mount(path, _AT_FDCWD, STATX_MNT_ID) is not None


def place(path: str, dir_fd: int | None = None) -> str:
    """"DEV.INO.MOUNT" of a directory, as shims/plan/mount.c has it for the mark of a view.

    From Linux 6.8 on no MOUNT is the number of another one, before or later; 0 before 5.8. Raises OSError.
    """
    about = os.stat(path, dir_fd=dir_fd)
    mount = _mount(path, _AT_FDCWD if dir_fd is None else dir_fd, STATX_MNT_ID | STATX_MNT_ID_UNIQUE)
    return f"{about.st_dev}.{about.st_ino}.{mount or 0}"


def _mount(path: str, folder: int, mask: int) -> int | None:
    about = ctypes.create_string_buffer(_SIZE)
    if _libc.statx(folder, os.fsencode(path), 0, mask, about) != 0:
        return None
    if not int.from_bytes(about.raw[:4], sys.byteorder) & mask:
        return None
    return int.from_bytes(about.raw[_MOUNT:_MOUNT + 8], sys.byteorder)
