"""POSIX access control lists as the kernel stores them (linux/posix_acl_xattr.h), on open files."""
from __future__ import annotations

import errno
import os

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"

_VERSION = 2
_UNDEFINED_ID = 0xFFFFFFFF
# ENODATA: no list; EOPNOTSUPP: the file system or the mount has none at all.
_ABSENT = frozenset((errno.ENODATA, errno.EOPNOTSUPP))


def _entry(tag: int, permissions: int, id: int = _UNDEFINED_ID) -> bytes:
    return tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + id.to_bytes(4, "little")


def access_acl(uid: int) -> bytes:
    """u::rwx,u:UID:--x,g::---,m::--x,o::--- in the order in which the kernel gives it back."""
    return (_VERSION.to_bytes(4, "little")
            + _entry(0x01, 7)        # ACL_USER_OBJ
            + _entry(0x02, 1, uid)   # ACL_USER
            + _entry(0x04, 0)        # ACL_GROUP_OBJ
            + _entry(0x10, 1)        # ACL_MASK
            + _entry(0x20, 0))       # ACL_OTHER


def get(fd: int) -> bytes | None:
    """The access list of the open file; None if it has none; other failures are OSError."""
    try:
        return os.getxattr(fd, ACCESS)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def others_may_write(path: str) -> bool:
    """Whether the list lets another account than root, or a group, write; False if there is no list."""
    try:
        found = os.getxattr(path, ACCESS, follow_symlinks=False)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    entries = [(int.from_bytes(found[at:at + 2], "little"), found[at + 2],
                int.from_bytes(found[at + 4:at + 8], "little"))
               for at in range(4, len(found), 8)]
    mask = next((permissions for tag, permissions, _ in entries if tag == 0x10), 7)
    return any(permissions & mask & 2 and (tag in (0x04, 0x08) or tag == 0x02 and id != 0)
               for tag, permissions, id in entries)


def set(fd: int, acl: bytes) -> None:
    """Give the open file an access list; OSError (EOPNOTSUPP without ACLs, EINVAL for an unmapped uid)."""
    os.setxattr(fd, ACCESS, acl)


def strip(fd: int) -> None:
    """Remove the access and the default list of the open directory; OSError if one cannot be removed."""
    for name in (ACCESS, DEFAULT):
        try:
            os.removexattr(fd, name)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
