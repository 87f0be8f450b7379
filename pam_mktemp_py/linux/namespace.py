"""unshare(2) and mount(2): a mount namespace of one's own. Importing this loads ctypes: only rare paths may."""
from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000  # linux/sched.h
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 0x4000, 1 << 19  # linux/mount.h

_libc = ctypes.CDLL(None, use_errno=True)
_unshare = _libc.unshare
_unshare.argtypes = (ctypes.c_int,)
_unshare.restype = ctypes.c_int
_mount = _libc.mount
_mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_mount.restype = ctypes.c_int


def own_mounts() -> None:
    """Give this thread mounts of its own: the host's still arrive here, none made here reaches the host.

    OSError (EPERM without CAP_SYS_ADMIN). As mount_namespaces(7) says: / becomes a recursive slave.
    """
    if _unshare(CLONE_NEWNS) != 0:
        raise _error("the mount namespace")
    if _mount(b"none", b"/", None, MS_REC | MS_SLAVE, None) != 0:
        raise _error("/")


def tmpfs(path: str, options: str = "mode=0755") -> None:
    """Mount an empty tmpfs on `path`; OSError (ENOENT, ENOTDIR, EPERM)."""
    if _mount(b"pam-mktemp", os.fsencode(path), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.encode()) != 0:
        raise _error(path)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
