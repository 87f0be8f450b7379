"""One line to syslog (authpriv): a stable message id, then the text.

Names and paths in the text are chosen by users: a newline would forge a second line and a terminal
escape would run in the administrator's terminal. So everything but printable ASCII is escaped.
"""
from __future__ import annotations

import syslog

IDENT = "pam-mktemp"
# RFC 3164 lets a relay cut a packet at 1,024 bytes; header and ident need some of them.
LONGEST = 900

NOTICE = syslog.LOG_NOTICE
WARNING = syslog.LOG_WARNING
ERROR = syslog.LOG_ERR


def escaped(text: str) -> str:
    """Printable ASCII only: a backslash is doubled, all else becomes \\xXX, \\uXXXX or \\UXXXXXXXX."""
    return "".join([_escaped_character(c) for c in text])


def line(id: str, text: str) -> str:
    """The line as it is logged, at most LONGEST bytes; a cut one ends in '...', never inside an escape."""
    start = f"[{escaped(id)}] "
    # No character has an escape shorter than itself, so what lies beyond LONGEST cannot be shown.
    pieces = [_escaped_character(c) for c in text[:LONGEST + 1]]
    room = LONGEST - len(start)
    if sum(map(len, pieces)) <= room:
        return start + "".join(pieces)
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > room - 3:
            break
        kept.append(piece)
    return start + "".join(kept) + "..."


def say(id: str, text: str, priority: int = NOTICE) -> None:
    """Log one line; no syslog daemon is no error (libc drops the line)."""
    syslog.openlog(IDENT, syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(priority, line(id, text))


def _escaped_character(c: str) -> str:
    if c == "\\":
        return "\\\\"
    if " " <= c <= "~":
        return c
    code = ord(c)
    if 0xdc80 <= code <= 0xdcff:  # a byte that is no UTF-8, as os.fsdecode() carries it
        code -= 0xdc00
    if code <= 0xff:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xffff else f"\\U{code:08x}"
