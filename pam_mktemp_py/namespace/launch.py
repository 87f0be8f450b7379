"""The options of `pam-mktemp run`, as changes of the mounts of a plan. Pure, but for share()'s look at a path."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py.errors import Refused
from pam_mktemp_py.namespace.view import NODEV, NOEXEC, NOSUID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.namespace.view import Mount

ID = "share-refused"
TMPFS = "tmpfs"
ANYBODYS = 256  # PLAN_ANYBODYS of shims/plan/plan.h: the source need not be root's
OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_PATH


def noexec(mounts: list[Mount]) -> list[Mount]:
    """Nothing in any of them can be run: a program in $TMPDIR, the same directory, neither."""
    return [(source, device, inode, target, flags | NOEXEC) for source, device, inode, target, flags in mounts]


def fresh(mounts: list[Mount]) -> list[Mount]:
    """An empty file system instead of each instance of the account's: it ends with the last process that sees it."""
    return [mount if mount[0] == mount[3] else (TMPFS, 0, 0, mount[3], mount[4]) for mount in mounts]


def share(mounts: list[Mount], path: str) -> list[Mount]:
    """The host's directory `path`, below the target of one of the mounts, in addition at the same place.

    In an empty file system each directory on the way is one of its own: nothing else would make it. Raises
    Refused where it is no directory that would be hidden, is reached through a link, or cannot be looked at.
    """
    _plain(path)
    target = _hidden_by(mounts, path)
    found = _found(path)
    way = []
    if mounts[[mount[3] for mount in mounts].index(target)][0] == TMPFS:
        words = path[len(target) + 1:].split("/")
        made = {mount[3] for mount in mounts}
        folders = [f"{target}/{'/'.join(words[:number])}" for number in range(1, len(words))]
        way = [(TMPFS, 0, 0, folder, NOSUID | NODEV) for folder in folders if folder not in made]
    flags = NOSUID | NODEV | (0 if _safe(found) else ANYBODYS)
    return [*mounts, *way, (path, found.st_dev, found.st_ino, path, flags)]


def _plain(path: str) -> None:
    if not path.startswith("/") or {"", ".", ".."} & {*path[1:].split("/")}:
        raise Refused(ID, path, "is no absolute path without '.', '..', '//' or '/' at its end", "spell it out")


def _found(path: str) -> os.stat_result:
    """What is there, by a way without links.

    Link by link: who owns a directory on the way could have it a link to one of another's, to get into what the
    directories above that keep him out of, and exchange it for a real one before its path is looked at again.
    """
    fd = os.open("/", OPEN)
    try:
        for word in path[1:].split("/"):
            below = os.open(word, OPEN, dir_fd=fd)
            os.close(fd)
            fd = below
        return os.fstat(fd)
    except OSError as error:
        raise _no_directory(path, error) from error
    finally:
        os.close(fd)


def _no_directory(path: str, error: OSError) -> Refused:
    if isinstance(error, NotADirectoryError):
        try:
            real = os.path.realpath(path)
        except OSError:  # exchanged just now
            real = path
        if real != path:
            return Refused(ID, path, "is reached through a link", f"share {real}, if that is meant")
        return Refused(ID, path, "is no directory", "share the directory that it is in")
    return Refused(ID, path, f"cannot be shared: {error.strerror}")


def _hidden_by(mounts: list[Mount], path: str) -> str:
    """The target of the mount that hides the path."""
    above = [mount for mount in mounts if f"{path}/".startswith(f"{mount[3]}/")]
    if not above:
        raise Refused(ID, path, "is not in a private directory of this command: it is there as it is",
                      "leave out --share")
    source, _, _, target, _ = max(above, key=lambda mount: len(mount[3]))
    if source == target:
        raise Refused(ID, path, f"is there already: {target} is the host's own", "leave out --share")
    if target == path:
        raise Refused(ID, path, "would not be private then", "share a directory in it")
    return target


def _safe(found: os.stat_result) -> bool:
    """As plan_is_safe() of shims/plan/check.c has it."""
    return found.st_uid == 0 and (not found.st_mode & 0o022 or bool(found.st_mode & stat.S_ISVTX))
