"""The host's own directories in /tmp that are shared on purpose: of X11 and its like, and [shared.NAME]."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py import log
from pam_mktemp_py.directory import fresh
from pam_mktemp_py.directory.base import NO_FLAGS, enter
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import accounts, acl, inode_flags, served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config, Shared
    from pam_mktemp_py.linux.accounts import Account

    Point = tuple[str, int, int]  # path, device, inode

PREFIX = "shared-"
PASSED = 0o1777
SHARED = 0o3770
NOT_ROOTS = "is not root's directory: somebody was there first; look at it and move it away"
MOVED = "others can write there, and so may have moved it there: look at what it holds, then chmod 0700"
_UNDEFINED = 0xFFFFFFFF


def passed(base_fd: int, base: str, names: list[str]) -> list[Point]:
    """The directories of these names in /tmp, made if they are missing; what is not root's is left out, and logged.

    Root's own is taken as it is: a display manager may want another mode. OSError if one cannot be made.
    """
    found: list[Point] = []
    for name in names:
        path = f"{base.rstrip('/')}/{name}"
        try:
            os.close(fresh.directory(base_fd, name, PASSED, path))
        except FileExistsError:  # by somebody else: whose it is counts
            pass
        at = look(base_fd, name)
        if at is None or not roots(at):
            log.say("mount-skipped", f"{path}: {NOT_ROOTS}", log.WARNING)
            continue
        if not safe(at):
            log.say("mount-skipped", f"{path}: is writable by others and not sticky; chmod +t {path}", log.WARNING)
            continue
        found.append((path, at.st_dev, at.st_ino))
    return found


def shared(
    base_fd: int, base: str, config: Config, account: Account, names: list[str], most: int,
) -> list[Point]:
    """The hand-over directories of which the account is a member (member_of()), made and put right; `most` of them."""
    found: list[Point] = []
    if len(names) > most:
        log.say("mount-skipped", f"{', '.join(PREFIX + name for name in names[most:])}: {account.name} is a member of "
                f"more hand-over directories than fit, {most}", log.WARNING)
    for name in names[:most]:
        path = f"{base.rstrip('/')}/{PREFIX}{name}"
        fd = _opened(base_fd, PREFIX + name, path)
        if fd is None:
            continue
        try:
            _settle(fd, config.shared[name])
            at = os.fstat(fd)
            found.append((path, at.st_dev, at.st_ino))
        except OSError as error:
            log.say("mount-skipped", f"{path}: cannot be given to those who share it: {error.strerror}", log.WARNING)
        finally:
            os.close(fd)
    return found


def member_of(config: Config, account: Account) -> list[str]:
    """The names of the hand-over directories that this account shares."""
    gids: list[int] | None = None
    names = []
    for name, who in config.shared.items():
        if account.name in who["users"] or account.canonical in who["users"]:
            names.append(name)
        elif who["group"]:
            gids = accounts.groups_of(account) if gids is None else gids
            if accounts.gid_of(who["group"]) in gids:
                names.append(name)
    return names


def look(base_fd: int, name: str) -> os.stat_result | None:
    """What bears this name; None if nothing does, or what a user has mounted there."""
    try:
        return served.look(base_fd, name)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in served.UNSEEN:
            return None
        raise


def roots(found: os.stat_result) -> bool:
    """Whether it is a directory that root has made: in a sticky /tmp nobody else can have put it there."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == 0


def safe(found: os.stat_result) -> bool:
    """Whether nobody can take away what another has there: the module mounts nothing else."""
    return not found.st_mode & 0o022 or bool(found.st_mode & stat.S_ISVTX)


def _opened(base_fd: int, name: str, path: str) -> int | None:
    try:
        # Closed to all but root until it is given to its members.
        return fresh.directory(base_fd, name, 0o700, path)
    except (FileExistsError, DirectoryError):  # made, or given to its members, by another planner meanwhile
        pass
    at = look(base_fd, name)
    fd = enter(base_fd, name) if at is not None and roots(at) else None
    why = NOT_ROOTS
    if fd is not None:
        found = os.fstat(fd)
        # Who may write in a directory can rename it, with what he has put there: to this name, out of one of his own,
        # as his private directory is where there are no ACLs. Nobody can that is no member of one given to members.
        if roots(found) and (not found.st_mode & 0o022 or found.st_mode & 0o7777 == SHARED):
            return fd
        os.close(fd)
        why = MOVED if roots(found) else NOT_ROOTS
    log.say("mount-skipped", f"{path}: {why}", log.WARNING)
    return None


def _settle(fd: int, who: Shared) -> None:
    """Give root's directory to those who share it, if it is not theirs already. OSError."""
    gid = accounts.gid_of(who["group"]) or 0 if who["group"] else 0  # one that is unknown is reported (config/names.py)
    uids = sorted({account.uid for account in map(accounts.lookup, who["users"]) if account is not None})
    wanted = _list(uids, gid) if uids else None
    found = os.fstat(fd)
    if (found.st_gid, found.st_mode & 0o7777) == (gid, SHARED) and acl.get(fd) == wanted:
        return
    try:
        inode_flags.set_append_only(fd, False)
    except OSError as error:
        if error.errno not in NO_FLAGS:
            raise
    # While owner and list are changed nobody has what was meant for others. The list gives it SHARED by itself: a run
    # that is killed here leaves nothing that looks as if it had been moved there.
    os.fchmod(fd, SHARED & ~0o77)
    os.fchown(fd, 0, gid)
    acl.strip(fd)
    if wanted:
        acl.set(fd, wanted)
    os.fchmod(fd, SHARED)


def _list(uids: list[int], gid: int) -> bytes:
    """u::rwx,u:UID:rwx...,g::rwx or ---,m::rwx,o::--- in the kernel's order (linux/posix_acl_xattr.h)."""
    entries = [(1, 7, _UNDEFINED), *((2, 7, uid) for uid in uids), (4, 7 if gid else 0, _UNDEFINED),
               (0x10, 7, _UNDEFINED), (0x20, 0, _UNDEFINED)]
    return (2).to_bytes(4, "little") + b"".join([
        tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + id.to_bytes(4, "little")
        for tag, permissions, id in entries])
