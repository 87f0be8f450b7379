"""All mounts that a process sees, and which of them a path lies on (proc_pid_mountinfo(5)).

Only text of the kernel's is read here, never a file of a file system: one that a user has mounted (FUSE) could keep
root waiting for ever.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pam_mktemp_py.linux.mounts import unescaped

DELETED = "//deleted"  # the kernel's mark behind a root that has been removed


@dataclass(frozen=True)
class Mount:
    """One line. `device` is as st_dev; `root` is the directory of the file system that is mounted, `point` where.

    `gone`: that directory has been removed. `slave`: mounts made elsewhere later arrive here (it has a master, or
    is shared with peers).
    """

    device: int
    root: str
    point: str
    options: str
    kind: str
    source: str
    gone: bool
    slave: bool


def read(pid: int | str = "self", along: Iterable[str] = (), proc: str = "/proc") -> list[Mount]:
    """In the kernel's order: of two at one place the later hides the earlier.

    With `along`, absolute paths without links, only what lies on the way to one of them: what covering() needs.
    Raises ProcessLookupError or FileNotFoundError for a process that is gone, PermissionError for another's.
    """
    wanted = {folder for path in along for folder in _way(path)}
    try:
        with open(f"{proc}/{pid}/mountinfo", "rb") as file:
            return [parse(line) for line in file if not wanted or unescaped(line.split(b" ", 5)[4]) in wanted]
    except OSError as error:
        if error.errno == errno.EINVAL:  # it has ended and is not waited for: there is no namespace to look at any more
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), f"{proc}/{pid}") from error
        raise


def _way(path: str) -> list[bytes]:
    words = os.fsencode(path).strip(b"/").split(b"/")
    return [b"/", *(b"/" + b"/".join(words[:number]) for number in range(1, len(words) + 1))]


def parse(line: bytes) -> Mount:
    """One line as a Mount."""
    head, _, tail = line.rstrip(b"\n").partition(b" - ")
    _, _, device, root, point, options, *optional = head.split(b" ")
    kind, source, *_ = [*tail.split(b" "), b"", b""]
    major, _, minor = device.partition(b":")
    shown = text(root)
    return Mount(os.makedev(int(major), int(minor)), shown.removesuffix(DELETED), text(point), options.decode(),
                 text(kind), text(source), shown.endswith(DELETED),
                 any(word.startswith((b"shared:", b"master:")) for word in optional))


def text(field: bytes) -> str:
    """A field as a path, byte for byte."""
    return os.fsdecode(unescaped(field))


def within(path: str, folder: str) -> bool:
    """Whether a path is that folder, or lies in it, by the text alone."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def covering(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount that an absolute path without links lies on; None where / itself is none (a chroot)."""
    found: Mount | None = None
    for mount in mounts:
        if within(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def inside(mount: Mount, path: str) -> str:
    """Where a path on that mount lies in its file system."""
    rest = path[len(mount.point.rstrip("/")):]
    return (mount.root.rstrip("/") + rest).rstrip("/") or "/"


def path_of(mounts: list[Mount], device: int, place: str) -> str:
    """Where a directory of a file system can be seen through these mounts: the shortest path; '' if nowhere."""
    found = []
    for mount in mounts:
        if mount.device == device and not mount.gone and within(place, mount.root):
            path = (mount.point.rstrip("/") + place[len(mount.root.rstrip("/")):]).rstrip("/") or "/"
            found.append((len(path), path, mount))
    for _, path, mount in sorted(found, key=lambda each: each[:2]):
        if covering(mounts, path) is mount:  # else another mount hides it there
            return path
    return ""
