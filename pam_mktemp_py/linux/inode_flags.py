"""Inode flags of a file, as chattr(1) and lsattr(1) show them (ioctl_iflags(2))."""
from __future__ import annotations

import fcntl
import os
import sys

FS_IMMUTABLE_FL = 0x10  # linux/fs.h
FS_APPEND_FL = 0x20


def _request(machine: str, reads: bool, number: int) -> int:
    """_IOR('f', number, long) or _IOW('f', number, long), as asm/ioctl.h of the architecture builds it."""
    size = 8 if sys.maxsize > 1 << 32 else 4
    if machine.startswith(("ppc", "mips", "sparc", "alpha")):
        direction = (2 if reads else 4) << 29
    elif machine.startswith("parisc"):
        direction = (1 if reads else 2) << 30
    else:
        direction = (2 if reads else 1) << 30
    return direction | size << 16 | ord("f") << 8 | number


_MACHINE = os.uname().machine
FS_IOC_GETFLAGS = _request(_MACHINE, True, 1)
FS_IOC_SETFLAGS = _request(_MACHINE, False, 2)


def get(fd: int) -> int:
    """The flags of the open file; OSError (ENOTTY, EOPNOTSUPP) where the file system has none."""
    # The request says long, the kernel reads and writes 32 bits.
    return int.from_bytes(fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8))[:4], sys.byteorder)


def set_append_only(fd: int, on: bool) -> None:
    """Set or clear the append-only flag and no other one; OSError (EPERM without CAP_LINUX_IMMUTABLE)."""
    now = get(fd)
    flags = now | FS_APPEND_FL if on else now & ~FS_APPEND_FL
    if flags != now:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, flags.to_bytes(4, sys.byteorder) + bytes(4))
