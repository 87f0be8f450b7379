"""What strace writes beside its calls: stacks of -k, messages on a terminal, colours, the table of -C."""
from __future__ import annotations

import re

from pam_mktemp_py.strace import lexer

LONGEST = 1 << 22  # characters of a line: strace -s may be large, but not without end
_colour = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\(B|[\r\x0f]")
# On a terminal these come in the middle of the line of the call that caused them, which then goes on in the next.
_message = re.compile(r"(.*?)(?:strace: )?(?:Process (\d{1,7}) (?:attached|detached)"
                      r"|\[ Process PID=(\d{1,7}) runs in .{1,40} mode\. \])", re.DOTALL).fullmatch
_prefix = re.compile(lexer.PREFIX).fullmatch
_row = re.compile(r" *[\d.]+ +[\d.]+ .*|[- ]{20,}|% time .*|System call usage summary for .*|").fullmatch


class Beside:
    """Takes out of a log what is no call, signal or exit."""

    def __init__(self) -> None:
        self.summary = False  # the last line was of strace -c's table
        self._begun = ""

    @property
    def busy(self) -> bool:
        """The next line may be of the last one, or of a table."""
        return self.summary or bool(self._begun)

    def rest(self, text: str) -> str | None:
        """The line without what is beside the point, None if nothing is left (or all of it comes with the next)."""
        if "\x1b" in text or "\r" in text:
            text = _colour.sub("", text)
        if self._begun:
            text = self._begun + text
            self._begun = ""
        if text.endswith(("tached", "mode. ]")):
            return self._without_message(text)
        self.summary = (self.summary or text[:6] == "% time") and _row(text) is not None
        if self.summary or not text or text.startswith((" > ", "strace: ")):
            return None
        return text

    def _without_message(self, text: str) -> str | None:
        found = _message(text)
        if found is None:
            return text
        if _prefix(found[1]) is None and len(found[1]) < LONGEST:
            self._begun = found[1]
        return None
