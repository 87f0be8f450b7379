"""Whether this process may have a user namespace, by trying (user_namespaces(7)). Importing this loads ctypes.

No switch is read: there are several, a kernel may lack them, and a filter or a chroot forbids it without any.
"""
from __future__ import annotations

import ctypes
import os
import struct

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000  # linux/sched.h
MS_REC, MS_SLAVE = 0x4000, 1 << 19                   # linux/mount.h
STEPS = ("unshare", "map", "mount")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.unshare.argtypes = (ctypes.c_int,)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def attempt() -> tuple[str, int] | None:
    """What shims/launch/launch.c does, in a child that ends with it: the step that failed and its errno, or None.

    The steps: "unshare" of both namespaces, "map" (this uid and gid to themselves) and "mount" (/ made a slave).
    OSError if no child can be made.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            step, number = _steps()
            os.write(writer, struct.pack("=ii", step, number))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read(8)
    os.waitpid(child, 0)
    if len(answer) < 8:  # killed in the attempt: a filter may do that
        return STEPS[0], 0
    step, number = struct.unpack("=ii", answer)
    return (STEPS[step], number) if number else None


def _steps() -> tuple[int, int]:
    """The step that came last and its errno; 0 if all went well."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        return 0, ctypes.get_errno()
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(fd, text.encode())
            os.close(fd)
    except OSError as error:
        return 1, error.errno or 1
    if _libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None) != 0:
        return 2, ctypes.get_errno()
    return 2, 0
