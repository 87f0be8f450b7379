"""What the lines of a shell script would remove from /tmp: a careful guess. Pure: text in, text out."""
from __future__ import annotations

import fnmatch
import os
import re
import shlex
from collections.abc import Iterator

from pam_mktemp_py.doctor.tmpfiles import TOP

_PROGRAM = re.compile(r"(?:^|[\s;&|(`/=])(find|rm|tmpwatch|tmpreaper|stmpclean)(?=\s)")
_DELETES = re.compile(r"-delete\b|-exec(?:dir)?\s+(?:\S*/)?(?:rm|unlink|rmdir)\b|xargs.*\brm\b")
_ELSEWHERE = re.compile(r"\s+(?:-[HLP]\s+)*[\"']?(?:\$\{?\w|\.(?=[\s/\"']|$))")  # in a folder that another line names
_TMP = re.compile(r"(?<![\w./$-])/tmp/?(?![\w./*-])")


def joined(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """(first, last, text) of the lines of a script, those that a backslash continues as one; no comments."""
    at = 0
    while at < len(lines):
        first, text = at, lines[at]
        while text.endswith("\\") and not text.lstrip().startswith("#") and at + 1 < len(lines):
            at += 1
            text = text[:-1] + " " + lines[at]
        if text.strip() and not text.lstrip().startswith("#"):
            yield first + 1, at + 1, text
        at += 1


def touching(line: str) -> str:
    """The program in a line of a script that would remove from private directories, or ''; a careful guess."""
    found = _PROGRAM.search(line)
    if found is None:
        return ""
    program, rest = found[1], line[found.end():]
    try:
        words = shlex.split(rest, comments=True)
    except ValueError:  # a quote that ends elsewhere
        words = rest.replace('"', " ").replace("'", " ").split()
    named = [word for word in words if word.startswith("/")]
    if program == "rm":
        return program if any(_removed(word) for word in named) else ""
    if program == "find" and not _DELETES.search(rest):
        return ""
    return program if any(map(holds, named)) and TOP not in rest else ""


def unclear(line: str, script: list[str]) -> bool:
    """Whether a line removes in . or $VARIABLE, and its script has to do with /tmp as a whole."""
    found = _PROGRAM.search(line)
    if found is None or not _ELSEWHERE.match(line[found.end():]):
        return False
    removes = found[1] in ("tmpwatch", "tmpreaper") or found[1] == "find" and _DELETES.search(line)
    whole = "\n".join(text for _, _, text in joined(script))
    return bool(removes and _TMP.search(whole) and TOP not in whole)


def holds(path: str) -> bool:
    """Whether a path is /tmp, or /."""
    return os.path.normpath(path.rstrip(".") or "/") in ("/tmp", "/") or path.rstrip("/") == TOP


def _removed(path: str) -> bool:
    """Whether rm of a pattern takes /tmp/.private: * matches no name that begins with a dot."""
    path = path.rstrip("/")
    if path in ("/tmp", TOP) or path.startswith(TOP + "/"):
        return True
    folder, _, name = path.rpartition("/")
    return folder == "/tmp" and name.startswith((".", "[.")) and fnmatch.fnmatchcase(".private", name)
