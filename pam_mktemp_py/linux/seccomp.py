"""Answering one system call of other processes from here (seccomp_unotify(2)). Importing this loads ctypes.

The filter is the calling thread's and is inherited by what that thread starts, by nothing else. No no_new_privs is
set for it: that needs CAP_SYS_ADMIN. Numbers: linux/seccomp.h, linux/audit.h, and each architecture's asm/unistd.h.
"""
from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import sys
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2  # no mitigation that the process had not before
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
SECCOMP_RET_USER_NOTIF, SECCOMP_RET_ALLOW = 0x7FC00000, 0x7FFF0000
SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1  # since Linux 5.5
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h: BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_RECEIVED, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")  # struct seccomp_notif, seccomp_notif_resp


@dataclass(frozen=True)
class Numbers:
    """An architecture: its AUDIT_ARCH_ value, and its numbers of prctl(2) and seccomp(2)."""

    arch: int
    prctl: int
    seccomp: int


_NUMBERS = {
    ("x86_64", 64): Numbers(0xC000003E, 157, 317), ("x86_64", 32): Numbers(0x40000003, 172, 354),
    ("i686", 32): Numbers(0x40000003, 172, 354), ("i586", 32): Numbers(0x40000003, 172, 354),
    ("aarch64", 64): Numbers(0xC00000B7, 167, 277), ("riscv64", 64): Numbers(0xC00000F3, 167, 277),
    ("ppc64le", 64): Numbers(0xC0000015, 171, 358), ("s390x", 64): Numbers(0x80000016, 172, 348),
    ("armv7l", 32): Numbers(0x40000028, 172, 383), ("armv6l", 32): Numbers(0x40000028, 172, 383),
}


class _Program(ctypes.Structure):
    """struct sock_fprog (linux/filter.h)."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = (ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p)
_syscall.restype = ctypes.c_long


@dataclass(frozen=True)
class Notification:
    """A call that waits for an answer: the kernel's id of it, and the thread that makes it (0: not visible here)."""

    id: int
    pid: int


def numbers(machine: str = os.uname().machine, bits: int = 64 if sys.maxsize > 1 << 32 else 32) -> Numbers | None:
    """What is known of the architecture that uname(2) calls `machine`, for programs of so many bits; or None."""
    return _NUMBERS.get((machine, bits))


def can_continue(release: str = os.uname().release) -> bool:
    """Whether a kernel of this release lets a call go on as if it had not been stopped (Linux 5.5)."""
    words = release.replace("-", ".").split(".")
    return tuple(int(word) if word.isdecimal() else 0 for word in words[:2]) >= (5, 5)


def notify_of_prctl(option: int) -> int:
    """From now on this thread's prctl(option), and its descendants', wait for an answer: the listener's descriptor.

    It is closed on exec. Calls of other ABIs of the machine are let through. OSError: EACCES without CAP_SYS_ADMIN,
    EBUSY where there is a listener already, EINVAL or ENOSYS from old kernels and unknown architectures.
    """
    known = numbers()
    if known is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), "seccomp")
    code = program(known, option)
    holder = _Program(len(code) // 8, code)
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW
    listener = _syscall(known.seccomp, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(holder))
    if listener < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "seccomp")
    return int(listener)


def program(known: Numbers, option: int, order: str = sys.byteorder) -> bytes:
    """The filter: prctl with this option, in this ABI, is notified of; everything else is allowed."""
    low = 16 if order == "little" else 20  # prctl looks at the low 32 bits of its first argument, and so do we
    steps = ((_LOAD, 0, 0, 4), (_EQUAL, 0, 5, known.arch), (_LOAD, 0, 0, 0), (_EQUAL, 0, 3, known.prctl),
             (_LOAD, 0, 0, low), (_EQUAL, 0, 1, option),
             (_RETURN, 0, 0, SECCOMP_RET_USER_NOTIF), (_RETURN, 0, 0, SECCOMP_RET_ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def receive(listener: int) -> Notification | None:
    """The next call that waits, after poll(2) said that there is one; None if its caller is gone. OSError."""
    room = bytearray(_RECEIVED.size)  # zeroed: the kernel refuses anything else
    try:
        fcntl.ioctl(listener, _request(True, 0, _RECEIVED.size), room)
    except FileNotFoundError:  # ENOENT: a signal ended the call
        return None
    id, pid = _RECEIVED.unpack(room)[:2]
    return Notification(id, pid)


def waits(listener: int, notification: Notification) -> bool:
    """Whether the call still waits: only then what was read of its pid was that process, not a later one."""
    try:
        fcntl.ioctl(listener, _request(False, 2, 8), struct.pack("=Q", notification.id))
    except FileNotFoundError:
        return False
    return True


def pretend(listener: int, notification: Notification) -> None:
    """Let the call return 0 without being made. OSError."""
    _answer(listener, notification, 0)


def go_on(listener: int, notification: Notification) -> None:
    """Let the call be made as it is. OSError."""
    _answer(listener, notification, SECCOMP_USER_NOTIF_FLAG_CONTINUE)


def _answer(listener: int, notification: Notification, flags: int) -> None:
    try:
        fcntl.ioctl(listener, _request(True, 1, _ANSWER.size), _ANSWER.pack(notification.id, 0, 0, flags))
    except FileNotFoundError:  # nobody waits any more
        return


def _request(both: bool, number: int, size: int, machine: str = os.uname().machine) -> int:
    """_IOWR('!', number, size), or _IOW, as asm/ioctl.h of the architecture builds it."""
    directions = (4, 6, 29) if machine.startswith("ppc") else (1, 3, 30)
    return directions[both] << directions[2] | size << 16 | ord("!") << 8 | number
