"""flock(2) without waiting."""
from __future__ import annotations

import errno
import fcntl

_HELD = frozenset((errno.EAGAIN, errno.EACCES))


def taken(fd: int, operation: int) -> bool:
    """Take a lock, fcntl.LOCK_SH or LOCK_EX, if nobody holds it; False if somebody does. OSError (ENOLCK)."""
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True
