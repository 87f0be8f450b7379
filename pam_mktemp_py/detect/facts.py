"""What is known of one program's use of one name, added up call by call over the whole trace."""
from __future__ import annotations

from dataclasses import dataclass, field, fields

from pam_mktemp_py.detect.code import is_code
from pam_mktemp_py.detect.model import Evidence
from pam_mktemp_py.strace import events
from pam_mktemp_py.strace.events import Event

WRITABLE = 0o002  # by others: a group is not everybody
READABLE = 0o004
_EVIDENCE = 6
_WRITES = frozenset({"O_WRONLY", "O_RDWR", "O_TRUNC", "O_APPEND", "O_CREAT"})
MAKES = frozenset({events.MAKE_DIRECTORY, events.MAKE_NODE, events.BIND, events.LINK, events.SYMLINK,
                   events.MADE_BY_RENAME})
# Something stood in the way: the program would have made or written it.
HINDERED = frozenset({"EEXIST", "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EISDIR", "ELOOP", "EADDRINUSE",
                      "ETXTBSY", "ENXIO"})
_BY_DESCRIPTOR = frozenset({"fchmod", "fchown", "fchown32"})
_THE_LINK_ITSELF = frozenset({"lchown", "lchown32", "lsetxattr", "lremovexattr"})
_ALTERS = frozenset({"utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "setxattr", "lsetxattr",
                     "removexattr", "lremovexattr", "setxattrat", "removexattrat", "file_setattr"})


def writes(event: Event) -> bool:
    """Whether an OPEN can change the file."""
    return event.call == "creat" or not _WRITES.isdisjoint(event.flags)


def exclusive(event: Event) -> bool:
    """Whether what the event made cannot have been there before."""
    if event.act == events.OPEN:
        return {"O_CREAT", "O_EXCL"} <= event.flags
    return event.act in MAKES


def follows(event: Event) -> bool:
    """Whether a change goes through a link that stands at the name; by descriptor it is the file that was opened."""
    return event.call not in _BY_DESCRIPTOR | _THE_LINK_ITSELF and event.flags.isdisjoint(
        ("AT_SYMLINK_NOFOLLOW", "AT_EMPTY_PATH"))


@dataclass(slots=True)
class Facts:
    """Counters of one program and one normalised name.

    `names` are real ones; of these `shield` lie in a directory that was made here and that others cannot write to,
    `sealed` in one that they cannot enter. `mode`: the worst permissions of others that any of them had. `excuse`:
    USER_REQUESTED or ALREADY_PRIVATE if all of them are, and "": one that is none is counted apart, lest a typed
    name or a sandbox excuse what is done elsewhere. `certain`: several runs have shown that the name varies.
    """

    program: str
    path: str
    name: str
    chain: tuple[str, ...]
    example: str
    excuse: str = ""
    certain: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    names: int = 0
    left: int = 0
    made: int = 0
    reopened: int = 0
    unsafe: int = 0
    nofollow: int = 0
    hindered: int = 0
    anonymous: int = 0
    directories: int = 0
    there: int = 0
    bound: int = 0
    connected: int = 0
    asked: int = 0
    read: int = 0
    looked: int = 0
    executed: int = 0
    searched: int = 0
    followed: int = 0
    altered: int = 0
    removed: int = 0
    mode: int = 0
    opened_up: int = 0
    shield: int = 0
    sealed: int = 0
    secure: int = 0
    stripped: int = 0
    unusable: int = 0
    abstract: int = 0
    evidence: list[tuple[int, Evidence]] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether anything was made, written, changed, connected to or run, or would have been."""
        return bool(self.executed or self.searched or self.changed)

    @property
    def changed(self) -> bool:
        """The same without what was only run."""
        return bool(self.made or self.reopened or self.unsafe or self.nofollow or self.hindered or self.anonymous
                    or self.directories or self.there or self.bound or self.connected or self.followed or self.altered
                    or self.removed)

    @property
    def unasked(self) -> bool:
        """Whether it connected without having looked at whose socket that is."""
        return bool(self.connected and not self.asked)

    @property
    def doubtful(self) -> bool:
        """Whether it was opened as if nobody could guess it, and only its looks speak for that."""
        return not self.certain and bool(self.unsafe or self.nofollow or self.followed)

    def note(self, event: Event, weight: int) -> None:
        """Keep the calls that say most, in the order of the log."""
        self.calls[event.call] = self.calls.get(event.call, 0) + 1
        if len(self.evidence) == _EVIDENCE and weight <= min(each for each, _ in self.evidence):
            return
        self.evidence.append((weight, Evidence(event.line, event.pid, event.process.program, event.text)))
        if len(self.evidence) > _EVIDENCE:
            self.evidence.remove(min(self.evidence, key=lambda each: (each[0], -each[1].line)))

    def add(self, other: Facts) -> None:
        """Add up with another name's."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.mode |= other.mode
        for call, count in other.calls.items():
            self.calls[call] = self.calls.get(call, 0) + count

    def worsen(self, other: Facts) -> None:
        """Take over what is worse in another run's counters of the same name."""
        bare, open_ = (max(each.names - inside(each) for each in (self, other)) for inside in (
            lambda each: each.shield, lambda each: each.sealed))
        asked = min(self.asked, other.asked)
        for name in _COUNTERS:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        self.shield, self.sealed, self.asked = self.names - bare, self.names - open_, asked
        self.mode |= other.mode
        self.certain = self.certain or other.certain

    def look(self, event: Event) -> None:
        """Count an event that changes nothing, whatever its call could do elsewhere."""
        self.looked += 1
        self.note(event, 0)

    def take(self, event: Event, ours: bool) -> None:
        """Count an event; `ours`: this trace made the file, so that nobody else can have put it there."""
        weight = _TAKERS.get(event.act, _look)(self, event, ours)
        self.note(event, weight)


