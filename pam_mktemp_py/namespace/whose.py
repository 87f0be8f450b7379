"""Which directories processes see at /tmp and the like, whoever made it so, and which of them see the same one.

From the kernel's own texts alone (mountinfo, the links in /proc/PID/ns): no path is looked at inside of another's
namespace, where a user may have mounted what never answers.
"""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from pam_mktemp_py import paths
from pam_mktemp_py.linux import mountinfo
from pam_mktemp_py.linux.mountinfo import Mount
from pam_mktemp_py.namespace import maker, views
from pam_mktemp_py.namespace.maker import Maker

USUAL = ("/tmp", "/var/tmp", "/dev/shm")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass
class Group:
    """Processes that see the same: in one mount namespace (`namespace`, "mnt:[N]") with one root directory.

    `root` is where their / lies within the namespace as we see it, "/" unless in a chroot; `users` their user
    namespace; `mounts` those on the way to the directories that were asked for. `marked`: a view of ours, by its
    record ("DEV.INO.MOUNT" of its /tmp).
    """

    namespace: str
    root: str
    users: str
    pids: list[int] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    marked: str = ""


@dataclass(frozen=True)
class Seen:
    """What one group sees at `directory`: the place in a file system; `host`: its path on the host, or ''.

    `mount` is what it lies on, None if that cannot be told.
    """

    directory: str
    mount: Mount | None
    place: str
    host: str
    maker: Maker

    @property
    def key(self) -> tuple[int, str, bool] | None:
        """The same for two groups that see the same directory."""
        return (self.mount.device, self.place, self.mount.gone) if self.mount else None


class Table:
    """All processes that we may look at, by what they see.

    `hidden` counts those that only root can look at. `host` is what process 1 sees, or we ourselves where that
    cannot be read (`first` is then false).
    """

    def __init__(self, directories: Iterable[str] = USUAL, folder: str = paths.VIEWS) -> None:
        # A link of the host's, such as /tmp -> /var/tmp, is one in all views that share its root directory.
        self.real = {directory: os.path.realpath(directory) for directory in directories}
        self.groups: dict[tuple[str, str, str], Group] = {}
        self.hidden = 0
        self.folder = folder
        self.marks = views.marks(folder)
        try:
            self.host, self.namespace, self.first = mountinfo.read(1), os.readlink("/proc/1/ns/mnt"), True
        except PermissionError:
            self.host, self.namespace, self.first = mountinfo.read(), os.readlink("/proc/self/ns/mnt"), False
        self.users = os.readlink("/proc/self/ns/user")
        for name in os.listdir("/proc"):
            if name.isdigit():
                self._sort(int(name))
        for group in self.groups.values():
            group.pids.sort()
            group.mounts = self._mounts(group)

    def _sort(self, pid: int) -> None:
        try:
            key = tuple(os.readlink(f"/proc/{pid}/{name}") for name in ("ns/mnt", "root", "ns/user"))
        except _GONE:
            return
        except PermissionError:
            self.hidden += 1
            return
        namespace, root, users = key
        group = self.groups.setdefault((namespace, root, users), Group(namespace, root, users))
        group.marked = self.marks.get(namespace, "")
        group.pids.append(pid)

    def _mounts(self, group: Group) -> list[Mount]:
        """Of the first of its processes that is still there."""
        if group.namespace == self.namespace and group.root == "/" and self.first:
            return self.host
        for pid in group.pids:
            try:
                return mountinfo.read(pid, self.real.values())
            except (*_GONE, PermissionError):
                continue
        return []

    def group_of(self, pid: int) -> Group | None:
        """That of a process; None if it is gone or may not be looked at."""
        return next((group for group in self.groups.values() if pid in group.pids), None)

    def views_of(self, name: str) -> list[tuple[Group, Seen]]:
        """The live views of an account whose directory has this name, the newest first, and their /tmp.

        A recorded number may have become another namespace's: it is no view unless the directory is seen there.
        """
        found = [(group, self.seen(group)[0]) for group in self.groups.values()
                 if group.marked and group.root == "/" and group.users == self.users]
        found = [(group, seen) for group, seen in found if seen.maker.kind == "ours" and seen.maker.name == name]
        return sorted(found, key=lambda each: views.made(each[0].namespace, self.folder), reverse=True)

    def seen(self, group: Group) -> list[Seen]:
        """What its processes see at each of the directories."""
        return [self._seen(group, directory, real) for directory, real in self.real.items()]

    def _seen(self, group: Group, directory: str, real: str) -> Seen:
        mount = mountinfo.covering(group.mounts, real)
        if mount is None:
            host = group.root.rstrip("/") + real if group.namespace == self.namespace and group.root != "/" else ""
            if host:  # a chroot on the host, in the middle of a mount
                below = mountinfo.covering(self.host, host)
                place = mountinfo.inside(below, host) if below else ""
                return Seen(directory, below, place, host, Maker("chroot", f"in the chroot {group.root}"))
            return Seen(directory, None, "", "", Maker("unknown", "cannot be told"))
        place = mountinfo.inside(mount, real)
        host = "" if mount.gone else mountinfo.path_of(self.host, mount.device, place)
        if host == real and not self.first:
            host = self._outside(mount.device, place, real)
        return Seen(directory, mount, place, host, maker.of(self, group, directory, mount, place, host))

    def _outside(self, device: int, place: str, real: str) -> str:
        """From inside of a view of ours: the path that its `real` has outside, which is mounted there as well."""
        _, private, rest = place.partition(f"/{paths.PRIVATE}/")
        path = f"{real}{private}{rest}"
        below = mountinfo.covering(self.host, path) if private else None
        return path if below and (below.device, mountinfo.inside(below, path)) == (device, place) else real

    def outside(self, path: str) -> str:
        """For an absolute path without links that we see: the one that it has on the host; '' if it has none there.

        Without root it can only be told of what is ours, by its place.
        """
        mount = mountinfo.covering(mountinfo.read(), path)
        if mount is None or self.namespace == os.readlink("/proc/self/ns/mnt") and self.first:
            return path
        if (mount.kind, mount.source, mount.root) == ("tmpfs", maker.TMPFS, "/"):
            return ""
        place = mountinfo.inside(mount, path)
        if not self.first:
            real = next((real for real in self.real.values() if mountinfo.within(path, real)), "")
            other = self._outside(mount.device, place, real) if real else ""
            return path if other == real else other
        hosts = mountinfo.covering(self.host, path)
        if hosts and (hosts.device, mountinfo.inside(hosts, path)) == (mount.device, place):
            return path
        return mountinfo.path_of(self.host, mount.device, place)

    def together(self, seen: Seen) -> list[int]:
        """All processes that see this directory at the same path, sorted."""
        return sorted(pid for group in self.groups.values() for other in self.seen(group)
                      if other.directory == seen.directory and other.key == seen.key and seen.key for pid in group.pids)

    def who_sees(self, host: str) -> dict[str, list[int]]:
        """For a path on the host: {directory: processes that have it there}, of private ones only."""
        below = mountinfo.covering(self.host, host)
        if below is None:
            return {}
        place = mountinfo.inside(below, host)
        found: dict[str, list[int]] = {}
        for group in self.groups.values():
            for seen in self.seen(group):
                if seen.maker.kind != "host" and seen.key == (below.device, place, False):
                    found.setdefault(seen.directory, []).extend(group.pids)
        return {directory: sorted(pids) for directory, pids in found.items()}
