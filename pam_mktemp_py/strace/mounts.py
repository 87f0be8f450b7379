"""What a mount namespace shows where: which paths of a process are the host's, and which are its own.

Only what the log shows is known. A namespace begins as a copy of its parent's, so everything in it is the
host's until something is mounted there (mount_namespaces(7)).
"""
from __future__ import annotations

from pam_mktemp_py.strace.places import below, moved, normal

MOST = 512  # mounts that are remembered; a sandbox has some dozens


class View:
    """One mount namespace, shared by its processes. Paths are Latin-1 and as the namespace itself spells them."""

    __slots__ = ("first", "mounts", "trees")

    def __init__(self, first: bool, mounts: list[tuple[str, str | None]] | None = None) -> None:
        self.first = first
        # In the order of mounting: where, and what the host calls that tree (None: it has no name for it).
        self.mounts: list[tuple[str, str | None]] = mounts if mounts is not None else [("/", "/")]
        self.trees: dict[str, str | None] = {}  # by descriptor: what open_tree(2) and fsmount(2) made

    def copy(self) -> View:
        """The namespace that unshare(2) or clone(2) makes from this one."""
        return View(False, None if self.first else list(self.mounts))

    def host(self, path: str) -> str | None:
        """How the host's own processes name what this path shows, None if they cannot see it."""
        if self.first:
            return path
        for target, origin in reversed(self.mounts):  # the later one covers the earlier one
            if below(path, target):
                return None if origin is None else moved(path, target, origin)
        return path

    def mount(self, target: str, origin: str | None, source: str | None = None) -> None:
        """Something is mounted on `target`: what the host calls `origin`; `source`: with all that is below it here."""
        if self.first:
            return  # the host's own mounts are where everybody sees them
        below_it = [] if source is None else [(moved(where, source, target), what) for where, what in self.mounts
                                              if where != source and below(where, source)]
        self.mounts += [(target, origin), *below_it]
        del self.mounts[1:-MOST]

    def move(self, source: str, target: str) -> None:
        """MS_MOVE and move_mount(2) of a mount that is already somewhere."""
        if self.first:
            return
        going = [(moved(where, source, target), what) for where, what in self.mounts if below(where, source)]
        staying = [entry for entry in self.mounts if not below(entry[0], source)]
        self.mounts = staying + (going or [(target, self.host(source))])

    def unmount(self, target: str) -> None:
        """umount2(2): the last mount on `target` goes, and what was mounted on that one."""
        at = max((index for index, entry in enumerate(self.mounts) if entry[0] == target), default=0)
        if at and not self.first:
            self.mounts[at:] = [entry for entry in self.mounts[at + 1:] if not below(entry[0], target)]

    def pivot(self, new: str, old: str) -> None:
        """pivot_root(2): `new` becomes /, the former / is seen at `old`, which is below `new`."""
        if self.first:
            return
        put = moved(old, new, "/") if below(old, new) else "/"
        inside = [(moved(where, new, "/"), what) for where, what in self.mounts if below(where, new)]
        if not inside or inside[0][0] != "/":
            inside.insert(0, ("/", self.host(new)))
        outside = [(normal(f"{put}/{where}"), what) for where, what in self.mounts if not below(where, new)]
        self.mounts = inside + outside
