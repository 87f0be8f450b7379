"""Which remedies are worth trying for a program: variables that its own file names, then a private mount."""
from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from pam_mktemp_py.scan.pieces import find
from pam_mktemp_py.tracer.environment import VARIABLES

MOST = 12
_LONGEST = 64  # characters of a variable's name
_LARGEST = 256 << 20  # bytes of a file: a hole of 16 TB costs its account nothing, and us hours
_NEEDLES = (b"TMP", b"TEMP")
_WORD = re.compile(rb"[A-Za-z0-9_]+")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_PART = re.compile(r"(?:^|_|[A-Z])(?:TMP|TEMP)(?:$|_|[A-Z0-9])")
# Words that TEMP is in, and what libc, the linker and the kernel call theirs: no variables of a program's.
_NO_PART = re.compile(r"TEMPL|TEMPER|TEMPT|TEMPO(?!RARY)|^O_TMPFILE$|^S_|^L_tmpnam$|EMPTY")
_BEST = re.compile(r"(?:TMP|TEMP)_?(?:DIR|PATH|FOLDER|DIRECTORY)$")


def chosen(words: Iterable[str]) -> list[str]:
    """Those of the words that look like the name of a variable for temporary files, the likeliest first, MOST at most.

    Those that `detect` sets anyway are none: with them the program did what it did.
    """
    found = {word for word in words if _VARIABLE.fullmatch(word) and len(word) <= _LONGEST and _PART.search(word)
             and not _NO_PART.search(word) and word not in VARIABLES}
    return sorted(found, key=lambda word: (not _BEST.search(word), word))[:MOST]


def variables(program: str) -> list[str]:
    """Those that the file of a program, ELF or script, names; none if it cannot be read, or is gone."""
    try:
        fd = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        about = os.fstat(fd)
        return chosen(_words(fd, min(about.st_size, _LARGEST))) if stat.S_ISREG(about.st_mode) else []
    except OSError:
        return []
    finally:
        os.close(fd)


def _words(fd: int, size: int) -> Iterable[str]:
    """The words around TMP and TEMP."""
    found = set()
    for at, _ in find(fd, [(0, size)], _NEEDLES):
        start = max(at - _LONGEST, 0)
        window = os.pread(fd, 2 * _LONGEST, start)
        found |= {word.group().decode() for word in _WORD.finditer(window)
                  if word.start() <= at - start < word.end()}
    return found
