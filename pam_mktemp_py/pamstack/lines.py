"""A file of /etc/pam.d as its lines, the way libpam reads them (pam.conf(5), libpam/pam_handlers.c). Pure.

Text is latin-1: every byte is a character and comes back as it was. Only space, tab and newline separate
words; a form feed or a carriage return is part of one.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

TYPES = ("auth", "account", "password", "session")
NESTED = ("include", "substack")  # controls that name a file
MODULE = "pam_mktemp_py.so"
LONGEST = 1023  # bytes of a line, what continues it included (libpam's BUF_SIZE): the rest becomes another line
_BLANK = " \t"
# A word that begins with [ goes to the next ] that no backslash precedes, or to the line's end.
_WORD = re.compile(r"\[(?:\\\]|[^\]])*\]?|[^ \t\n]+")


@dataclass(frozen=True)
class Line:
    """One logical line that is no comment.

    `first` and `last` are the physical lines (from 1) that it is written on. `type` is one of TYPES, or ""
    for an @include, which stands for all types. `silent`: it began with "-", a missing module is not logged.
    `control` has its brackets. `file` is the file that an include, substack or @include names, else "";
    `module` and `arguments` are then empty. `trouble` is what is wrong with the line, or "".
    """

    first: int
    last: int
    type: str
    control: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()
    file: str = ""
    silent: bool = False
    trouble: str = ""

    @property
    def ours(self) -> bool:
        """Whether it runs our module."""
        return self.module.rpartition("/")[2] == MODULE


def parse(text: str) -> list[Line]:
    """The logical lines of a file, comments and blank lines left out."""
    return [_line(first, last, words, trouble) for first, last, words, trouble in _joined(text)]


def _joined(text: str) -> list[tuple[int, int, str, str]]:
    """(first, last, text, trouble) of each line, joined where a backslash continues it, without comments.

    Blank lines and lines of comment between the parts of a line do not end it: libpam goes on looking.
    """
    physical = text.split("\n")
    if physical[-1] == "":
        physical.pop()
    joined = []
    first, taken, trouble, used = 0, "", "", 0
    for number, line in enumerate(physical, 1):
        if used + len(line) >= LONGEST:
            trouble = trouble or f"is longer than {LONGEST} bytes, and libpam takes the rest for another line"
        piece = line.lstrip(_BLANK)
        if not piece or piece.startswith(("#", "\0")):
            if trouble and not first:
                joined.append((number, number, "", trouble))
                trouble = ""
            continue
        first = first or number
        piece, comment, _ = piece.partition("#")
        trouble = trouble or _trouble(piece)
        piece = piece.partition("\0")[0]
        if not comment and piece.rstrip(_BLANK).endswith("\\"):
            taken += piece.rstrip(_BLANK)[:-1] + " "
            used += len(line.rstrip(_BLANK))  # blanks at its beginning take room too
            continue
        joined.append((first, number, taken + piece, trouble))
        first, taken, trouble, used = 0, "", "", 0
    if first:
        joined.append((first, len(physical), taken, trouble or "ends in a backslash, and nothing follows"))
    return joined


def _line(first: int, last: int, text: str, trouble: str) -> Line:
    raw: list[str] = _WORD.findall(text)
    words = [_plain(word) for word in raw]
    if not words:
        return Line(first, last, "", trouble=trouble or "holds no words")
    kind = words[0].lower()
    if kind == "@include":
        target = words[1] if len(words) > 1 else ""
        return Line(first, last, "", "@include", file=target,
                    trouble=trouble or ("" if target else "names no file, which crashes libpam"))
    silent = kind.startswith("-")
    kind = kind.removeprefix("-")
    if kind not in TYPES:
        return Line(first, last, kind, trouble=trouble or f"{words[0]!r} is no type of PAM's", silent=silent)
    if len(words) < 3:
        return Line(first, last, kind, trouble=trouble or "control or module is missing", silent=silent)
    control = words[1].lower()
    if control in NESTED:
        return Line(first, last, kind, control, file=words[2], silent=silent, trouble=trouble)
    return Line(first, last, kind, raw[1], words[2], tuple(words[3:]), silent=silent, trouble=trouble)


def _plain(word: str) -> str:
    r"""A word without its brackets; \] in them is ]."""
    return word[1:].removesuffix("]").replace("\\]", "]") if word.startswith("[") else word


def _trouble(piece: str) -> str:
    if "\r" in piece:
        return "holds a carriage return (CR LF), which libpam takes for part of a word"
    if "\0" in piece:
        return "holds a NUL byte, and libpam does not see what follows"
    return ""
