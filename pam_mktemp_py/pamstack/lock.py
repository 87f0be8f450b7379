"""One change of PAM's files at a time."""
from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from pam_mktemp_py import paths
from pam_mktemp_py.errors import StackError

# In a folder of root's, and no user can open it: a lock on /etc/pam.d itself could be held by everyone.
PATH = paths.RUN + "/setup.lock"
PATIENCE = 10.0  # s


@contextlib.contextmanager
def held(what: str, path: str = PATH, patience: float = PATIENCE) -> Iterator[None]:
    """Inside, nobody else has the lock; `what` is said to those who wait in vain. Raises StackError, OSError."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.dirname(path), paths.RUN_MODE)
        os.chmod(os.path.dirname(path), paths.RUN_MODE)  # whatever the caller's umask is
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + patience
        while not taken(fd):
            if time.monotonic() > end:
                who = os.pread(fd, 200, 0).decode("ascii", "replace").strip() or "another program"
                raise StackError(path, f"is held by {who} for more than {patience:g} s", "wait for it, or end it")
            time.sleep(0.05)
        with contextlib.suppress(OSError):  # a full /run shall not keep `disable` from its work
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{what}, process {os.getpid()}\n".encode("ascii", "replace"), 0)
        yield
    finally:
        os.close(fd)


def taken(fd: int) -> bool:
    """Take the lock of an open file for it alone; False if another has it. OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
