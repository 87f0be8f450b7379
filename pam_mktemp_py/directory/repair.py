"""The rare path: something is missing or wrong. All of it happens under the lock."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py.directory import fresh, lock, names, parent, private, stamp, state
from pam_mktemp_py.directory.aside import Rooms
from pam_mktemp_py.directory.base import TAKEN, enter
from pam_mktemp_py.errors import DirectoryError, InUse
from pam_mktemp_py.linux.boot import boottime_ns
from pam_mktemp_py.paths import PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.place import Place, Prepared

# Only a user in his own directory (form `owner`) can undo a step in between, to his own harm.
TRIES = 8


def repair(place: Place) -> Prepared:
    """Make everything right and give what then is there; DirectoryError, InUse, OSError."""
    held = lock.wait(place.lock)
    try:
        fd = parent.ensure(place)
        try:
            rooms = Rooms(fd, place.path(PRIVATE))
            try:
                return _user(place, fd, rooms)
            finally:
                rooms.sweep()
                rooms.close()
        finally:
            parent.protect(fd)  # also after a failure, and after a run that was killed with the flag cleared
            os.close(fd)
    finally:
        os.close(held)


def _user(place: Place, parent_fd: int, rooms: Rooms) -> Prepared:
    name = _settle_name(place, parent_fd, rooms)
    for _ in range(TRIES):
        seen = private.view(place, parent_fd, name)
        if seen is None:
            _new_user(place, parent_fd, rooms, name)
            continue
        try:
            if not seen.missing:
                return seen.prepared(place, os.fstat(parent_fd))
            for leaf in seen.missing:
                _new_leaf(place, seen, rooms, leaf)
        finally:
            os.close(seen.fd)
    raise DirectoryError(place.path(PRIVATE, name), f"changes while it is repaired ({TRIES} tries)")


def _settle_name(place: Place, parent_fd: int, rooms: Rooms) -> str:
    """The account's name, after what an account that had its uid before left there is out of its reach."""
    account = place.account
    name = names.recorded(account, place.state)
    if name is not None and (name != str(account.uid) or _right(place, parent_fd, name)):
        return name
    name = names.wanted(account)
    old = state.read(place.state, "owners", str(account.uid))
    if old != name and (names.usable(old) or old == str(account.uid)) and _made_for(place, parent_fd, old):
        _out(place, parent_fd, rooms, old, f"uid {account.uid} is another account's now")
    state.write(place.state, "owners", str(account.uid), name)
    return name


def _right(place: Place, parent_fd: int, name: str) -> bool:
    seen = private.view(place, parent_fd, name)
    if seen is not None:
        os.close(seen.fd)
    return seen is not None


def _made_for(place: Place, parent_fd: int, name: str) -> bool:
    """Whether `name` was made for this uid: its next owner may have a right to it by now."""
    fd = enter(parent_fd, name)
    if fd is None:
        return False
    try:
        return stamp.uid_of(fd, name, os.fstat(fd), place.state) == place.account.uid
    finally:
        os.close(fd)


def _new_user(place: Place, parent_fd: int, rooms: Rooms, name: str) -> None:
    _out(place, parent_fd, rooms, name, "not root's work for this account")
    staged = f"{name}.{boottime_ns()}"
    private.build(place, rooms.new, staged, name)
    # Staged with a stamp, but nobody was ever inside: what a kill leaves here is swept by the next run.
    os.rename(staged, name, src_dir_fd=rooms.new, dst_dir_fd=parent_fd)


def _new_leaf(place: Place, seen: private.View, rooms: Rooms, leaf: str) -> None:
    _out(place, seen.fd, rooms, leaf, "not the directory that root made", seen.name)
    staged = f"{leaf}.{boottime_ns()}"
    path = place.path(PRIVATE, seen.name, leaf)
    os.close(fresh.directory(rooms.new, staged, private.LEAF, path))
    try:
        os.rename(staged, leaf, src_dir_fd=rooms.new, dst_dir_fd=seen.fd)
    except OSError as error:
        if error.errno not in TAKEN:  # its owner planted another: look again
            raise


def _out(place: Place, parent_fd: int, rooms: Rooms, name: str, why: str, within: str = "") -> None:
    """Move `name` aside if it is there; InUse if a session's record names it or a leaf of it."""
    try:
        found = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    path = place.path(PRIVATE, *([within] if within else []), name)
    if not place.force and stat.S_ISDIR(found.st_mode) and _used(place, parent_fd, name, found):
        raise InUse(path, f"is wrong ({why}), but an open session uses it", "end the sessions, or force it")
    rooms.move(parent_fd, name, f"{within}.{name}" if within else name, path, why)
    if not within:
        state.forget(place.state, "identity", name)


def _used(place: Place, parent_fd: int, name: str, found: os.stat_result) -> bool:
    if place.in_use(found.st_dev, found.st_ino):
        return True
    fd = enter(parent_fd, name)
    if fd is None:
        return False
    try:
        for leaf in {*place.leaves, "tmp"}:
            try:
                at = os.stat(leaf, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(at.st_mode) and place.in_use(at.st_dev, at.st_ino):
                return True
        return False
    finally:
        os.close(fd)
