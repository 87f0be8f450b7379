"""/tmp/.private: looked at, made, mended, or taken back from whoever was first."""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py import log
from pam_mktemp_py.directory import fresh, lock
from pam_mktemp_py.directory.base import NO_FLAGS, enter
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import inode_flags, served
from pam_mktemp_py.linux.boot import boottime_ns
from pam_mktemp_py.paths import PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.place import Place

MODE = 0o711
CLOSED = 0o1700  # being mended after others could write here
TRIES = 64
CLOSED_TO_ROOT = frozenset((errno.EACCES, errno.ENOTCONN))  # a user's FUSE mount, and one whose server died
# No flags at all; no CAP_LINUX_IMMUTABLE; read-only. The directory is then plain root-owned.
UNPROTECTABLE = NO_FLAGS | {errno.EPERM, errno.EACCES, errno.EROFS}


def good(found: os.stat_result) -> bool:
    """Exactly ours: nobody else can have put anything inside since it is so."""
    return (stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and found.st_gid == 0
            and found.st_mode & 0o7777 == MODE)


def protect(fd: int) -> None:
    """Append-only, so that no cleaner can remove or rename what is inside; where that cannot be, not."""
    try:
        inode_flags.set_append_only(fd, True)
    except OSError as error:
        if error.errno not in UNPROTECTABLE:
            raise


def unprotected(fd: int) -> bool:
    """Whether `protect` should be tried."""
    try:
        return not inode_flags.get(fd) & inode_flags.FS_APPEND_FL
    except OSError as error:
        if error.errno in UNPROTECTABLE:
            return False
        raise


def protect_unless_busy(fd: int, lock_path: str) -> None:
    """`protect` from outside the lock: its holder may have cleared the flag for a moment, and sets it again."""
    if (held := lock.attempt(lock_path)) is not None:
        try:
            protect(fd)
        finally:
            os.close(held)


def ensure(place: Place) -> int:
    """A descriptor of a .private that is ours, made or mended if need be. Only under the lock."""
    path = place.path(PRIVATE)
    for _ in range(TRIES):
        try:
            fd = enter(place.base_fd, PRIVATE)
        except OSError as error:
            _uncover(place, error, path)
            continue
        if fd is not None:
            try:
                if _usable(fd, path):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        else:
            try:
                # In a sticky /tmp nobody can remove or rename what root has made: no race from here on.
                return fresh.directory(place.base_fd, PRIVATE, MODE, path)
            except FileExistsError:
                pass
        from pam_mktemp_py.directory import takeover
        takeover.replace(place, path)
    raise DirectoryError(path, f"someone puts other things there faster than they can be moved ({TRIES} tries)")


def uncover(base_fd: int, path: str) -> None:
    """Before the first private directory is made below a base: have no user's FUSE mount in its place.

    With allow_other it would be entered, and may never answer: the planner, a slot of which there are few, would hang.
    """
    try:
        served.look(base_fd, PRIVATE)
    except FileNotFoundError:
        return
    except PermissionError as error:
        _detach(base_fd, error, path)


def _uncover(place: Place, error: OSError, path: str) -> None:
    """Take away the FUSE mount of a user's: root itself may not enter it, or its server is dead."""
    if error.errno not in CLOSED_TO_ROOT:
        raise error
    _detach(place.base_fd, error, path)


def _detach(base_fd: int, error: OSError, path: str) -> None:
    from pam_mktemp_py.linux import unmount
    try:
        unmount.detach(base_fd, PRIVATE)
    except OSError:  # it is no mount: what was said first is the reason
        raise error from None
    log.say("moved-aside", f"{path}: somebody's file system was mounted there and is detached", log.WARNING)


def _usable(fd: int, path: str) -> bool:
    found = os.fstat(fd)
    if good(found):
        return True
    if found.st_uid != 0:
        return False
    if found.st_mode & (0o022 | CLOSED & ~0o777):
        # Closed first, and sticky: a run that is killed before the end is known by that, and begins again here.
        fresh.settle(fd, CLOSED, path)
        _disown(fd, path)
    fresh.settle(fd, MODE, path)
    log.say("parent-mended", f"{path}: was {found.st_uid}:{found.st_gid} mode {found.st_mode & 0o7777:o}, "
            f"now root:root {MODE:o}", log.WARNING)
    return True


def _disown(fd: int, path: str) -> None:
    """Who could write here may have moved it here, with a folder of root's own inside under a name of ours."""
    for name in (".new", ".aside"):
        room = enter(fd, name)
        if room is None:
            continue
        ours, kept = os.fstat(room).st_uid == 0, f".bad{name}.{boottime_ns()}"
        os.close(room)
        if ours:
            os.rename(name, kept, src_dir_fd=fd, dst_dir_fd=fd)
            log.say("left-behind", f"{path}/{kept}: root's, but perhaps not made by us; look at it", log.WARNING)
