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
