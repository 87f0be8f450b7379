"""What a login would find and do at an account's private directory: looked at, never changed, by anyone.

Root sees everything. Others see what the kernel lets them, and are told what needs root.
"""
from __future__ import annotations

import os
import stat

from pam_mktemp_py import paths
from pam_mktemp_py.directory import names, parent, private, stamp
from pam_mktemp_py.directory.base import FLAGS, open_base
from pam_mktemp_py.directory.explain import explained
from pam_mktemp_py.directory.seen import KEPT, MADE, MENDED, REPLACED, UNKNOWN, Look, Seen
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import acl as acls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

_FIRST = "the uid's first name"
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFREG: "a file", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket",
          stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFDIR: "a directory"}


def look(account: Account, leaves: list[str], base: str = paths.BASE, state: str = paths.STATE) -> Look:
    """Look at everything that prepare() would; nothing is raised for what is wrong, only noted."""
    name, why = directory_name(account, state)
    seen = _look(account, name, why, leaves, base, state)
    if name == str(account.uid) != names.wanted(account) and not any(
            part.path == seen.path and part.fate == KEPT for part in seen.chain):
        # A uid that was recorded may have been another account's: then the name is chosen anew.
        return _look(account, names.wanted(account), _FIRST, leaves, base, state)
    return seen


def directory_name(account: Account, state: str) -> tuple[str, str]:
    """The name of the account's directory below .private, and why it is this."""
    wanted = names.wanted(account)
    try:
        recorded = names.recorded(account, state)
    except PermissionError:
        return wanted, "the account's name or uid; what was recorded needs root"
    if account.uid == 0:
        return "root", "uid 0"
    if recorded is not None:
        return recorded, f"recorded for uid {account.uid}"
    return wanted, "the uid: the name is unsafe or too long for a path" if wanted.isdigit() else _FIRST


def _look(account: Account, name: str, why: str, leaves: list[str], base: str, state: str) -> Look:
    seen = Look(account, base)
    seen.name, seen.name_why = name, why
    try:
        fd, seen.base = open_base(base)
    except DirectoryError as error:
        seen.refused = str(error)
        return seen
    except OSError as error:
        seen.refused = str(explained(error, base))
        return seen
    try:
        private_fd = _parent(seen, fd)
    finally:
        os.close(fd)
    user_fd = None
    if private_fd is not None:
        try:
            user_fd = _user(seen, private_fd, state)
        finally:
            os.close(private_fd)
    else:
        seen.chain.append(Seen(seen.path, None, MADE))
    for leaf in leaves:
        seen.chain.append(_leaf(seen, user_fd, leaf))
    if user_fd is not None:
        os.close(user_fd)
    return seen


def opened(directory: int, name: str) -> tuple[int, bool] | None:
    """A descriptor of any kind of entry, and whether it can be read and not only be looked at."""
    try:
        return os.open(name, FLAGS, dir_fd=directory), True
    except OSError:
        pass
    try:
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory), False
    except FileNotFoundError:
        return None


def described(found: os.stat_result) -> str:
    """Kind, owner, group and mode in words."""
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "of an unknown kind")
    return f"{kind} of uid {found.st_uid}, gid {found.st_gid}, mode {found.st_mode & 0o7777:04o}"


def _parent(seen: Look, base_fd: int) -> int | None:
    path = f"{seen.base.rstrip('/')}/{paths.PRIVATE}"
    entry = opened(base_fd, paths.PRIVATE)
    if entry is None:
        seen.chain.append(Seen(path, None, MADE))
        return None
    fd, readable = entry
    found = os.fstat(fd)
    if readable:
        seen.append_only = not parent.unprotected(fd)
    if parent.good(found):
        seen.chain.append(Seen(path, found, KEPT))
        return fd
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0
    wanted = f"must be a directory of uid 0, gid 0, mode {parent.MODE:04o}"
    seen.chain.append(Seen(path, found, MENDED if ours else REPLACED, f"is {described(found)}, {wanted}"))
    if ours:
        return fd
    os.close(fd)
    return None


def _user(seen: Look, private_fd: int, state: str) -> int | None:
    try:
        entry = opened(private_fd, seen.name)
    except PermissionError:
        seen.chain.append(Seen(seen.path, None, UNKNOWN))
        return None
    if entry is None:
        seen.chain.append(Seen(seen.path, None, MADE))
        return None
    fd, readable = entry
    found = os.fstat(fd)
    seen.acl = _attribute(fd, acls.ACCESS) if stat.S_ISDIR(found.st_mode) else None
    form = private.form_of(found, seen.acl, seen.account) if stat.S_ISDIR(found.st_mode) else None
    if form is None:
        listed = ", with another access list" if seen.acl is not None else ""
        why = f"is {described(found)}{listed}, not as root makes it for {seen.account.name}"
        seen.chain.append(Seen(seen.path, found, REPLACED, why))
        os.close(fd)
        return None
    seen.form = form
    fate, why = KEPT, ""
    try:
        # To others than root a stamp looks as if it were not there: nothing follows from that.
        readable = readable and os.geteuid() == 0
        seen.stamp = stamp.found(fd, seen.name, found, seen.account, state) if readable else None
        if readable and seen.stamp is None:
            fate, why = REPLACED, "its stamp is missing or another account's"
    except PermissionError:
        pass  # seen.stamp stays None: needs root
    seen.chain.append(Seen(seen.path, found, fate, why))
    if fate == KEPT:
        return fd
    os.close(fd)
    return None


def _leaf(seen: Look, fd: int | None, leaf: str) -> Seen:
    path = f"{seen.path}/{leaf}"
    if fd is None:
        return Seen(path, None, UNKNOWN if seen.chain[1].fate == UNKNOWN else MADE)
    try:
        found = os.stat(leaf, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return Seen(path, None, MADE)
    except PermissionError:
        return Seen(path, None, UNKNOWN)
    if private.is_leaf(found):
        return Seen(path, found, KEPT)
    return Seen(path, found, REPLACED, f"is {described(found)}, must be a directory of uid 0, gid 0, "
                f"mode {private.LEAF:04o}")


def _attribute(fd: int, name: str) -> bytes | None:
    try:
        return os.getxattr(f"/proc/self/fd/{fd}", name)  # fd may be one with O_PATH
    except OSError:
        return None
