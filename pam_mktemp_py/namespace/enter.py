"""Going into another mount namespace as root, and only into one that no user rules.

A user's `unshare -Urm` may hold a forged /etc/passwd, or libraries that a program of root's would load: a namespace
is entered only if it belongs to our own user namespace and has our root directory. A bwrap that is setuid makes the
same without a user namespace: what is no view of ours must have our /etc, /usr and the like as well. Everything is
opened once and compared by descriptor, since a pid may become another process's at any moment.
"""
from __future__ import annotations

import os
import select
from contextlib import ExitStack

from pam_mktemp_py import paths
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.linux import mount_calls, mountinfo, setns
from pam_mktemp_py.namespace import views

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.mountinfo import Mount

ID = "view-refused"
_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_PATH = os.O_PATH | os.O_CLOEXEC
# Where sessions and services have mounts of their own. Of /run itself root would believe what is there.
_OTHERS = ("/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/home", "/media", "/mnt", "/srv")
_BELOW_RUN = "/run/"
_INACCESSIBLE = "/run/systemd/"  # of systemd's: what it mounts over the places that a unit may not see


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both are one file."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def opened(pid: int, namespace: str = "", mark: str = "") -> int:
    """The mount namespace of a process, as a descriptor that may be entered.

    `namespace`, "mnt:[N]": it must be this one, and `mark`, "DEV.INO.MOUNT", its /tmp; of a `mark` alone it is only
    known for a view of ours where that is so. Raises Refused, or ProcessLookupError if the process is gone.
    """
    where = f"/proc/{pid}"
    with ExitStack() as stack:
        process = os.pidfd_open(pid)
        stack.callback(os.close, process)
        fd = os.open(f"{where}/ns/mnt", _FLAGS)
        stack.callback(os.close, fd)
        hint = f"look at its files from outside: ls -la {where}/root/tmp (links in there are the user's)"
        if not setns.is_of_our_users(fd):
            raise Refused(ID, where, "its mounts belong to a user namespace of a user's own, where even /etc/passwd "
                          "may be forged; root does not go there", hint)
        if namespace and namespace_of(fd) != namespace:
            raise Refused(ID, where, f"is no longer in the view {namespace}: the pid is another process's", "try again")
        # The text first: to look at the root of a chroot may ask a user's file system.
        if os.readlink(f"{where}/root") != "/":
            raise Refused(ID, where, "is in a chroot", hint)
        root = os.open(f"{where}/root", _PATH)
        stack.callback(os.close, root)
        if not same(os.fstat(root), os.stat("/")):
            raise Refused(ID, where, "has another root directory than we: it is in a container or sandbox", hint)
        ours = bool(mark) and mount_calls.place("tmp", root) == mark
        if namespace and mark and not ours:
            raise Refused(ID, where, "has another /tmp than the one recorded for its view", hint)
        if not ours and (point := _another(mountinfo.read(pid), mountinfo.read())):
            raise Refused(ID, where, f"sees something else at {point} than we, and root would believe that", hint)
        if select.select([process], [], [], 0)[0]:  # it ended, and any of these may have been its successor's
            raise ProcessLookupError(3, "the process has just ended", where)
        return os.dup(fd)


def _another(theirs: list[Mount], ours: list[Mount]) -> str:
    """The first mount point of theirs where a program would load, or believe, something else than with ours; or ''."""
    known = {(mount.point, mount.device, mount.root) for mount in ours}
    for mount in theirs:
        below = mountinfo.covering(ours, mount.point)
        if not ((mount.point, mount.device, mount.root) in known or mount.point.startswith(_BELOW_RUN)
                or any(mountinfo.within(mount.point, folder) for folder in _OTHERS)
                or (below and (below.device, mountinfo.inside(below, mount.point)) == (mount.device, mount.root))
                or mountinfo.path_of(ours, mount.device, mount.root).startswith(_INACCESSIBLE)):
            return mount.point
    return ""


def namespace_of(fd: int) -> str:
    """"mnt:[N]" of an open mount namespace."""
    return f"mnt:[{os.fstat(fd).st_ino}]"


def host(folder: str = paths.VIEWS) -> int | None:
    """The host's mount namespace, if we are in a view of ours; None if we are on the host. Raises Refused, OSError."""
    with ExitStack() as stack:
        first = os.open("/proc/1/ns/mnt", _FLAGS)
        stack.callback(os.close, first)
        own = os.open("/proc/self/ns/mnt", _FLAGS)
        stack.callback(os.close, own)
        if not same(os.stat("/proc/1/root/"), os.stat("/")):
            raise Refused(ID, "/", "is not the host's: this is a chroot or a container", "leave it first")
        if same(os.fstat(first), os.fstat(own)):
            return None
        name = namespace_of(own)
        mark = views.mark_of(name, folder)
        if not setns.is_of_our_users(own) or not mark or mount_calls.place("/tmp") != mark:
            raise Refused(ID, name, "is neither the host's mount namespace nor a view of ours, but another's sandbox",
                          "leave it first; what is meant to be done nevertheless: nsenter --mount=/proc/1/ns/mnt")
        return os.dup(first)


class Command:
    """A command, and the directory to start it in, found before the mounts change.

    After that its path must lead to the same file: another user may have put one of this name into the other /tmp.
    """

    def __init__(self, words: list[str], search: str) -> None:
        """Raises FileNotFoundError or PermissionError if there is no such program in `search` (a PATH)."""
        self.words = words
        self.path = self._find(words[0], search)
        self.about = os.stat(self.path)
        try:
            self.folder, self.there = os.getcwd(), os.stat(".")
        except FileNotFoundError:
            self.folder, self.there = "/", os.stat("/")

    @staticmethod
    def _find(name: str, search: str) -> str:
        if "/" in name:
            paths_ = [os.path.join(os.getcwd(), name)]
        else:
            paths_ = [f"{folder}/{name}" for folder in search.split(":") if folder.startswith("/")]
        found = [path for path in paths_ if os.path.isfile(path)]
        usable = [path for path in found if os.access(path, os.X_OK)]
        if usable:
            return usable[0]
        if found:
            raise PermissionError(13, "cannot be run", found[0])
        raise FileNotFoundError(2, "there is no such command", name)

    def settle(self) -> bool:
        """Go where we were, else to /: whether it is the same directory. Raises Refused if the command is not."""
        try:
            now = os.stat(self.path)
        except OSError:
            now = None
        if now is None or not same(now, self.about):
            raise Refused(ID, self.path, "is another file there, or none: in the other /tmp anyone may have put it",
                          "name a program outside of /tmp, such as: sh SCRIPT")
        try:
            os.chdir(self.folder)
            if same(os.stat("."), self.there):
                return True
        except OSError:
            pass
        os.chdir("/")
        return False


def go(namespace: int | None, command: Command) -> bool:
    """Enter it and be ready for the command; as settle(). None: stay where we are."""
    if namespace is None:
        return True
    root = os.stat("/")
    setns.enter_mounts(namespace)
    if not same(os.stat("/"), root):  # the namespace's own root is not the process's
        raise Refused(ID, "/", "is another directory in that mount namespace", "it is a container or sandbox")
    return command.settle()
