"""What root keeps inside an instance: mount points, links to the sockets of servers, and the marker.

An instance is its user's /tmp: at stage env he could put anything under these names before, and he may do so
while we look. Nothing that is found is trusted or followed. What root has made he can neither move nor remove:
the directory is root's and sticky.
"""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py.linux import served
from pam_mktemp_py.percent import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PRIVATE_MODE = 0o711
POINT_MODE = 0o755
MARKER_MODE = 0o444
# An instance's attribute: what root keeps there as configured, one line each. Only root can write or see it.
RECORD = "trusted.pam_mktemp.planted"


class Entry:
    """One entry that must be root's: a directory of `mode`, or a link to `text`, or a file that holds `text`.

    `kind` is stat.S_IFDIR, S_IFLNK or S_IFREG.
    """

    __slots__ = ("name", "kind", "mode", "text")

    def __init__(self, name: str, kind: int, mode: int = 0, text: str = "") -> None:
        self.name = name
        self.kind = kind
        self.mode = mode
        self.text = text


def point(name: str, mode: int = POINT_MODE) -> Entry:
    """A directory that something is mounted on."""
    return Entry(name, stat.S_IFDIR, mode)


def link(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(name, stat.S_IFLNK, text=target)


def file(name: str, text: str) -> Entry:
    """A file that everybody may read."""
    return Entry(name, stat.S_IFREG, MARKER_MODE, text)


def ensure(fd: int, path: str, entries: Iterable[Entry], lock: str, kept: list[Entry] | None = None) -> None:
    """Have all of them in the open directory, at the cost of a look at each if they are there.

    What else bears such a name is renamed within the directory. `kept` are the points and links that are configured,
    whether they can be there now or not: what was of these earlier and no longer is, is taken away if it is as root
    made it (dropped.py); None where no record can be kept. Raises DirectoryError, OSError.
    """
    device = os.fstat(fd).st_dev
    wrong = [entry for entry in entries if not right(fd, device, entry)]
    changed = kept is not None and recorded(fd) not in (None, "\n".join(map(line, kept)))
    if wrong or changed:
        from pam_mktemp_py.directory import plant
        plant.all_of(fd, path, device, wrong, lock, kept if changed else None)


def line(entry: Entry) -> str:
    """A point or a link as the record has it: NAME, or NAME TARGET."""
    return f"{encoded(entry.name)} {encoded(entry.text)}" if entry.text else encoded(entry.name)


def recorded(fd: int) -> str | None:
    """The record of the open directory, '' if there is none yet; None if its file system can have none."""
    try:
        return os.getxattr(fd, RECORD).decode("ascii", "replace")
    except OSError as error:
        return None if error.errno == errno.EOPNOTSUPP else ""


def right(fd: int, device: int, entry: Entry) -> bool:
    """Whether the entry is as root makes it."""
    try:
        found = served.look(fd, entry.name)
    except OSError:  # missing, or a user's FUSE mount
        return False
    if stat.S_IFMT(found.st_mode) != entry.kind or found.st_uid != 0:
        return False
    if entry.kind == stat.S_IFLNK:
        return found.st_size == len(os.fsencode(entry.text)) and os.readlink(entry.name, dir_fd=fd) == entry.text
    if found.st_gid != 0 or found.st_mode & 0o7777 != entry.mode:
        return False
    if entry.kind == stat.S_IFREG:
        return found.st_size == len(os.fsencode(entry.text))
    return found.st_dev == device  # else a file system that a user has mounted here, and lets root see
