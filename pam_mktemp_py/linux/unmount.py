"""umount2(2). Importing this loads ctypes, which costs more than a login: only rare paths may."""
from __future__ import annotations

import ctypes
import os

MNT_DETACH = 2  # linux/fs.h
UMOUNT_NOFOLLOW = 8

_umount2 = ctypes.CDLL(None, use_errno=True).umount2
_umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_umount2.restype = ctypes.c_int


def detach(directory: int, name: str) -> None:
    """Take what is mounted on `name` in an open directory out of sight; OSError (EINVAL: nothing is mounted there)."""
    if _umount2(os.fsencode(f"/proc/self/fd/{directory}/{name}"), MNT_DETACH | UMOUNT_NOFOLLOW) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
