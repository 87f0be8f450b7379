"""The life of each name below a shared directory: who made it, so that what others do to it is told together."""
from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.strace.events import Event, Process

_MOST = 50_000  # names followed at once; beyond it the oldest is let go, which only loses what would join it
_WAITING = 8  # events of one name
_MOST_WAITING = 20_000  # of all names: each keeps its line of the log
_GENERATIONS = 200


@dataclass(slots=True)
class Story:
    """One name. `made`: exclusively, so nobody else's was there; `there`: it has not been removed.

    `closed`: a directory that others cannot write to, `sealed`: that they cannot enter either, `loose`: in which
    others can replace what is there. `folder`: the directory of ours that it was made in; `shelter`: the one that
    shields it.
    """

    path: str
    maker: Process | None = None
    facts: Facts | None = None
    made: bool = False
    closed: bool = False
    sealed: bool = False
    loose: bool = False
    there: bool = False
    folder: Story | None = None
    shelter: Story | None = None
    users: set[int] = field(default_factory=set)  # id() of the counters of others than the maker
    waiting: list[Event] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        """Whether what has the name is what was made here: nobody could replace it or a folder above it since."""
        if not self.made:
            return False
        folder = self.folder
        while folder is not None:
            if folder.loose or not folder.there:
                return False
            folder = folder.folder
        return True

    def permit(self, mode: int) -> None:
        """A directory got these permissions. Once open it is never closed again: who is in it stays."""
        self.closed = self.closed and not mode & 0o022
        self.sealed = self.closed and self.sealed and not mode & 0o011
        self.loose = self.loose or bool(mode & 0o022) and not mode & 0o1000  # S_ISVTX: only the owner may rename

    def become(self, other: Story | None) -> None:
        """The name now is what was `other`'s: renamed to it; None: what nothing is known of."""
        self.closed, self.sealed, self.loose = (other.closed, other.sealed, other.loose) if other else (False,) * 3


class Stories:
    """All names that are followed, in the order of their last use."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._waiting = 0

    def of(self, path: str) -> Story:
        """The story of a name; a new one if there is none."""
        story = self._stories.get(path)
        if story is None:
            story = self._stories[path] = Story(path)
        else:
            self._stories.move_to_end(path)
        return story

    def known(self, path: str) -> Story | None:
        """The story of a name, if there is one."""
        return self._stories.get(path)

    def forget(self, path: str) -> Story | None:
        """Take one out: its name is gone."""
        return self._stories.pop(path, None)

    def overflow(self) -> Story | None:
        """The oldest one, taken out, if there are too many."""
        return self._stories.popitem(last=False)[1] if len(self._stories) > _MOST else None

    def rest(self) -> list[Story]:
        """Those that are left."""
        return list(self._stories.values())

    def wait(self, story: Story, event: Event) -> bool:
        """Keep an event until it is known whose the name is; False if too many wait."""
        if len(story.waiting) >= _WAITING or self._waiting >= _MOST_WAITING:
            return False
        story.waiting.append(event)
        self._waiting += 1
        return True

    def waited(self, story: Story) -> list[Event]:
        """The events that waited, which do so no longer."""
        found, story.waiting = story.waiting, []
        self._waiting -= len(found)
        return found


def descends(process: Process, from_: Process) -> bool:
    """Whether `process` is `from_` or was started by it, through any number of others."""
    each: Process | None = process
    for _ in range(_GENERATIONS):
        if each is None:
            return False
        if each is from_:
            return True
        each = each.parent
    return False
