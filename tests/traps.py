"""The witnesses of tests/programs/traps: made, run under strace, and what they told held against what was read."""
from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pam_mktemp_py.strace import events as acts
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.reader import Reader

SOURCES = Path(__file__).parent / "programs" / "traps"
FLAGS = "-std=gnu11 -Wall -Wextra -Werror -pthread".split()
FLAGS_32 = "-m32 -nostdlib -static -ffreestanding -fno-pie -no-pie -fno-stack-protector -Wall -Werror".split()
# What a test puts below the directory before the witness starts.
BEFORE = ("run", "run32")
# Acts that the run-time library may do too: each one told must be there, others may.
LOOSE = {acts.LOOK, acts.OTHER}
# They have a descriptor and no name.
NAMELESS = {"fchmod", "fchown", "ftruncate"}
# The kernel says EINTR, strace what it read before the kernel decided.
INTERRUPTED = {"EINTR", "ERESTARTSYS", "?"}


class Told(NamedTuple):
    """A line of a witness; see trap.h."""

    act: str
    call: str
    thread: int
    process: int
    parent: int
    error: str
    path: str
    more: dict[str, str]


class Story(NamedTuple):
    """All that a witness told."""

    told: list[Told]
    exists: list[tuple[int, str]]  # how many acts were told before, and the path
    uring: bool


class View(NamedTuple):
    """What a log does not show because of strace's options."""

    lacks: frozenset[str] = frozenset()  # of the letters of `needs`
    calls: frozenset[str] = frozenset()  # that are not traced
    forks: bool = True  # False: nothing says whose child a process is
    masks: bool = True  # False: umask is not traced
    threads: bool = True  # False: nothing says which thread it was


def build(folder: Path) -> Path:
    """Compile the witnesses: `trap` and, for a 32-bit system call interface, `run32`."""
    sources = [path for path in sorted(SOURCES.glob("*.c")) if path.name != "run32.c"]
    subprocess.run(["gcc", *FLAGS, "-o", folder / "trap", *sources], check=True)
    return folder / "trap"


def build_32(folder: Path) -> Path:
    """Compile the one that needs no library."""
    subprocess.run(["gcc", *FLAGS_32, "-o", folder / "run32", SOURCES / "run32.c"], check=True)
    return folder / "run32"


def decode(text: str) -> str:
    r"""A field with \xNN as os.fsdecode gives names."""
    return os.fsdecode(text.encode("ascii").decode("unicode_escape").encode("latin-1"))


def read_story(text: str) -> Story:
    """What a witness wrote."""
    told: list[Told] = []
    exists = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in lines:
        words = line.split("\t")
        if words[0] == "exists":
            exists.append((len(told), decode(words[1])))
        elif words[0] != "uring":
            more = dict(word.split("=", 1) for word in words[7:])
            told.append(Told(words[0], words[1], int(words[2]), int(words[3]), int(words[4]),
                             "" if words[5] == "-" else words[5], decode(words[6]),
                             {key: decode(value) for key, value in more.items()}))
    return Story(told, exists, "uring" in lines)


# What must exist

def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _move(files: set[str], old: str, new: str, exchange: bool) -> set[str]:
    def moved(path: str) -> str:
        if _below(path, old):
            return new + path[len(old):]
        return old + path[len(new):] if exchange and _below(path, new) else path
    return {moved(path) for path in files if exchange or not _below(path, new)}


def _makes(told: Told) -> bool:
    flags = told.more.get("flags", "")
    if told.act == acts.OPEN:
        return told.call == "creat" or "O_CREAT" in flags
    return told.act in (acts.MAKE_DIRECTORY, acts.MAKE_NODE, acts.BIND, acts.LINK, acts.SYMLINK)


def left_behind(story: Story) -> set[str]:
    """The files that there must be in the end, by what the witness told."""
    files: set[str] = set()
    for number, told in enumerate([*story.told, None]):
        files |= {path for before, path in story.exists if before == number}
        if told is None or told.error or "private" in told.more or "abstract" in told.more:
            continue
        if _makes(told):
            files.add(told.path)
        elif told.act == acts.MADE_BY_RENAME:
            files = _move(files, told.more["other"], told.path, "RENAME_EXCHANGE" in told.more.get("flags", ""))
        elif told.act == acts.REMOVE:
            files.remove(told.path)
    return files


def found(folder: Path) -> set[str]:
    """The files that there are below a directory."""
    names = {os.path.join(where, name) for where, inner, files in os.walk(folder) for name in (*inner, *files)}
    return names - {str(folder / name) for name in BEFORE}


# What must have been read

def shown(told: Told) -> str:
    """What was told, for a person."""
    return f"{told.thread} {told.call} {told.act} {told.path!r} {told.error} {told.more}"


def differs(told: Told, event: Event, view: View, loose: bool = False) -> Iterator[str]:
    """The fields in which the event is not what was told; loose: the other name of a rename may be unknown."""
    more = told.more
    if (told.act, told.call) != (event.act, event.call):
        yield f"{event.call} {event.act}"
    if event.path not in (told.path, more.get("real")):
        yield f"path {event.path!r}"
    if event.error != told.error and not ("e" in more.get("needs", "") and event.error in INTERRUPTED):
        yield f"error {event.error!r}"
    if not set(filter(None, more.get("flags", "").split("|"))) <= event.flags:
        yield f"flags {sorted(event.flags)}"
    if "mode" in more and view.masks and event.mode != int(more["mode"], 8):
        yield f"mode {event.mode:o}"
    if "other" in more and event.other != more["other"] and not (loose and event.other == ""):
        yield f"other {event.other!r}"
    if event.private != ("private" in more) or event.abstract != ("abstract" in more):
        yield f"private {event.private} abstract {event.abstract}"
    if view.threads and event.process.pid != told.process:
        yield f"process {event.process.pid}"


