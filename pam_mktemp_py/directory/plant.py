"""The rare path of entries.py: something is missing, or another thing bears its name."""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py import log
from pam_mktemp_py.directory import dropped, fresh, lock
from pam_mktemp_py.directory.base import enter
from pam_mktemp_py.directory.entries import Entry, right
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import served
from pam_mktemp_py.linux.boot import boottime_ns

TRIES = 64
# A leftover of a run that was killed is found under this name again.
STAGED = ".pam-mktemp.new"
_NO_EXCHANGE = frozenset((errno.EINVAL, errno.ENOSYS))
_MOUNTED = frozenset((errno.EBUSY, errno.EXDEV))


def all_of(
    fd: int, path: str, device: int, entries: list[Entry], lock_path: str, kept: list[Entry] | None = None,
) -> None:
    """Have each entry there, whatever its user does meanwhile; DirectoryError if he is faster, OSError.

    With `kept`, as in entries.ensure(), what was dropped goes.
    """
    held = lock.wait(lock_path)
    try:
        for entry in entries:
            _one(fd, path, device, entry)
        _clear(fd, STAGED, path)
        if kept is not None:
            dropped.settle(fd, path, device, kept)
    finally:
        os.close(held)


def _one(fd: int, path: str, device: int, entry: Entry) -> None:
    for _ in range(TRIES):
        if right(fd, device, entry):
            return
        try:
            found = served.look(fd, entry.name)
        except FileNotFoundError:
            _make(fd, entry.name, entry, path)
            continue
        except OSError as error:
            if error.errno not in served.UNSEEN:
                raise
            _uncover(fd, entry.name, path, error)
            continue
        if not _mended(fd, device, entry, found, path):
            _take(fd, entry, path)
    raise DirectoryError(f"{path}/{entry.name}", f"someone puts other things there faster than they can be moved "
                         f"({TRIES} tries)", "see whose processes use it: fuser")


def _make(fd: int, name: str, entry: Entry, path: str) -> bool:
    """Make the entry under a name that is free; False if it is not."""
    try:
        if entry.kind == stat.S_IFDIR:
            os.close(fresh.directory(fd, name, entry.mode, f"{path}/{name}"))
        elif entry.kind == stat.S_IFLNK:
            os.symlink(entry.text, name, dir_fd=fd)
        else:
            _write(fd, name, entry)
    except FileExistsError:
        return False
    return True


def _write(fd: int, name: str, entry: Entry) -> None:
    made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400, dir_fd=fd)
    try:
        os.fchown(made, 0, 0)
        os.fchmod(made, entry.mode)
        os.write(made, os.fsencode(entry.text))  # cut short by a full file system: right() sees it, the next time
    finally:
        os.close(made)


def _mended(fd: int, device: int, entry: Entry, found: os.stat_result, path: str) -> bool:
    """Put owner and mode of root's own directory right: moved away it would take a session's mount with it."""
    if not (stat.S_ISDIR(found.st_mode) and entry.kind == stat.S_IFDIR and found.st_uid == 0
            and found.st_dev == device):
        return False
    inner = enter(fd, entry.name)
    if inner is None:
        return True  # look again
    try:
        if os.path.samestat(os.fstat(inner), found):
            fresh.settle(inner, entry.mode, f"{path}/{entry.name}")
    finally:
        os.close(inner)
    return True


def _take(fd: int, entry: Entry, path: str) -> None:
    """Exchange what is there with an entry of ours in one step: renamed away first, he could plant it again."""
    from pam_mktemp_py.linux import rename
    _clear(fd, STAGED, path)
    if not _make(fd, STAGED, entry, path):
        return
    try:
        rename.exchange(fd, STAGED, entry.name)
    except FileNotFoundError:  # he took his away
        pass
    except OSError as error:
        if error.errno in _MOUNTED:
            _uncover(fd, entry.name, path, error)
        elif error.errno in _NO_EXCHANGE:
            _away(fd, entry.name, entry.name, path)
        else:
            raise
    _clear(fd, STAGED, path, entry)


def _clear(fd: int, name: str, path: str, entry: Entry | None = None) -> None:
    """Take away what bears our staging name: what root made is removed, all else only renamed."""
    for _ in range(TRIES):
        try:
            found = served.look(fd, name)
            # In a sticky directory of root's nobody can exchange what is root's between these calls.
            if found.st_uid == 0 and stat.S_ISLNK(found.st_mode):
                os.unlink(name, dir_fd=fd)
            elif found.st_uid == 0 and stat.S_ISREG(found.st_mode) and (entry is None or entry.kind == stat.S_IFREG):
                os.unlink(name, dir_fd=fd)
            elif found.st_uid != 0 or not stat.S_ISDIR(found.st_mode) or not _removed(fd, name):
                _away(fd, name, entry.name if entry else name, path)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in served.UNSEEN | _MOUNTED:
                raise
            _uncover(fd, name, path, error)
    raise DirectoryError(f"{path}/{name}", f"someone puts other things there faster than they can be moved "
                         f"({TRIES} tries)", "see whose processes use it: fuser")


def _removed(fd: int, name: str) -> bool:
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _away(fd: int, name: str, label: str, path: str) -> None:
    """Rename what a user has there; the new name is free, for nobody can tell the time before."""
    found = served.look(fd, name)
    moved = f"{label}.moved-{boottime_ns()}"
    os.rename(name, moved, src_dir_fd=fd, dst_dir_fd=fd)
    log.say("entry-moved", f"{path}/{label}: was of uid {found.st_uid}, mode {found.st_mode:o}; now {path}/{moved}",
            log.WARNING)


def _uncover(fd: int, name: str, path: str, error: OSError) -> None:
    """Take a user's mount off the name."""
    from pam_mktemp_py.linux import unmount
    try:
        unmount.detach(fd, name)
    except OSError:  # it is no mount: what was said first is the reason
        raise error from None
    log.say("entry-moved", f"{path}/{name}: somebody's file system was mounted there and is detached", log.WARNING)