_COUNTERS = [each.name for each in fields(Facts) if each.type == "int" and each.name != "mode"]


def _open(facts: Facts, event: Event, ours: bool) -> int:
    if not writes(event):
        if not ours and is_code(event):
            return _run(facts, event)
        if event.error or ours or "O_PATH" in event.flags or "O_DIRECTORY" in event.flags:
            return _look(facts, event, ours)
        facts.read += 1
        return 1
    if "O_TMPFILE" in event.flags:
        facts.anonymous += not event.error
        return 2
    if event.error and event.error not in HINDERED:
        return _look(facts, event, ours)
    if ours:
        facts.reopened += 1
        return 1
    if "O_EXCL" in event.flags:
        facts.hindered += bool(event.error)
        facts.made += not event.error
    elif "O_NOFOLLOW" in event.flags:
        facts.nofollow += 1
    else:
        facts.unsafe += 1
    if "O_CREAT" in event.flags or event.call == "creat":
        _created(facts, event)
    return 3 if "O_EXCL" in event.flags else 6


def _created(facts: Facts, event: Event) -> None:
    if not event.error and event.mode >= 0:
        facts.mode |= event.mode & 0o7


def _make(facts: Facts, event: Event, ours: bool) -> int:
    if event.error and event.error not in HINDERED:
        return _look(facts, event, ours)
    if event.act == events.BIND:
        facts.bound += 1
    elif event.act == events.MAKE_DIRECTORY:
        facts.directories += not event.error
        facts.there += event.error == "EEXIST"
        _created(facts, event)
    elif event.error:
        facts.hindered += 1
    else:
        facts.made += 1
        if event.act == events.MAKE_NODE:
            _created(facts, event)
    return 4


def _connect(facts: Facts, event: Event, ours: bool) -> int:
    if event.error and event.error != "EINPROGRESS":
        return _look(facts, event, ours)
    facts.connected += 1
    return 5


def _change(facts: Facts, event: Event, ours: bool) -> int:
    if event.error:
        return _look(facts, event, ours)
    if event.act == events.MODE and event.mode & (WRITABLE | READABLE):
        facts.mode |= event.mode & 0o7
        facts.opened_up += 1
    if not ours and follows(event):
        facts.followed += 1
    elif not ours:
        facts.altered += 1
    return 5


def _alter(facts: Facts, event: Event, ours: bool) -> int:
    return _change(facts, event, ours) if event.call in _ALTERS else _look(facts, event, ours)


def _execute(facts: Facts, event: Event, ours: bool) -> int:
    return 1 if ours else _run(facts, event)


def _run(facts: Facts, event: Event) -> int:
    """Code of another's, or the lack of it at a place where another can put it (CWE-426)."""
    if event.error not in ("", "ENOEXEC", "ENOENT"):
        return _look(facts, event, False)
    facts.searched += event.error == "ENOENT"
    facts.executed += event.error != "ENOENT"  # ENOEXEC: a shell runs it then
    return 5


def _peer(facts: Facts, _event: Event, _ours: bool) -> int:
    facts.asked += 1
    return 1


def _look(facts: Facts, event: Event, _ours: bool) -> int:
    facts.looked += 1
    if not event.error and event.act == events.LOOK and "stat" in event.call:
        facts.asked += 1
    return 0


def _remove(facts: Facts, event: Event, ours: bool) -> int:
    facts.removed += not ours and not event.error
    return 1


_TAKERS = {
    events.OPEN: _open, events.MAKE_DIRECTORY: _make, events.MAKE_NODE: _make, events.BIND: _make,
    events.LINK: _make, events.SYMLINK: _make, events.MADE_BY_RENAME: _make, events.CONNECT: _connect,
    events.SEND: _connect, events.MODE: _change, events.OWNER: _change, events.TRUNCATE: _change,
    events.EXECUTE: _execute, events.PEER: _peer, events.REMOVE: _remove, events.RENAMED: _remove,
    events.OTHER: _alter,
}
