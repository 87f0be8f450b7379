"""renameat2(2). Importing this loads ctypes, which costs more than a login: only rare paths may."""
from __future__ import annotations

import ctypes
import os

RENAME_EXCHANGE = 2  # linux/fs.h

_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
_renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_renameat2.restype = ctypes.c_int


def exchange(directory: int, a: str, b: str) -> None:
    """Swap two entries of an open directory, of any types, in one step; OSError (ENOENT, EINVAL, EBUSY)."""
    if _renameat2(directory, os.fsencode(a), directory, os.fsencode(b), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), b)
