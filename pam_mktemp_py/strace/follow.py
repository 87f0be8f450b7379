"""From lines to events: joins what strace wrote in two parts, and follows who did it."""
from __future__ import annotations

import re

from pam_mktemp_py.strace import calls, lexer
from pam_mktemp_py.strace.acts import Acts, Watch
from pam_mktemp_py.strace.events import Event
from pam_mktemp_py.strace.family import Family
from pam_mktemp_py.strace.fast import Known
from pam_mktemp_py.strace.names import KNOWN
from pam_mktemp_py.strace.notes import Notes
from pam_mktemp_py.strace.places import Files
from pam_mktemp_py.strace.refusal import Judge
from pam_mktemp_py.strace.state import State
from pam_mktemp_py.strace.tasks import Task, signal_number

_match_exit = re.compile(r"\+\+\+ (?:exited with (\d+)|killed by (\w+)(?: \(core dumped\))?"
                         r"|superseded by execve in pid (\d+)(?:<[^<>]*>)?) \+\+\+").fullmatch
_match_resumed = re.compile(r"<\.\.\. ([A-Za-z0-9_?.]+) resumed>", re.DOTALL).match
_match_signal = re.compile(r"--- .* ---", re.DOTALL).fullmatch
_match_name = re.compile(r"([A-Za-z0-9_]+)\(").match
_match_beginning = re.compile(lexer.NAME + r"\(").match
_match_fragment = re.compile(rf"{lexer.PREFIX}(?:[+<-].*|{lexer.NAME}|)|\[?(?:pid ?)?\d{{0,7}}", re.DOTALL).fullmatch
_pid_changed = re.compile(r" <pid changed to (\d{1,7}) \.\.\.>\Z").search
NOTHING = "is no call, signal or exit of strace's"
UNFINISHED = " <unfinished ...>"
DETACHED = " <detached ...>"


