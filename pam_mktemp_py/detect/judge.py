"""Events in, counters out, and from the counters of one or more runs a verdict."""
from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from functools import lru_cache
from typing import NamedTuple

from pam_mktemp_py.detect import stories
from pam_mktemp_py.detect.alike import renamed, summed
from pam_mktemp_py.detect.conclude import concluded
from pam_mktemp_py.detect.counters import Counters
from pam_mktemp_py.detect.facts import MAKES, Facts, exclusive, writes
from pam_mktemp_py.detect.model import SEALED, Context, Lookup, ProgramVerdict, Verdict, nothing_known
from pam_mktemp_py.detect.owner import given_away
from pam_mktemp_py.detect.runs import compared
from pam_mktemp_py.detect.stories import Stories, Story
from pam_mktemp_py.strace import events
from pam_mktemp_py.strace.events import Event

_JOINS = frozenset({events.MODE, events.OWNER, events.REMOVE, events.RENAMED, events.LOOK})
_COMES = frozenset({events.CONNECT, events.SEND, events.PEER})
_TAKEN = frozenset({"", "EEXIST", "EACCES", "EPERM", "EROFS", "ENOSPC", "EADDRINUSE"})


class Counted(NamedTuple):
    """What one trace comes to. `programs` have only been seen to make something in their own directory."""

    facts: list[Facts]
    programs: dict[str, ProgramVerdict]
    dropped: int


def judged(runs: Sequence[Counted], known: Lookup = nothing_known) -> Verdict:
    """The verdict on one or several runs of a command; `known` is asked of each finding, and of nothing else."""
    if len(runs) == 1:
        facts, programs, dropped = runs[0]
        renamed(facts)
        return concluded(summed(facts), programs, dropped, known)
    return compared([run.facts for run in runs], [run.programs for run in runs], sum(run.dropped for run in runs),
                    known)


