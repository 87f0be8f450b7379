"""What of a log could not be used: counted, and the first of it kept to be shown."""
from __future__ import annotations

from pam_mktemp_py.strace.arguments import decoded
from pam_mktemp_py.strace.events import Unread

KEPT = 50
LONGEST = 500  # characters of a line that are shown


def shown(text: str) -> str:
    """A line of the log (Latin-1) as events and messages have it."""
    return decoded(text[:LONGEST])


class Notes:
    """A count, and the first of what was counted."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Unread] = []

    def add(self, line: int, text: str, why: str) -> None:
        """One more: the number of the line, its text (Latin-1), and a clause that says what is wrong with it."""
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(Unread(line, shown(text), why))
