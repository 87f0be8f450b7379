"""What a look at one file finds, and what each reason means."""
from __future__ import annotations

from typing import NamedTuple

LIKELY, POSSIBLE, WEAK = "likely", "possible", "weak"
LEVELS = (LIKELY, POSSIBLE, WEAK)
TMP_NAMES = frozenset({"TMPDIR", "TMP", "TEMP", "TEMPDIR"})
MOST_PLACES = 20  # of one file: more tell a reader nothing, and a hostile file has millions
MOST_EXAMINED = 2000  # occurrences of a directory's name in one file, whether they become places or not
EVIDENCE = 100  # characters


class Reason(NamedTuple):
    """`level` is the usual one, `cwe` may be "", `what` completes 'this file ...'."""

    level: str
    cwe: str
    what: str


REASONS = {
    "unsafe-name": Reason(LIKELY, "CWE-377", "asks for a name first, and makes the file when another may have it"),
    "pid-name": Reason(LIKELY, "CWE-377", "makes a name in a shared directory that others can guess"),
    "written": Reason(LIKELY, "CWE-377", "writes or makes a fixed name in a shared directory"),
    "overrides": Reason(LIKELY, "", "sets TMPDIR itself to a shared directory"),
    "path": Reason(LIKELY, "", "has a shared directory as a fixed path (possible, not likely, where it reads TMPDIR)"),
    "template": Reason(POSSIBLE, "", "makes a random name, but in a fixed directory"),
    "default": Reason(POSSIBLE, "", "has a shared directory as the default of a setting that can be changed"),
    "tmpfile": Reason(POSSIBLE, "", "calls tmpfile(), which is nameless but in /tmp whatever TMPDIR says"),
    "fallback": Reason(WEAK, "", "uses a shared directory only where TMPDIR or the like is not set"),
    "compared": Reason(WEAK, "", "compares a path with a shared directory"),
    "mention": Reason(WEAK, "", "names a shared directory inside a longer text"),
}
LIBC = {"mktemp": "unsafe-name", "tmpnam": "unsafe-name", "tmpnam_r": "unsafe-name", "tempnam": "unsafe-name",
        "tmpfile": "tmpfile", "tmpfile64": "tmpfile"}


class Place(NamedTuple):
    """One piece of evidence: a line (from 1; 0: none), or an offset in bytes (-1: none), and what stands there."""

    reason: str
    level: str
    line: int
    offset: int
    evidence: str


class Looked(NamedTuple):
    """The look at one file.

    `kind` is elf, python, shell, perl, php, ruby, properties or "" (none of them: not looked at). `places` are
    at most MOST_PLACES, `more` says that there were others. `read` is how: sections, segments, tree, strings.
    `cut` is how many bytes were looked at if that was not all, else 0. `failed` is why it could not be read.
    """

    kind: str = ""
    places: tuple[Place, ...] = ()
    more: bool = False
    read: str = ""
    cut: int = 0
    failed: str = ""


class Limits(NamedTuple):
    """Bounds of one look, in bytes and seconds: nobody's file may keep root's scan busy or fill its memory."""

    elf: int = 64 << 20
    text: int = 2 << 20
    tree: int = 1 << 20  # a syntax tree takes some hundred times its source
    memory: int = 1 << 30
    seconds: float = 10.0


def place(reason: str, line: int, offset: int, evidence: str, level: str = "") -> Place:
    """A place with its reason's usual level unless another is given."""
    return Place(reason, level or REASONS[reason].level, line, offset, evidence[:EVIDENCE])
