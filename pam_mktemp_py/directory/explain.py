"""What an administrator can do about a system call that failed here."""
from __future__ import annotations

import errno
import os

from pam_mktemp_py.errors import DirectoryError

_HINTS = {
    errno.ENOSPC: "no space or no inodes left there: see df and df -i",
    errno.EDQUOT: "a disk quota is used up: see repquota",
    errno.EROFS: "the file system is mounted read-only",
    errno.EMFILE: "the limit of open files is too low for the calling program",
    errno.ENFILE: "the whole system is out of open files",
    errno.ENOMEM: "the system or the calling program is out of memory",
    errno.EPERM: "is it root with CAP_CHOWN and CAP_FOWNER, and no chattr +i or +a there? see lsattr -d",
    errno.EACCES: "is a FUSE file system mounted there (see findmnt), or does SELinux or AppArmor forbid it?",
    errno.ENOTCONN: "the server of a FUSE file system that is mounted there has died: see findmnt",
    errno.EBUSY: "something is mounted there: see findmnt",
    errno.EXDEV: "it is on another file system, or on a lower layer of an overlay: move it away by hand",
    errno.EIO: "the device fails: see dmesg",
    errno.ESTALE: "the file server forgot it",
    errno.EUCLEAN: "the file system is damaged: run fsck",
}


def explained(error: OSError, path: str) -> DirectoryError:
    """The DirectoryError for an OSError below `path`."""
    name = error.filename
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if isinstance(name, str):  # a path of ours, or a name below the directory
        path = name if name.startswith("/") else f"{path}: {name}"
    what = error.strerror or str(error)
    return DirectoryError(path, what, _HINTS.get(error.errno or 0, ""))
