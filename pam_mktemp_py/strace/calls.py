"""The system calls that name files: where their arguments are, and what they do. Kernel: include/linux/syscalls.h.

Names are strace's, of every architecture: 64-bit, 32-bit (stat64, chown32) and those without legacy calls.
"""
from __future__ import annotations

from typing import NamedTuple

from pam_mktemp_py.strace import events as act

NONE = -1


class Shape(NamedTuple):
    """A call's arguments, counted from 0; NONE: it has no such argument."""

    act: str
    at: int = NONE  # the directory's descriptor
    name: int = NONE
    flags: int = NONE
    mode: int = NONE
    at2: int = NONE  # of the second name, if there is one
    name2: int = NONE


def _plain(what: str, names: str, flags: int = NONE, mode: int = NONE) -> dict[str, Shape]:
    """Calls whose first argument is the name."""
    return {name: Shape(what, name=0, flags=flags, mode=mode) for name in names.split()}


def _at(what: str, names: str, flags: int = NONE, mode: int = NONE) -> dict[str, Shape]:
    """Calls whose first two arguments are a directory's descriptor and a name in it."""
    return {name: Shape(what, at=0, name=1, flags=flags, mode=mode) for name in names.split()}


CALLS: dict[str, Shape] = {
    **_plain(act.OPEN, "open", 1, 2),
    **_plain(act.OPEN, "creat", mode=1),
    **_at(act.OPEN, "openat", 2, 3),
    **_at(act.OPEN, "openat2", 2, 2),
    "open_by_handle_at": Shape(act.OPEN, flags=2),
    **_plain(act.MAKE_DIRECTORY, "mkdir", mode=1),
    **_at(act.MAKE_DIRECTORY, "mkdirat", mode=2),
    **_plain(act.MAKE_NODE, "mknod", 1, 1),
    **_at(act.MAKE_NODE, "mknodat", 2, 2),
    "link": Shape(act.LINK, name=0, name2=1),
    "linkat": Shape(act.LINK, at=0, name=1, at2=2, name2=3, flags=4),
    "symlink": Shape(act.SYMLINK, name=1),
    "symlinkat": Shape(act.SYMLINK, at=1, name=2),
    "rename": Shape(act.RENAMED, name=0, name2=1),
    "renameat": Shape(act.RENAMED, at=0, name=1, at2=2, name2=3),
    "renameat2": Shape(act.RENAMED, at=0, name=1, at2=2, name2=3, flags=4),
    **_plain(act.REMOVE, "unlink rmdir"),
    **_at(act.REMOVE, "unlinkat", 2),
    **_plain(act.MODE, "chmod", mode=1),
    **_at(act.MODE, "fchmodat fchmodat2", 3, 2),
    "fchmod": Shape(act.MODE, at=0, mode=1),
    **_plain(act.OWNER, "chown lchown chown32 lchown32"),
    **_at(act.OWNER, "fchownat", 4),
    "fchown": Shape(act.OWNER, at=0),
    "fchown32": Shape(act.OWNER, at=0),
    **_plain(act.TRUNCATE, "truncate truncate64"),
    **_plain(act.EXECUTE, "execve"),
    **_at(act.EXECUTE, "execveat", 4),
    **_plain(act.LOOK, "stat lstat stat64 lstat64 oldstat oldlstat access readlink statfs statfs64 chdir"
             " getxattr lgetxattr listxattr llistxattr"),
    **_at(act.LOOK, "newfstatat fstatat64 fstatat", 3),
    **_at(act.LOOK, "statx open_tree getxattrat listxattrat file_getattr", 2),
    **_at(act.LOOK, "faccessat faccessat2", 3),
    **_at(act.LOOK, "readlinkat"),
    **_at(act.LOOK, "name_to_handle_at", 4),
    "inotify_add_watch": Shape(act.LOOK, name=1, flags=2),
    "fanotify_mark": Shape(act.LOOK, at=3, name=4, flags=1),
    **_plain(act.OTHER, "utime utimes setxattr lsetxattr removexattr lremovexattr chroot uselib acct swapon swapoff"
             " umount umount2 oldumount"),
    **_at(act.OTHER, "utimensat utimensat_time64", 3),
    **_at(act.OTHER, "futimesat"),
    **_at(act.OTHER, "setxattrat removexattrat fspick mount_setattr file_setattr", 2),
    "mount": Shape(act.OTHER, name=1, flags=3),
    "move_mount": Shape(act.OTHER, at=0, name=1, at2=2, name2=3, flags=4),
    "pivot_root": Shape(act.OTHER, name=0, name2=1),
}

# What each name of a call with two of them is to it.
BOTH: dict[str, tuple[str, str]] = {
    act.LINK: (act.OTHER, act.LINK),
    act.RENAMED: (act.RENAMED, act.MADE_BY_RENAME),
    act.OTHER: (act.OTHER, act.OTHER),
}

# Flags that the call has without writing them (creat(2)).
UNSAID: dict[str, frozenset[str]] = {"creat": frozenset(("O_CREAT", "O_WRONLY", "O_TRUNC"))}

# Where the name of a socket is, and what it is there for.
SOCKETS: dict[str, tuple[str, int]] = {
    "bind": (act.BIND, 1),
    "connect": (act.CONNECT, 1),
    "sendto": (act.SEND, 4),
    "sendmsg": (act.SEND, 1),
    "sendmmsg": (act.SEND, 1),
}

CLONES = frozenset(("clone", "clone2", "clone3", "fork", "vfork"))
# These make descriptors of sockets: what a number of -y-less strace stood for is over.
MAKE_SOCKETS = frozenset(("socket", "accept", "accept4"))
# These change where a process, or several, stand in which tree.
PLACES = frozenset((
    "chdir", "fchdir", "getcwd", "chroot", "pivot_root", "unshare", "setns", "mount", "umount", "umount2", "oldumount",
    "move_mount", "execve", "execveat",
))
# Which argument is the effective user id that is set.
USERS = {"setuid": 0, "setuid32": 0, "setreuid": 1, "setreuid32": 1, "setresuid": 1, "setresuid32": 1}
# These change what later names mean, or are otherwise needed to follow the processes.
CHANGES = frozenset(USERS) | PLACES | CLONES | MAKE_SOCKETS | frozenset((
    "rename", "renameat", "renameat2", "umask", "open_tree", "fsmount", "io_uring_setup", "access", "faccessat",
    "faccessat2",
))
MATTER = frozenset(CALLS) | frozenset(SOCKETS) | CHANGES | frozenset(("getsockopt",))
