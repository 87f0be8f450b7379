"""What a call changes for the calls after it: directories, roots, umasks, mounts, programs."""
from __future__ import annotations

from collections.abc import Callable

from pam_mktemp_py.strace import arguments, calls
from pam_mktemp_py.strace.lexer import Call, parts
from pam_mktemp_py.strace.mounts import View
from pam_mktemp_py.strace.notes import Notes
from pam_mktemp_py.strace.places import below, moved
from pam_mktemp_py.strace.tasks import Task, Tasks

SUID_DEBUG = "/etc/suid-debug"  # glibc looks for it in AT_SECURE programs only (elf/rtld.c up to 2.36, ld.so(8))
OWN_MOUNTS = '"/proc/self/ns/mnt"'
MOST_WORDS = 256
LONGEST_WORD = 4096
MOST_IMAGES = 8
_PROPAGATION = frozenset(("MS_PRIVATE", "MS_SLAVE", "MS_SHARED", "MS_UNBINDABLE"))


class State:
    """Applies calls; `tasks` is changed in place, what is lost sight of is told to `unresolved`."""

    def __init__(self, tasks: Tasks, unresolved: Notes) -> None:
        self.uring = False
        self.moved = False  # a directory in which somebody is got another name
        self._tasks = tasks
        self._unresolved = unresolved
        self._namespaces: dict[str, View] = {}  # by what -y says of a descriptor that was opened in them
        self._changes: dict[str, Callable[[Call, Task], None]] = {
            "chdir": self._chdir, "fchdir": self._fchdir, "getcwd": self._getcwd, "chroot": self._chroot,
            "pivot_root": self._pivot_root, "umask": self._umask, "unshare": self._unshare, "mount": self._mount,
            "umount": self._umount, "umount2": self._umount, "oldumount": self._umount,
            "move_mount": self._move_mount, "open_tree": self._open_tree, "fsmount": self._fsmount,
            "io_uring_setup": self._io_uring_setup, "socket": self._socket, "accept": self._socket,
            "accept4": self._socket, "rename": self._rename, "renameat": self._rename, "renameat2": self._rename,
            **dict.fromkeys(calls.USERS, self._user),
        }

    def apply(self, call: Call, task: Task, line: int, text: str) -> None:
        """The change that a call made, if it made one."""
        if call.name in ("access", "faccessat", "faccessat2"):
            name = call.args[0 if call.name == "access" else 1:][:1]
            task.process.secure = task.process.secure or (bool(name) and arguments.string(name[0]) == SUID_DEBUG)
        elif call.error:
            return
        elif call.name in ("execve", "execveat"):
            self._execute(call, task, line)
        elif call.note.startswith("<mnt:[") and OWN_MOUNTS in call.args[:2] and len(self._namespaces) < MOST_WORDS:
            self._namespaces[call.note] = task.view
        elif call.name == "setns":
            self._setns(call, task, line, text)
        elif call.name in self._changes and call.args:
            self._changes[call.name](call, task)

    def _chdir(self, call: Call, task: Task) -> None:
        task.files.cwd = self._absolute(call.args[0], task)

    def _fchdir(self, call: Call, task: Task) -> None:
        found = arguments.descriptor(call.args[0])
        task.files.cwd = (found[1] or None) if found else None

    def _getcwd(self, call: Call, task: Task) -> None:
        path = arguments.string(call.args[0])
        if path and path[:1] == "/" and call.args[0][-1:] == '"':
            task.files.cwd = task.files.absolute(path, None)

    def _chroot(self, call: Call, task: Task) -> None:
        root = self._absolute(call.args[0], task)
        if root is not None:
            task.files.root = "" if root == "/" else root

    def _pivot_root(self, call: Call, task: Task) -> None:
        """Every process of the namespace that stood in the old root stands in the new one (pivot_root(2))."""
        new = self._absolute(call.args[0], task)
        old = self._absolute(call.args[1], task) if len(call.args) > 1 else None
        if new is None or old is None or task.view.first:
            return
        put = moved(old, new, "/") if below(old, new) else "/"
        task.view.pivot(new, old)
        places = {id(other.files): other.files for other in self._tasks.alive.values() if other.view is task.view}
        for files in places.values():
            files.root = ""
            cwd = files.cwd
            if cwd is not None and cwd != "/":
                files.cwd = moved(cwd, new, "/") if below(cwd, new) else moved(cwd, "/", put)

    def _rename(self, call: Call, task: Task) -> None:
        """A process whose directory was moved, or one above it, is elsewhere afterwards."""
        at = call.name != "rename"
        args = call.args
        if len(args) < (4 if at else 2):
            return
        old = self._absolute(args[1 if at else 0], task, args[0] if at else "")
        new = self._absolute(args[3 if at else 1], task, args[2] if at else "")
        if old is None or new is None:
            return
        exchange = len(args) > 4 and "RENAME_EXCHANGE" in args[4]
        for files in {id(each.files): each.files for each in self._tasks.alive.values()}.values():
            for first, second in ((old, new), (new, old))[:1 + exchange]:
                if files.root and below(files.root, first):
                    files.root = moved(files.root, first, second)
                    self.moved = True
                if files.cwd is not None and below(files.cwd, first):
                    files.cwd = moved(files.cwd, first, second)
                    self.moved = True
                    break

    def _umask(self, call: Call, task: Task) -> None:
        mask = arguments.mode(call.args[0])
        task.files.umask = mask & 0o777 if mask >= 0 else None

    def _unshare(self, call: Call, task: Task) -> None:
        flags = arguments.flags(call.args[0])
        if flags & {"CLONE_FS", "CLONE_NEWNS", "CLONE_NEWUSER"}:  # the last two imply the first (unshare(2))
            task.files = task.files.copy()
        if "CLONE_NEWNS" in flags:
            task.view = task.view.copy()
        if "CLONE_FILES" in flags:
            task.sockets = dict(task.sockets)
        task.renumbers = task.renumbers or "CLONE_NEWPID" in flags

    def _setns(self, call: Call, task: Task, line: int, text: str) -> None:
        flags = arguments.flags(call.args[1]) if len(call.args) > 1 else frozenset()
        by_note = not flags and ("<mnt:[" in call.args[0] or "/ns/mnt" in call.args[0]) if call.args else False
        if "CLONE_NEWNS" in flags or by_note:
            known = self._namespaces.get(call.args[0][call.args[0].find("<"):])
            task.view = View(False) if known is None else known
            task.files = task.files.copy()
            task.files.cwd, task.files.root = "/", ""
            if known is None:
                self._unresolved.add(line, text, "it enters a mount namespace of which the log does not tell what is "
                                     "where")
        pid_note = not flags and ("<pid:[" in call.args[0] or "/ns/pid" in call.args[0]) if call.args else False
        task.renumbers = task.renumbers or "CLONE_NEWPID" in flags or pid_note

    def _mount(self, call: Call, task: Task) -> None:
        if len(call.args) < 4:
            return
        target = self._absolute(call.args[1], task)
        flags = arguments.flags(call.args[3])
        moves = flags & {"MS_BIND", "MS_MOVE"}
        if target is None or "MS_REMOUNT" in flags or (flags & _PROPAGATION and not moves):
            return
        if not moves:
            task.view.mount(target, None)
            return
        source = self._absolute(call.args[0], task)
        if source is None:
            task.view.mount(target, None)
        elif "MS_MOVE" in flags:
            task.view.move(source, target)
        else:
            task.view.mount(target, task.view.host(source), source if "MS_REC" in flags else None)

    def _umount(self, call: Call, task: Task) -> None:
        target = self._absolute(call.args[0], task)
        if target is not None:
            task.view.unmount(target)

    def _move_mount(self, call: Call, task: Task) -> None:
        if len(call.args) < 4:
            return
        target = self._absolute(call.args[3], task, call.args[2])
        if target is None:
            return
        found = arguments.descriptor(call.args[0])
        trees = task.view.trees
        if found is not None and found[0] in trees and arguments.string(call.args[1]) == "":
            task.view.mount(target, trees.pop(found[0]))
            return
        source = self._absolute(call.args[1], task, call.args[0])
        if source is None:
            task.view.mount(target, None)
        else:
            task.view.move(source, target)

    def _open_tree(self, call: Call, task: Task) -> None:
        path = self._absolute(call.args[1], task, call.args[0]) if len(call.args) > 2 else None
        if path is not None and "OPEN_TREE_CLONE" in call.args[2]:
            self._tree(task, call.value, task.view.host(path))

    def _fsmount(self, call: Call, task: Task) -> None:
        self._tree(task, call.value, None)

    def _tree(self, task: Task, number: str, origin: str | None) -> None:
        if len(task.view.trees) < MOST_WORDS:
            task.view.trees[number] = origin

    def _io_uring_setup(self, call: Call, task: Task) -> None:
        self.uring = True

    def _user(self, call: Call, task: Task) -> None:
        """setuid(2), setreuid(2), setresuid(2): the effective one, if it is set."""
        found = call.args[calls.USERS[call.name]] if len(call.args) > calls.USERS[call.name] else ""
        if found.isdecimal():
            task.process.uid = int(found[:10])

    def _socket(self, call: Call, task: Task) -> None:
        task.sockets.pop("fd " + call.value, None)

    def _execute(self, call: Call, task: Task, line: int) -> None:
        """execve(2): the other threads are gone, and the secure mode is decided anew."""
        at = call.name == "execveat"
        name = call.args[1 if at else 0] if len(call.args) > 2 else ""
        process = task.process
        for other in list(self._tasks.threads(process)):
            if other is not task:
                self._tasks.drop(other)
        path = self._absolute(name, task, call.args[0] if at else "")
        if process.program:
            process.images = [*process.images, process.program][-MOST_IMAGES:]
        process.program = arguments.decoded(path if path is not None else arguments.string(name) or "")
        self._tasks.executed(process.program)
        words = parts(call.args[2 if at else 1][:MOST_WORDS * LONGEST_WORD]) if len(call.args) > 2 else []
        process.argv = tuple(arguments.decoded(arguments.word(word)[:LONGEST_WORD]) for word in words[:MOST_WORDS])
        process.secure = False
        process.started = line

    def _absolute(self, arg: str, task: Task, directory: str = "") -> str | None:
        """The host's name of an argument, relative to a descriptor or to the current directory."""
        name = arguments.string(arg)
        base = task.files.cwd
        if directory:
            found = arguments.descriptor(directory)
            if found is None or (found[1] is None and found[0] != arguments.HERE):
                base = None
            elif found[1] is not None:
                base = found[1] or None
        if not name:
            return base if directory and name is not None else None
        return task.files.absolute(name, base)
