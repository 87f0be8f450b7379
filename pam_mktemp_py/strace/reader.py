"""Reads a log of strace(1) as it grows: chunks of bytes go in, events come out, memory stays the same."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from pam_mktemp_py.strace import fast
from pam_mktemp_py.strace.acts import Watch
from pam_mktemp_py.strace.arguments import encoded
from pam_mktemp_py.strace.beside import LONGEST, Beside
from pam_mktemp_py.strace.events import Event, Process, Unread
from pam_mktemp_py.strace.follow import Follower
from pam_mktemp_py.strace.refusal import NotStrace

__all__ = ["NotStrace", "Reader"]

JUDGED = 200  # lines, after which it is settled whether this is a log of strace's
_ENDS = frozenset("0123456789>)?+-")  # how lines of strace's end
_BEGINS = frozenset(" s%")  # how lines begin that are something beside
_PIECE = 1 << 20  # bytes that are split into lines at once


class Reader:
    """One log. `watch`: absolute directories; `cwd`: where the first process began, "" if that is not known.

    events() yields in the order in which calls end. What it could not use is in `unread` (no line of
    strace's) and `unresolved` (a name whose directory the log does not tell), the first 50 of each.
    """

    def __init__(self, watch: tuple[str, ...], cwd: str = "") -> None:
        watched = Watch(tuple(encoded(path) for path in watch))
        self.lines = 0
        self.cut = False
        self._known = fast.Known(watched)
        self._follower = Follower(watched, encoded(cwd) or None, self._known)
        self._beside = Beside()
        self._quick = fast.quick
        self._needles = fast.needles(watched)

    def seed(self, pid: int, program: str, argv: tuple[str, ...], cwd: str) -> None:
        """Before events(): a process that strace attaches to, as /proc has it; "" for what is not known."""
        self._follower.family.tasks.before(pid, program, argv, encoded(cwd) or None)

    def events(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        """The events of the log that the chunks make up; NotStrace if it is none."""
        parts: list[str] = []
        kept = 0
        for piece in _pieces(chunks):
            first, *lines = piece.decode("latin-1").split("\n")
            if kept <= LONGEST:  # of a longer line the rest is not kept: it is unread in any case
                parts.append(first)
                kept += len(first)
            if lines:
                lines.insert(0, "".join(parts))
                last = lines.pop()
                parts = [last]
                kept = len(last)
                yield from self._events(lines)
        yield from self._end("".join(parts))

    def _events(self, lines: list[str]) -> Iterator[Event]:
        """The loop that decides how fast all of this is: most lines cannot matter, and are told by one match."""
        if self.lines < JUDGED:
            early = lines[:JUDGED - self.lines]
            yield from self._early(early)
            lines = lines[len(early):]
        number = self.lines
        one, two, *others = self._needles if len(self._needles) > 1 else self._needles * 2
        known = self._known.cwd.get
        quick = self._quick
        skips = self._known.skips
        for text in lines:
            number += 1
            if one not in text and two not in text and not others:
                found = quick(text) if "\\" not in text and text.count('"') == 2 else None
                if found is not None:
                    pid, shown, relative = found.groups()
                    cwd = known(pid)
                    if cwd is not None and (shown == cwd or shown is None and (relative is None or cwd)):
                        continue
                elif skips(text):
                    continue
            elif others and skips(text):
                continue
            self.lines = number
            events = self._event(text, number)
            if events:
                yield from events
        self.lines = number

    def _early(self, lines: list[str]) -> Iterator[Event]:
        """The first lines are looked at one by one, and tell what the log is and how its lines begin."""
        for text in lines:
            self.lines += 1
            yield from self._event(text, self.lines)
        fits = [sum(match(text) is not None for text in lines) for match in (fast.quick, fast.quick_timed)]
        self._quick = fast.quick if fits[0] >= fits[1] else fast.quick_timed
        if self.lines == JUDGED:
            self._follower.judge.decide()

    def _event(self, text: str, number: int) -> list[Event]:
        """The events of a line that may matter."""
        follower = self._follower
        found: list[Event] = []
        if len(text) > LONGEST:
            follower.unread.add(number, text, f"is longer than {LONGEST} characters")
            return found
        rest: str | None = text
        if text[-1:] not in _ENDS or text[:1] in _BEGINS or self._beside.busy or "\x1b" in text:
            rest = self._beside.rest(text)
        if rest is not None:
            found = follower.take(rest, number)
        elif self._beside.summary:
            follower.judge.unread(number, text)
        elif text[:8] == "strace: ":
            follower.judge.said(number, text)
        return found

    def _end(self, last: str) -> Iterator[Event]:
        """What is left when the log has ended."""
        follower = self._follower
        if last:
            self.lines += 1
            rest = self._beside.rest(last) if len(last) <= LONGEST else None
            if rest is not None:
                found, self.cut = follower.last(rest, self.lines)
                yield from found
            else:
                self.cut = True
        yield from follower.end()
        if not self.lines:
            raise NotStrace(0, "the log is empty")
        if self.lines < JUDGED:
            follower.judge.decide(self.cut)

    @property
    def unread(self) -> list[Unread]:
        """The first lines that are not understood."""
        return self._follower.unread.first

    @property
    def unread_count(self) -> int:
        """How many there are."""
        return self._follower.unread.count

    @property
    def unresolved(self) -> list[Unread]:
        """The first calls that are understood, but name a file in a directory that the log does not tell."""
        return self._follower.unresolved.first

    @property
    def unresolved_count(self) -> int:
        """How many there are."""
        return self._follower.unresolved.count

    @property
    def processes(self) -> dict[int, Process]:
        """The threads and processes that are alive, by pid."""
        return self._follower.family.tasks.processes

    @property
    def root(self) -> Process | None:
        """The first process of the log."""
        return self._follower.family.tasks.root

    @property
    def pids(self) -> set[int]:
        """Every pid that the log named, up to 100000 of them."""
        return self._follower.family.tasks.pids

    @property
    def programs(self) -> set[str]:
        """Every program that was executed, up to 10000 of them."""
        return self._follower.family.tasks.programs

    @property
    def uring(self) -> bool:
        """Some process got a working io_uring: its calls may be missing."""
        return self._follower.state.uring


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, cut so that a whole log in one of them needs no second copy of itself."""
    for chunk in chunks:
        if len(chunk) <= _PIECE:
            yield chunk
        else:
            yield from (chunk[at:at + _PIECE] for at in range(0, len(chunk), _PIECE))
