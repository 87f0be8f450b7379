"""What is no log of strace's at all, and how it is told what it is instead."""
from __future__ import annotations

import re

from pam_mktemp_py.errors import Error
from pam_mktemp_py.strace.notes import shown

_SHOWN = 60
_KINDS = (
    (re.compile(r"% time +seconds +usecs/call"), "is a summary, which names no files (strace -c)"),
    (re.compile(r"__libc_start_main\(|\+\+\+ exited \(status \d+\) \+\+\+"
                r"|^(?:\[pid \d+\] |\d+ +)?(?:\S+->\w+|SYS_\w+)\("), "is from ltrace, which shows library calls"),
    (re.compile(r"^(?:node=\S+ )?type=[A-Z_]+ msg=audit\("), "is from auditd"),
    (re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]"), "is binary data"),
)


class NotStrace(Error):
    """What was given is no log of strace's; `line` is where that was seen, 0 if the log is empty."""

    def __init__(self, line: int, what: str, hint: str = "make the log with: strace -f -y -o FILE COMMAND") -> None:
        where = f"line {line}: " if line else ""
        super().__init__("trace-refused", f"{where}{what}; {hint}")
        self.line = line
        self.what = what
        self.hint = hint


def kind(text: str) -> str:
    """What another kind of line (Latin-1) this is, "" if it is none of those that are known here."""
    return next((what for pattern, what in _KINDS if pattern.search(text)), "")


class Judge:
    """Counts what the first lines are, and refuses when they are not strace's."""

    def __init__(self) -> None:
        self.good = 0
        self._bad = 0
        self._foreign = 0  # calls that no kernel has
        self._first: tuple[int, str] | None = None  # the first line that tells what the log is
        self._ltrace = False
        self._said: tuple[int, str] | None = None

    def said(self, line: int, text: str) -> None:
        """A message of strace's own: all there is if it could not begin."""
        self._said = self._said or (line, text[:4 * _SHOWN])

    def unread(self, line: int, text: str) -> None:
        """A line that is no line of strace's."""
        self._bad += 1
        self._note(line, text)

    def foreign(self, line: int, text: str) -> None:
        """A line like strace's, of a call that is not known: a library's, or a new one."""
        self._foreign += 1
        if kind(text):
            self._ltrace = True
        if self._ltrace or self._first is None:
            self._note(line, text)

    def _note(self, line: int, text: str) -> None:
        if self._first is None or (kind(text) and not kind(self._first[1])):
            self._first = (line, text[:4 * _SHOWN])

    def decide(self, cut: bool = False) -> None:
        """Raise NotStrace if there are next to none of strace's lines among those counted; `cut`: the last was."""
        strange = self._bad + (self._foreign if self._ltrace else 0)
        if strange <= (self.good if self._ltrace else 10 * self.good):
            if self.good or self._foreign or cut:
                return
        if self._first is None:
            line, text = self._said or (1, "")
            raise NotStrace(line, f"strace traced nothing: {shown(text)!r}" if text else "no line of this is strace's")
        line, text = self._first
        what = kind(text)
        raise NotStrace(line, f"this {what}" if what else f"this is no line of strace's: {shown(text[:_SHOWN])!r}")
