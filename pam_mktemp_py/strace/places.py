"""Where a process stands in the tree of files: its current directory, its root, its umask (fs_struct of the kernel)."""
from __future__ import annotations

from dataclasses import dataclass

ASSUMED_UMASK = 0o022
_UNFINISHED = ("/", "/.", "/..")


@dataclass(eq=False, slots=True)
class Files:
    """What threads made with CLONE_FS have in common. Paths are Latin-1, as the host spells them."""

    cwd: str | None = None  # None: not known
    root: str = ""  # the directory chroot(2) put it in, "" for /
    umask: int | None = None

    def copy(self) -> Files:
        """For a child that is made without CLONE_FS."""
        return Files(self.cwd, self.root, self.umask)

    def absolute(self, name: str, base: str | None) -> str | None:
        """The host's spelling of a name; `base` is the directory it is relative to. None: that is not known."""
        if name[:1] == "/":
            if not self.root:
                return normal(name)
            base = self.root
        elif base is None:
            return None
        if self.root and ".." in name:
            return self._walked(base, name)
        return normal(f"{base}/{name}")

    def _walked(self, path: str, name: str) -> str:
        """As the kernel goes: .. leads out of every directory but the root, even if it began outside of it."""
        for word in name.split("/"):
            if word == "..":
                path = path if path == self.root else path.rpartition("/")[0] or "/"
            elif word and word != ".":
                path = f"{path}/{word}" if path != "/" else "/" + word
        return path


def normal(path: str) -> str:
    """An absolute path without '.', '..', doubled and trailing slashes; the kernel's own rule but for links."""
    if "//" not in path and "/./" not in path and "/../" not in path and not path.endswith(_UNFINISHED) or path == "/":
        return path
    words: list[str] = []
    for word in path.split("/"):
        if word == "..":
            if words:
                words.pop()
        elif word and word != ".":
            words.append(word)
    return "/" + "/".join(words)


def below(path: str, top: str) -> bool:
    """Whether a path is `top` or lies below it."""
    return path == top or top == "/" or path.startswith(top + "/")


def moved(path: str, old: str, new: str) -> str:
    """A path at or below `old`, as it is spelled when `old` has become `new`."""
    rest = path if old == "/" else path[len(old):]
    return normal(f"{new}/{rest}")
