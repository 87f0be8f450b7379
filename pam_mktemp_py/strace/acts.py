"""From a call to its events: which paths it names, whether they are watched, and what it asked for."""
from __future__ import annotations

from pam_mktemp_py.strace import arguments, calls, events
from pam_mktemp_py.strace.arguments import Address, decoded
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.lexer import Call
from pam_mktemp_py.strace.notes import Notes, shown
from pam_mktemp_py.strace.places import ASSUMED_UMASK, normal
from pam_mktemp_py.strace.tasks import MOST_SOCKETS, Task

_NO_FLAGS: frozenset[str] = frozenset()
_MASKED = frozenset((events.OPEN, events.MAKE_DIRECTORY, events.MAKE_NODE))
_CREATING = frozenset(("O_CREAT", "O_TMPFILE"))


class Watch:
    """The directories whose names are watched, Latin-1 and normal."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = tuple(dict.fromkeys(normal(path) for path in paths))
        self._below = tuple(path.rstrip("/") + "/" for path in self.paths)
        self._exactly = frozenset(self.paths)

    def holds(self, path: str) -> bool:
        """Whether a normal path is one of them or lies below one."""
        return path.startswith(self._below) or path in self._exactly

    def touches(self, path: str) -> bool:
        """Whether a tree at this path has a watched directory in it, or is in one."""
        top = path.rstrip("/") + "/"
        return self.holds(path) or any(below.startswith(top) for below in self._below)


class Acts:
    """Makes events of calls; what cannot be resolved goes to `unresolved`."""

    def __init__(self, watch: Watch, unresolved: Notes) -> None:
        self._watch = watch
        self._unresolved = unresolved

    def of(self, call: Call, task: Task, line: int, text: str) -> list[Event]:
        """The events of a call, in the order of its arguments."""
        shape = calls.CALLS.get(call.name)
        if shape is not None:
            return self._of_names(call, shape, task, line, text)
        if call.name in calls.SOCKETS:
            return self._of_sockets(call, task, line, text)
        if call.name == "getsockopt":
            return self._of_peer(call, task, line, text)
        return []

    def _of_names(self, call: Call, shape: calls.Shape, task: Task, line: int, text: str) -> list[Event]:
        if self._hidden(call, (shape.name, shape.name2), line, text):
            return []
        flags = _flags(call, shape)
        real = arguments.noted(call.note) if call.note and shape.act == events.OPEN else ""
        path = self._path(call, task, shape.at, shape.name, flags, real)
        if path is None:
            self._unresolved.add(line, text, "the directory that its name is relative to is not known")
        what = shape.act
        other = ""
        found: list[Event] = []
        if shape.name2 != calls.NONE:
            path2 = self._path(call, task, shape.at2, shape.name2, flags, "")
            if path2 is None:
                self._unresolved.add(line, text, "the directory that its second name is relative to is not known")
            what, second = calls.BOTH[shape.act]
            other = decoded(path2 or "")
            found = self._event(call, task, second, path2, "", flags, -1, decoded(path or ""), line, text)
        elif what == events.SYMLINK:
            other = decoded(arguments.string(call.args[0]) or "") if call.args else ""
        mode = _mode(call, shape, flags, task)
        return self._event(call, task, what, path, real, flags, mode, other, line, text) + found

    def _hidden(self, call: Call, names: tuple[int, ...], line: int, text: str) -> bool:
        """Whether a call that succeeded shows an address where a name should be; then that is told.

        strace could not read the process's memory: it made itself undumpable (PR_SET_DUMPABLE, prctl(2)), as
        ssh-agent does, or its program may not be read.
        """
        args = [call.args[name] for name in names if 0 <= name < len(call.args)]
        if call.error or not any(arg[:2] == "0x" for arg in args):
            return False
        self._unresolved.add(line, text, "the name is not readable: the process forbids others to look into its "
                                         "memory; trace it as root")
        return True

    def _event(self, call: Call, task: Task, what: str, path: str | None, real: str, flags: frozenset[str], mode: int,
               other: str, line: int, text: str) -> list[Event]:
        """The event, if its path or the real one is watched."""
        path = path or real
        private = False
        if not task.view.first:
            path, private = self._seen_from_outside(task, path, real)
        if not (path and self._watch.holds(path)) and not (real and self._watch.holds(real)):
            return []
        return [Event(task.process, task.pid, call.name, what, decoded(path), decoded(real), call.error, flags, mode,
                      other, private, False, line, shown(text))]

    def _seen_from_outside(self, task: Task, path: str, real: str) -> tuple[str, bool]:
        """The path as the host names it, or as the namespace does with True if what is there is its own.

        A sandbox that binds the host's / at its own (bwrap --dev-bind / /) still writes to everybody's /tmp.
        """
        shown_path = path if self._watch.holds(path) or not real else real
        host = task.view.host(shown_path)
        if host is not None and not self._watch.holds(shown_path) and self._watch.holds(host):
            return host, False
        return path, host != shown_path

    def _path(self, call: Call, task: Task, at: int, index: int, flags: frozenset[str], real: str) -> str | None:
        """The host's name of an argument; "" if it names nothing, None if it cannot be known."""
        args = call.args
        base: str | None = task.files.cwd
        if at != calls.NONE:
            base = _directory(args[at], base, call.error) if at < len(args) else ""
        if index == calls.NONE:  # a call on a descriptor, or on a file handle
            return real or base or ""
        name = arguments.string(args[index]) if index < len(args) else ""
        if not name:
            if at != calls.NONE and ("AT_EMPTY_PATH" in flags or name is None):
                return None if base is None and call.name == "execveat" else base or real
            return real
        if real and ".." in name and "O_TMPFILE" not in flags:
            return real  # the kernel knows where .. led even if links were on the way
        if base == "" and name[:1] != "/":
            return real
        path = task.files.absolute(name, base)
        return path if path is not None else real or None

    def _of_sockets(self, call: Call, task: Task, line: int, text: str) -> list[Event]:
        what, index = calls.SOCKETS[call.name]
        if index >= len(call.args):
            return []
        arg = call.args[index]
        if "sun_path" not in arg:
            self._hidden(call, (index,), line, text)
            return []
        one = arguments.address(arg) if what != events.SEND or call.name == "sendto" else None
        found: list[Event] = []
        for name in [one] if one else arguments.addresses(arg):
            place = self._place(name, task)
            if place is None:
                self._unresolved.add(line, text, "the directory that the socket's name is relative to is not known")
                continue
            found += self._of_socket(call, task, what, place, line, text)
            if what == events.CONNECT and not call.error:
                _connected(task, call.args[0], place)
        return found

    def _place(self, name: Address, task: Task) -> Address | None:
        """The address with its path made absolute, None if that cannot be known."""
        if name.abstract:
            return name
        path = task.files.absolute(name.name, task.files.cwd) if name.name else ""
        return None if path is None else Address(path, False)

    def _of_socket(self, call: Call, task: Task, what: str, place: Address, line: int, text: str) -> list[Event]:
        if not place.abstract:
            return self._event(call, task, what, place.name, "", _NO_FLAGS, -1, "", line, text)
        if not self._watch.holds(place.name):
            return []
        return [Event(task.process, task.pid, call.name, what, decoded(place.name), "", call.error, _NO_FLAGS, -1, "",
                      False, True, line, shown(text))]

    def _of_peer(self, call: Call, task: Task, line: int, text: str) -> list[Event]:
        """getsockopt(2) of SO_PEERCRED: it looked who owns the socket that it is connected to."""
        if len(call.args) < 3 or "SO_PEERCRED" not in call.args[2] or "uid=-1," in call.args[-2]:
            return []  # uid -1: it is connected to nothing, its number was another socket's
        place = task.sockets.get(arguments.inode(call.args[0]))
        return self._of_socket(call, task, events.PEER, place, line, text) if place else []


