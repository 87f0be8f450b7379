"""What root kept in an instance and the configuration names no longer: it goes, and nothing else does.

What root itself has made there is told by the record, an attribute of the instance that only root can write; a user
can neither change nor rename it in the directory, which is root's and sticky. Taken away are only a link of root's
with the target that is recorded, and an empty directory of root's on which nothing is mounted in anyone's view:
removing it would take the mount away from a session that is open (rmdir(2) since Linux 3.18).
"""
from __future__ import annotations

import errno
import os
import stat
import time

from pam_mktemp_py.directory import entries
from pam_mktemp_py.linux import served
from pam_mktemp_py.linux.mounts import unescaped
from pam_mktemp_py.percent import decoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.entries import Entry

LOOKING = 0.3  # seconds: users can make many mount namespaces, and a login waits
_FULL = frozenset((errno.E2BIG, errno.ENOSPC, errno.EDQUOT, errno.EPERM, errno.EOPNOTSUPP))


def settle(fd: int, path: str, device: int, kept: list[Entry]) -> None:
    """Take away what the record of the open directory has beyond `kept`, and record `kept`. Under the lock. OSError.

    What is in use now stays in the record, and goes when a later planner finds it free.
    """
    found = entries.recorded(fd)
    if found is None:
        return
    wanted = list(map(entries.line, kept))
    left = [line for line in found.split("\n") if line and line not in wanted and not _settled(fd, path, device, line)]
    text = "\n".join([*wanted, *left])
    if text == found:
        return
    try:
        os.setxattr(fd, entries.RECORD, text.encode("ascii"))
    except OSError as error:
        # The one that was there stays: what it names is still looked at before it goes.
        if error.errno not in _FULL:
            raise


def _settled(fd: int, path: str, device: int, line: str) -> bool:
    """Whether there is nothing more to do about this line of the record: it is removed, or is not root's own work."""
    try:
        name, target = [decoded(field) for field in f"{line} ".split(" ")[:2]]
        found = served.look(fd, name)
    except ValueError:
        return True
    except OSError as error:  # it is gone; or a FUSE mount covers it now
        return error.errno == errno.ENOENT
    if "/" in name or name in (".", ".."):
        return True
    if target:
        if found.st_uid == 0 and stat.S_ISLNK(found.st_mode) and os.readlink(name, dir_fd=fd) == target:
            os.unlink(name, dir_fd=fd)
        return True
    # Where the instance is a file system of its own, its mounts cannot be told from those of another.
    if not stat.S_ISDIR(found.st_mode) or os.stat("..", dir_fd=fd).st_dev != device:
        return True
    if _in_use(f"{path}/{name}"):  # then it is the mount that was looked at
        return False
    roots = (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (entries.POINT_MODE, 0, 0)
    return not roots or _removed(fd, name)


def _removed(fd: int, name: str) -> bool:
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError as error:
        if error.errno == errno.EBUSY:  # a mount that the host itself has there
            return False
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
    return True


def _in_use(path: str) -> bool:
    """Whether something is mounted on it in any mount namespace; also if that cannot be told in time.

    `path` ends in .private/USER/LEAF/NAME: every view has its own path to that, and the file system one.
    """
    place = os.fsencode("/" + "/".join(path.split("/")[-4:]))
    until = time.monotonic() + LOOKING
    seen = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
            if namespace in seen:
                continue
            seen.add(namespace)
            with open(f"/proc/{pid}/mountinfo", "rb") as file:
                text = file.read()
        except OSError:  # it has ended
            continue
        if time.monotonic() > until or _mounted(text, place):
            return True
    return False


def _mounted(text: bytes, place: bytes) -> bool:
    """Whether this mountinfo has a mount on `place`, the end of a path in a file system."""
    rows = [line.split(b" ", 5)[:5] for line in text.splitlines()]
    mounts = {own: (unescaped(root), unescaped(point)) for own, _, _, root, point in rows}
    for own, parent, *_ in rows:
        root, point = mounts.get(parent, (b"", b""))
        below = mounts[own][1][len(point.rstrip(b"/")):]
        if parent != own and (root.rstrip(b"/") + below).endswith(place):
            return True
    return False
