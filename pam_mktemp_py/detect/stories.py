"""The life of each name below a shared directory: who made it, so that what others do to it is told together."""
from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.strace.events import Event, Process

_MOST = 50_000  # names followed at once; beyond it the oldest is let go, which only loses what would join it
_WAITING = 8


@dataclass(slots=True)
class Story:
    """One name. `ours`: it was made exclusively, so nobody else's was there; `there`: it has not been removed.

    `closed`: a directory that others cannot write to, `sealed`: that they cannot enter either.
    """

    path: str
    maker: Process | None = None
    facts: Facts | None = None
    ours: bool = False
    closed: bool = False
    sealed: bool = False
    there: bool = False
    users: set[int] = field(default_factory=set)  # id() of the counters of others than the maker
    waiting: list[Event] = field(default_factory=list)


class Stories:
    """All names that are followed, in the order of their last use."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, Story] = OrderedDict()

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


def wait(story: Story, event: Event) -> bool:
    """Keep an event until it is known whose the name is; False if too many wait."""
    if len(story.waiting) >= _WAITING:
        return False
    story.waiting.append(event)
    return True


def descends(process: Process, from_: Process) -> bool:
    """Whether `process` is `from_` or was started by it, through any number of others."""
    each: Process | None = process
    for _ in range(1000):
        if each is None:
            return False
        if each is from_:
            return True
        each = each.parent
    return False