def _directory(arg: str, cwd: str | None, error: str) -> str | None:
    """The directory of a descriptor; "" if it has no path at all, None if -y was not given."""
    if arg[:8] == arguments.HERE:
        return cwd  # what -y says of it is there already
    found = arguments.descriptor(arg)
    if found is None:
        return ""
    number, path = found
    if number == arguments.HERE:
        return cwd
    if path is not None:
        return path
    return "" if number[:1] == "-" or error == "EBADF" else None  # -y has nothing to say of a closed one


def _flags(call: Call, shape: calls.Shape) -> frozenset[str]:
    unsaid = calls.UNSAID.get(call.name)
    if unsaid is not None:
        return unsaid
    if 0 <= shape.flags < len(call.args):
        return arguments.flags(call.args[shape.flags])
    return _NO_FLAGS


def _mode(call: Call, shape: calls.Shape, flags: frozenset[str], task: Task) -> int:
    if not 0 <= shape.mode < len(call.args) or (shape.act == events.OPEN and not flags & _CREATING):
        return -1
    mode = arguments.mode(call.args[shape.mode])
    if mode < 0 or shape.act not in _MASKED:
        return mode
    mask = task.files.umask
    return mode & ~(ASSUMED_UMASK if mask is None else mask)


def _connected(task: Task, arg: str, place: Address) -> None:
    key = arguments.inode(arg)
    task.sockets.pop(key, None)
    while len(task.sockets) >= MOST_SOCKETS:
        del task.sockets[next(iter(task.sockets))]
    task.sockets[key] = place
