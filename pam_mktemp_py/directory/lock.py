"""The one lock around everything that changes a private directory. Only root can open its file."""
from __future__ import annotations

import fcntl
import os
import time

from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import flocks

PATIENCE = 3.0  # seconds; well below the 5 that a login waits for the planner


def attempt(path: str) -> int | None:
    """The lock's descriptor (closing it unlocks), or None if another holds it now; OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
        fd = os.open(path, flags, 0o600)
    try:
        if flocks.taken(fd, fcntl.LOCK_EX):
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def wait(path: str) -> int:
    """The lock's descriptor; DirectoryError if it is held for longer than PATIENCE, OSError."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.001
    while (fd := attempt(path)) is None:
        if time.monotonic() > deadline:
            raise DirectoryError(path, f"held by another process for {PATIENCE:g} s", f"see fuser {path}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return fd