class Judge:
    """Takes the events of one trace in the order of its lines. `pids` are all of the trace: the reader's own set."""

    def __init__(self, context: Context, pids: Set[int]) -> None:
        self.context = context
        self._counters = Counters(context, pids)
        # A name in a mount of a namespace's own is another one than the same name outside.
        self._views = {private: Stories() for private in (False, True)}
        self._stories = self._views[False]
        self._folder = lru_cache(maxsize=4096)(context.folder)
        self._tops = sorted(context.shared, key=len, reverse=True)
        self._moved: Story | None = None  # what the last rename took away

    def add_all(self, found: Iterable[Event]) -> None:
        """Take many."""
        for event in found:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take one event."""
        self._counters.requested.begin(event.process)
        path, top = self._place(event)
        if self._in_tmpdir(path):
            self._private(event)
            return
        if top is None:
            return
        if event.abstract:  # a name of its own, whatever file has the same
            self._counters.of(event, path, top, False, "@").look(event)
        elif (path == top and "O_TMPFILE" not in event.flags) or self._way_to_tmpdir(event, path):
            self._counters.of(event, path, top, False).look(event)
        else:
            self._shared(event, path, top)

    def _place(self, event: Event) -> tuple[str, str | None]:
        """The name that counts, and the watched directory above it: where a link led, if only that is watched, or
        if it leads out of TMPDIR to where everybody is."""
        path, real = event.path, event.real
        top = self._top(path)
        if real and (top is None or self._in_tmpdir(path) or self._in_tmpdir(real)):
            real_top = self._top(real)
            if real_top is not None:
                return real, real_top
        return path, top

    def _way_to_tmpdir(self, event: Event, path: str) -> bool:
        """mkdir -p makes sure of each directory above: those above TMPDIR are none of the program's."""
        return event.act == events.MAKE_DIRECTORY and event.error == "EEXIST" and self.context.tmpdir.startswith(
            path + "/")

    def _shared(self, event: Event, path: str, top: str) -> None:
        self._stories = self._views[event.private]
        story = self._stories.of(path)
        if _begins(event):
            self._made(story, event, top)
        else:
            self._later(story, event, top)
        if event.act in (events.REMOVE, events.RENAMED) and not event.error:
            self._gone(path, top)
        if (old := self._stories.overflow()) is not None:
            self._end(old, top)

    def _top(self, path: str) -> str | None:
        for top in self._tops:
            if path == top or path.startswith(top + "/"):
                return top
        return None

    def _in_tmpdir(self, path: str) -> bool:
        tmpdir = self.context.tmpdir
        return bool(tmpdir) and (path == tmpdir or path.startswith(tmpdir + "/"))

    def _private(self, event: Event) -> None:
        """Something below TMPDIR, which is what it is there for."""
        if event.error:
            if self._refused(event):
                self._counters.refused(event)
        elif event.act in MAKES or (event.act == events.OPEN and {"O_CREAT", "O_TMPFILE"} & event.flags):
            self._counters.program(event.process).private += 1

    def _refused(self, event: Event) -> bool:
        """It is the directory that is refused, and not something in it that is not there, or closed."""
        if event.path == self.context.tmpdir:
            return event.error in ("EACCES", "EROFS", "ENOENT", "ENOTDIR") and event.act not in MAKES
        if event.path.rpartition("/")[0] != self.context.tmpdir:
            return False
        makes = event.act in MAKES or (event.act == events.OPEN and "O_CREAT" in event.flags)
        if event.error == "EACCES":  # of a file that is there, too, but not of a look at it
            return makes or event.act == events.LOOK
        return makes and event.error in ("EPERM", "EROFS", "ENOENT", "ENOTDIR")

    def _made(self, story: Story, event: Event, top: str) -> None:
        """A name is made, or taken into use."""
        if story.maker is None:
            self._begin(story, event, self._counters.of(event, story.path, top, exclusive(event)), top)
        facts = self._owner(story, event, top)
        self._unshield(story)
        facts.take(event, story.ours)
        if event.error:
            return
        story.there = "O_TMPFILE" not in event.flags
        if event.act == events.MADE_BY_RENAME:
            source = self._moved if self._moved is not None and self._moved.path == event.other else None
            story.become(source)
            story.made = source.made if source is not None else self._from_elsewhere(event)
        elif exclusive(event):
            story.made = event.act != events.LINK or self._from_elsewhere(event)
        else:
            return
        story.folder = self._folder_of_ours(story.path, top)
        if event.act == events.MAKE_DIRECTORY:
            story.closed = story.sealed = True
            story.permit(event.mode if event.mode >= 0 else 0o777)

    def _from_elsewhere(self, event: Event) -> bool:
        """Whether what a LINK or a rename brought is the program's own: no other had a hand in it."""
        source = self._stories.known(event.other)
        return source.ours if source is not None else self._top(event.other) is None or self._in_tmpdir(event.other)

    def _folder_of_ours(self, path: str, top: str) -> Story | None:
        folder = path.rpartition("/")[0]
        story = self._stories.known(folder) if len(folder) > len(top) else None
        return story if story is not None and story.made else None

    def _unshield(self, story: Story) -> None:
        """What shielded the name does so no longer: it has been opened to others, or is another directory now."""
        shelter = story.shelter
        if shelter is None or (shelter.closed and shelter.there) or story.facts is None:
            return
        story.facts.shield -= 1
        story.facts.sealed = min(story.facts.sealed, story.facts.shield)
        story.shelter = None

    def _later(self, story: Story, event: Event, top: str) -> None:
        """What is done to a name that was there, or is not known to have been made here."""
        if story.maker is None and event.act in (events.LOOK, events.PEER) and self._stories.wait(story, event):
            return
        facts = self._owner(story, event, top)
        if story.maker is None:
            self._begin(story, event, facts, top)
        self._unshield(story)
        facts.take(event, story.ours or self._shield(story.path, top) is not None)
        if event.error:
            return
        if event.act == events.MODE:
            story.permit(event.mode)
        elif event.act == events.OWNER and given_away(event, self.context.uids):
            story.permit(0o777)  # its new owner does as they like

    def _begin(self, story: Story, event: Event, facts: Facts, top: str) -> None:
        """The name's story is that of the event's process from now on; who looked at it before is told with it."""
        story.maker, story.facts = event.process, facts
        story.shelter = self._count(facts, story.path, top)
        for each in self._stories.waited(story):
            self._owner(story, each, top).take(each, False)

    def _count(self, facts: Facts, path: str, top: str) -> Story | None:
        """One more real name; what shields it."""
        facts.names += 1
        folder = self._shield(path, top)
        if folder is not None:
            facts.shield += 1
            facts.sealed += folder.sealed
        return folder

    def _owner(self, story: Story, event: Event, top: str) -> Facts:
        """Whose finding an event belongs to: that of who made the name, for all that it started, and for others who
        only come to what it made; else one's own."""
        if story.maker is not None and story.facts is not None and (
                stories.descends(event.process, story.maker) or event.act in _JOINS
                or (story.ours and (event.act in _COMES or (event.act == events.OPEN and not writes(event))))):
            return story.facts
        facts = self._counters.of(event, story.path, top, story.ours)
        if story.maker is not None and id(facts) not in story.users:
            story.users.add(id(facts))
            self._count(facts, story.path, top)
        return facts

    def _shield(self, path: str, top: str) -> Story | None:
        """A folder above it that nobody else can write to: it was made here so, or was there already as such."""
        folder = path.rpartition("/")[0]
        while len(folder) > len(top):
            story = self._stories.known(folder)
            if story is not None and story.ours and story.closed:
                return story
            if story is None or not story.ours:
                found = self._folder(folder)
                if found:
                    return Story(folder, closed=True, sealed=found == SEALED, there=True)
            folder = folder.rpartition("/")[0]
        return None

    def _gone(self, path: str, top: str) -> None:
        self._moved = story = self._stories.forget(path)
        if story is not None:
            story.there = False
            self._end(story, top)

    def _end(self, story: Story, top: str) -> None:
        """Nothing more will be heard of it."""
        if story.waiting:
            event = story.waiting[0]
            self._begin(story, event, self._counters.of(event, story.path, top, False), top)
        if story.there and story.facts is not None:
            story.facts.left += 1

    def end(self) -> Counted:
        """No event comes any more: what was counted."""
        for self._stories in self._views.values():
            for story in self._stories.rest():
                self._end(story, self._top(story.path) or "")
        counters = self._counters
        return Counted([facts for facts in counters.facts.values() if facts.calls], counters.programs,
                       counters.dropped)


def _begins(event: Event) -> bool:
    """Whether the event makes a name, or takes it into use for writing."""
    if event.error not in _TAKEN:
        return False
    return event.act in MAKES or (event.act == events.OPEN and writes(event))
