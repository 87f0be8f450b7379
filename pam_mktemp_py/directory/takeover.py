"""Taking /tmp/.private from whoever was there first.

Rename it away and then mkdir is a race that an attacker wins: he plants it again in between, a thousand
times if need be. So a finished directory of ours is exchanged with whatever is there in one step; from
then on /tmp's sticky bit keeps everybody's hands off it.
"""
from __future__ import annotations

import errno
import os

from pam_mktemp_py import log
from pam_mktemp_py.directory import aside, fresh, parent
from pam_mktemp_py.directory.base import TAKEN, enter
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import rename
from pam_mktemp_py.linux.boot import boottime_ns
from pam_mktemp_py.paths import PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.place import Place

# Kernels and file systems without RENAME_EXCHANGE.
_NO_EXCHANGE = frozenset((errno.EINVAL, errno.ENOSYS))
WHY = "it is not root's directory"
# A leftover of a run that was killed is found under this name again, and used up.
STAGED = PRIVATE + ".new"


def replace(place: Place, path: str) -> None:
    """Put a directory of ours at .private; what is there is moved into its .aside, if it is still there."""
    staged, fd = _staged(place)
    try:
        rooms = aside.Rooms(fd, path)
        try:
            _swap(place.base_fd, staged, rooms, path)
            _clear(place.base_fd, staged, rooms, path)
        finally:
            rooms.close()
    except BaseException:
        _discard(place.base_fd, staged, fd)
        raise
    finally:
        os.close(fd)


def _staged(place: Place) -> tuple[str, int]:
    name = STAGED
    for _ in range(parent.TRIES):
        try:
            return name, fresh.directory(place.base_fd, name, parent.MODE, place.path(name))
        except FileExistsError:
            fd = enter(place.base_fd, name)
            if fd is not None:
                found = os.fstat(fd)
                # Ours, of a run that was killed; what others can write they may have moved here.
                if found.st_uid == 0 and not found.st_mode & 0o022:
                    fresh.settle(fd, parent.MODE, place.path(name))
                    return name, fd
                os.close(fd)
            name = f"{STAGED}.{boottime_ns():x}"
    raise DirectoryError(place.path(name), "no free name beside it")


def _swap(base: int, staged: str, rooms: aside.Rooms, path: str) -> None:
    for _ in range(parent.TRIES):
        try:
            rename.exchange(base, staged, PRIVATE)
            return
        except FileNotFoundError:  # he took his away again
            pass
        except OSError as error:
            if error.errno not in _NO_EXCHANGE:
                raise
            rooms.move(base, PRIVATE, "private", path, WHY)
        try:
            os.rename(staged, PRIVATE, src_dir_fd=base, dst_dir_fd=base)
            return
        except OSError as error:
            if error.errno not in TAKEN:  # he was back in between
                raise
    raise DirectoryError(path, f"could not be taken back in {parent.TRIES} tries", "see who owns it")


def _clear(base: int, staged: str, rooms: aside.Rooms, path: str) -> None:
    """What was there now bears our staging name, and its owner may go on moving it about: so only try."""
    try:
        rooms.move(base, staged, "private", path, WHY)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.say("left-behind", f"{path}: what was there is left as {staged}: {error.strerror}", log.WARNING)


def _discard(base: int, staged: str, fd: int) -> None:
    """After a failure: take our staged directory away again, unless it is in its place already."""
    try:
        if os.path.samestat(os.stat(staged, dir_fd=base, follow_symlinks=False), os.fstat(fd)):
            for name in set(os.listdir(fd)) & {aside.NEW, aside.ASIDE}:
                os.rmdir(name, dir_fd=fd)
            os.rmdir(staged, dir_fd=base)
    except OSError as error:  # it is root's and holds nothing; the next run uses it up
        log.say("left-behind", f"{staged} could not be removed: {error.strerror}", log.WARNING)