class Follower:
    """Takes the lines that may matter one by one, in order, and gives the events of each."""

    def __init__(self, watch: Watch, cwd: str | None, known: Known) -> None:
        self.unread = Notes()
        self.unresolved = Notes()
        self.judge = Judge()
        self.known = known
        self.family = Family(cwd)
        self.state = State(self.family.tasks, self.unresolved)
        self._acts = Acts(watch, self.unresolved)
        self._alive = self.family.tasks.alive

    def take(self, text: str, number: int) -> list[Event]:
        """The events that a line completes."""
        found: list[Event] = []
        self._line(text, number, found)
        family = self.family
        while family.waiting or family.ready:
            work = family.released()
            if not work:
                break
            while work:
                number, text = work.pop()
                self._line(text, number, found)
                if family.waiting or family.ready:
                    work += family.released()
        return found

    def last(self, text: str, number: int) -> tuple[list[Event], bool]:
        """The events of a line that the log ends in without a line feed, and whether it was cut off."""
        key, at = lexer.prefix(text)
        first = text[at:at + 1]
        if first == "<":
            whole = self._resumes(text, at, key)
        elif first == "+" or first == "-":
            whole = _match_exit(text, at) is not None or _match_signal(text, at) is not None
        else:
            whole = text.endswith((UNFINISHED, DETACHED)) or _is_call(text, at)
            if not whole and _match_beginning(text, at):
                return self.take(text + UNFINISHED, number), True
        if not whole and not _match_fragment(text):
            self.judge.unread(number, text)
        return self.take(text, number) if whole else [], not whole

    def _resumes(self, text: str, at: int, key: str | None) -> bool:
        """Whether the end of a call is all there."""
        resumed = _match_resumed(text, at)
        task = self.family.tasks.alive.get(key)
        if resumed is None or task is None:
            return False
        return _is_call(task.pending + text[resumed.end():], task.pending_at)

    def end(self) -> list[Event]:
        """The events of what the log leaves unfinished."""
        found: list[Event] = []
        self.family.give_up()
        for number, text in reversed(self.family.released()):
            found += self.take(text, number)
        for task in list(self.family.tasks.alive.values()):
            self._flush(task, found)
        return found

    def _line(self, text: str, number: int, found: list[Event]) -> None:
        simple = lexer.line(text) if text[-4:] != "...>" and " resumed>" not in text else None
        task = self._alive.get(simple[0]) if simple is not None else None
        if simple is not None and task is not None:
            if task.pending:
                self._flush(task, found)
            self._told(simple[1], task, text, number, found, None)
        else:
            task = self._any_line(text, number, found)
        if task is not None and task.key not in self.known.cwd and self._alive.get(task.key) is task:
            self.known.learn(task)

    def _any_line(self, text: str, number: int, found: list[Event]) -> Task | None:
        """A line of whatever form; whose it is, None if that is not known (yet)."""
        key, at = lexer.prefix(text)
        first = text[at:at + 1]
        task = self._alive.get(key)
        if task is None:
            if not self._can_begin(text, at, first):
                self._bad(text, number, NOTHING)
                return None
            task = self.family.task(key, number, text, first)
            if task is None:
                return None  # kept until its parent is known
        if first == "<":
            self._resumed(task, text, at, number, found)
        elif first == "+":
            self._exit(task, text, at, number, found)
        elif first == "-":
            self._signal(text, at, number)
        else:
            self._call(task, text, at, number, found)
        return task

    def _call(self, task: Task, text: str, at: int, number: int, found: list[Event]) -> None:
        if task.pending:
            self._flush(task, found)
        if text[-4:] != "...>" or not self._half(task, text, at, number, found):
            self._whole(task, text, at, number, found)

    def _can_begin(self, text: str, at: int, first: str) -> bool:
        """Only what looks like strace's makes a process: not every number in a text is a pid."""
        if first == "+" or first == "-":
            return text.startswith(first * 3 + " ", at)
        return first == "<" or _match_beginning(text, at) is not None

    def _bad(self, text: str, number: int, why: str) -> None:
        self.unread.add(number, text, why)
        self.judge.unread(number, text)

    def _half(self, task: Task, text: str, at: int, number: int, found: list[Event]) -> bool:
        """The beginning of a call whose end comes later, or never."""
        changed = _pid_changed(text)
        if text.endswith(UNFINISHED):
            self._begin(task, text[:-len(UNFINISHED)], at, number)
        elif text.endswith(DETACHED):
            self._whole(task, text[:-len(DETACHED)], at, number, found, False)
        elif changed is not None:
            self._take_over(task, changed[1], found)
            self._begin(task, text[:changed.start()], at, number)
        else:
            return False
        return True

    def _take_over(self, task: Task, key: str, found: list[Event]) -> None:
        """Its pid is from now on that of its process's first thread, which is gone."""
        leader = self._alive.get(key)
        if leader is not None and leader is not task:
            self._flush(leader, found)
        self.family.take_over(task, key)
        self.known.forget()

    def _begin(self, task: Task, text: str, at: int, number: int) -> None:
        task.pending = text
        task.pending_at = at
        task.pending_line = number
        name = _match_name(text, at)
        if name is not None:
            self.judge.good += name[1] in KNOWN
            if name[1] in calls.CLONES:
                task.cloning = task.files.copy()
                self.family.tasks.cloning += 1

    def _resumed(self, task: Task, text: str, at: int, number: int, found: list[Event]) -> None:
        resumed = _match_resumed(text, at)
        if resumed is None:
            self._bad(text, number, "is no end of a call")
            return
        begun = task.pending
        start = task.pending_at
        if not begun or not begun.startswith(resumed[1] + "(", start):
            self._orphan(task, text, number, resumed[1], found)
            return
        line = task.pending_line
        files = task.cloning
        self.family.tasks.settle(task)
        joined = begun + text[resumed.end():]
        if task.key in self.known.cwd and self.known.skips(joined):
            return
        self._whole(task, joined, start, line, found, True, files)

    def _orphan(self, task: Task, text: str, number: int, name: str, found: list[Event]) -> None:
        """The end of a call whose beginning was before the log's."""
        self.judge.good += name in KNOWN
        if task.pending:
            self._flush(task, found)
        if name in calls.CALLS or name in calls.SOCKETS:
            self.unresolved.add(number, text, "the beginning of this call is not in the log")

    def _whole(self, task: Task, text: str, at: int, number: int, found: list[Event], whole: bool = True,
               files: Files | None = None) -> None:
        """A call as strace tells it; `whole` false: up to where it was cut off."""
        try:
            call = lexer.call(text, at, whole)
        except lexer.Malformed as error:
            self._bad(text, number, str(error))
            return
        self._told(call, task, text, number, found, files)

    def _told(self, call: lexer.Call, task: Task, text: str, number: int, found: list[Event],
              files: Files | None) -> None:
        """A call, taken apart; `files`: where its process stood when it began, if it makes a child."""
        if call.name in KNOWN or call.name[:8] == "syscall_" or call.name == "????":
            self.judge.good += 1
        else:
            self.judge.foreign(number, text)
        if task.repeats is not None and (call.name, call.args) == task.repeats[:2]:
            task.repeats = None
        if call.name in calls.MATTER:
            self._matters(call, task, text, number, found, files)

    def _matters(self, call: lexer.Call, task: Task, text: str, number: int, found: list[Event],
                 files: Files | None) -> None:
        if task.executed:
            # strace 6.1 writes "-1 (errno 18446744073709551359)" then, though it has succeeded.
            task.executed = False
            call = call._replace(error="") if call.name in ("execve", "execveat") else call
        if call.error.startswith("ERESTART"):
            # The kernel does it again after the signal's handler, or tells the program EINTR: signal(7).
            events = self._acts.of(call._replace(error="EINTR"), task, number, text)
            if events:
                found += task.repeats[2] if task.repeats is not None else []
                task.repeats = (call.name, call.args, events)
            return
        if self.family.place(call, task):
            self.known.forget()
        found += self._acts.of(call, task, number, text)
        if call.name not in calls.CHANGES and not call.note.startswith("<mnt:["):
            return
        if call.name in calls.CLONES:
            self.family.born(call, task, text, number, files)
            return
        self.state.apply(call, task, number, text)
        if call.name in calls.PLACES or self.state.moved:
            self.state.moved = False
            self.known.forget()

    def _signal(self, text: str, at: int, number: int) -> None:
        if _match_signal(text, at):
            self.judge.good += 1
        else:
            self._bad(text, number, "is a signal that does not end")

    def _exit(self, task: Task, text: str, at: int, number: int, found: list[Event]) -> None:
        ended = _match_exit(text, at)
        if ended is None:
            self._bad(text, number, "is an exit that is not understood")
            return
        self.judge.good += 1
        if ended[3] is not None:  # the pid lives on: the thread that executed has it now
            heir = self._alive.get(ended[3])
            if heir is not None and heir is not task and task.key is not None:
                self._take_over(heir, task.key, found)
            return
        self._flush(task, found)
        self.family.tasks.drop(task, int(ended[1]) if ended[1] else -signal_number(ended[2]))
        self.known.cwd.pop(task.key, None)
        self.known.cwd.pop(None, None)

    def _flush(self, task: Task, found: list[Event]) -> None:
        """What the task had begun is not told any more."""
        if task.repeats is not None:
            found += task.repeats[2]
            task.repeats = None
        if task.pending:
            text, line = task.pending, task.pending_line
            self.family.tasks.settle(task)
            self._whole(task, text, task.pending_at, line, found, False)


def _is_call(text: str, at: int) -> bool:
    try:
        lexer.call(text, at)
    except lexer.Malformed:
        return False
    return True