def _is_loose(told: Told, view: View, first: int) -> bool:
    return bool(view.lacks & set(told.more.get("needs", ""))) or not (view.forks or told.thread == first)


class Comparison:
    """What is wrong with the events of a log, given what the witness told."""

    def __init__(self, story: Story, view: View, first: int) -> None:
        self.view = view
        self.told = [told for told in story.told if told.call not in view.calls]
        self.first = first  # the thread of which the log has the beginning
        self.wrong: list[str] = []
        self.missing = 0  # acts of which the path cannot be known

    def _threads(self, events: Iterable[Event]) -> Iterator[tuple[list[Told], list[Event]]]:
        told: dict[int, list[Told]] = defaultdict(list)
        seen: dict[int, list[Event]] = defaultdict(list)
        for one in self.told:
            if one.act not in LOOSE and one.act != acts.EXECUTE:
                told[one.thread if self.view.threads else 0].append(one)
        for event in events:
            # A name in /proc or a descriptor leads below the directory: that may be said, and is not told.
            named = event.call not in NAMELESS and not event.path.startswith("/proc/")
            if event.act not in LOOSE and event.act != acts.EXECUTE and named:
                seen[event.pid if self.view.threads else 0].append(event)
        for thread in sorted({*told, *seen}):
            # Which of the two acts of a rename comes first is not said.
            yield told[thread], sorted(seen[thread], key=lambda event: (event.line, event.act))

    def _thread(self, told: list[Told], seen: list[Event]) -> None:
        queue = list(seen)
        for one in told:
            if "e" in one.more.get("needs", ""):  # when it is clear that the call ended is not said
                queue.sort(key=lambda event: bool(list(differs(one, event, self.view))))
            loose = _is_loose(one, self.view, self.first)
            wrong = list(differs(one, queue[0], self.view, loose)) if queue else ["nothing"]
            if not wrong:
                queue.pop(0)
            elif loose:
                # Where a log misleads, another path is no fault of the reader.
                if "s" in one.more.get("needs", "") and queue and queue[0].call == one.call:
                    queue.pop(0)
                else:
                    self.missing += 1
            else:
                self.wrong.append(f"{shown(one)}: got {', '.join(wrong)}, in {queue[0].text if queue else ''!r}")
                same = queue and (queue[0].act, queue[0].call) == (one.act, one.call)
                if same:
                    queue.pop(0)
        self.wrong += [f"not told: {event.act} {event.path!r} {event.error} in {event.text!r}"
                       for event in queue if event.error != "ENAMETOOLONG"]

    def _anywhere(self, events: list[Event]) -> None:
        for one in self.told:
            if one.act in LOOSE or one.act == acts.EXECUTE:
                near = [event for event in events if (event.act, event.call) == (one.act, one.call)
                        and (not self.view.threads or event.pid in (one.thread, one.process))]
                if any(not list(differs(one, event, self.view)) for event in near):
                    continue
                if _is_loose(one, self.view, self.first):
                    self.missing += 1
                else:
                    seen = [(event.path, event.error, event.text) for event in near]
                    self.wrong.append(f"{shown(one)}: not in {seen}")

    def _kin(self, events: list[Event]) -> None:
        known = {one.process: one.parent for one in self.told}
        for event in events:
            parent = known.get(event.process.pid, 0)
            if parent in known and (event.process.parent is None or event.process.parent.pid != parent):
                self.wrong.append(f"{event.process.pid} is a child of {parent}, not of {event.process.parent}")

    def run(self, events: list[Event]) -> list[str]:
        """All that is wrong, as sentences."""
        for told, seen in self._threads(events):
            self._thread(told, seen)
        self._anywhere(events)
        if self.view.forks and self.view.threads:
            self._kin(events)
        return self.wrong


def _faults(reader: Reader, events: list[Event], story: Story, view: View) -> list[str]:
    comparison = Comparison(story, view, reader.root.pid if reader.root else 0)
    wrong = comparison.run(events)
    wrong += [f"not understood: {unread}" for unread in reader.unread]
    if comparison.missing > reader.unresolved_count:
        wrong.append(f"{comparison.missing} acts lost, {reader.unresolved_count} said to be: {reader.unresolved}")
    if not view.lacks and view.forks:  # a name that is no string has no path: that may be said
        wrong += [f"unresolved: {unread}" for unread in reader.unresolved if "EFAULT" not in unread.text]
    if reader.uring != story.uring:
        wrong.append(f"io_uring {reader.uring}")
    if reader.cut or reader.unread_count != len(reader.unread):
        wrong.append(f"cut {reader.cut}, {reader.unread_count} not understood")
    return wrong


def agree(reader: Reader, events: list[Event], story: Story, view: View) -> None:
    """Fail, with everything that is wrong, unless what was read of a log is what the witness told."""
    wrong = _faults(reader, events, story, view)
    assert not wrong, "\n".join(wrong)
