"""setns(2) and the questions of ioctl_ns(2). Importing this loads ctypes: only rare paths may."""
from __future__ import annotations

import ctypes
import fcntl
import os

CLONE_NEWNS = 0x00020000  # linux/sched.h
NS_GET_USERNS = 0xB701    # linux/nsfs.h

_setns = ctypes.CDLL(None, use_errno=True).setns
_setns.argtypes = (ctypes.c_int, ctypes.c_int)
_setns.restype = ctypes.c_int


def enter_mounts(namespace: int) -> None:
    """Make the open mount namespace this process's own; / and the current directory become that one's root.

    OSError: EPERM without CAP_SYS_ADMIN in it and CAP_SYS_CHROOT, EINVAL in a process that has threads.
    """
    if _setns(namespace, CLONE_NEWNS) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "the mount namespace")


def is_of_our_users(namespace: int) -> bool:
    """Whether the open namespace belongs to the user namespace that we are in, so that no user rules in it.

    The initial one, where nobody is in a container. OSError if the kernel cannot tell.
    """
    try:
        owner = fcntl.ioctl(namespace, NS_GET_USERNS)
    except PermissionError:  # it lies outside of ours
        return False
    try:
        theirs, ours = os.fstat(owner), os.stat("/proc/self/ns/user")
    finally:
        os.close(owner)
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)
