"""The look at one file: what it is, whether it can matter at all, and then the reader of its kind."""
from __future__ import annotations

import os
from itertools import islice

from pam_mktemp_py.scan import kinds
from pam_mktemp_py.scan.model import LIBC, MOST_PLACES, Limits, Looked, Place, place
from pam_mktemp_py.scan.regular import Task, opened, start
from pam_mktemp_py.scan.watched import Watched

_UNSAFE = (b"mktemp", b"tempnam", b"tmpnam")


def look(task: Task, watched: Watched, limits: Limits) -> Looked:
    """What was found; `failed` says what could not be read. MemoryError, RecursionError for the caller to tell."""
    try:
        fd = opened(task)
    except OSError as error:
        return Looked(failed=error.strerror or str(error))
    try:
        head = os.pread(fd, kinds.HEAD, 0)
        kind = kinds.kind(task.path, head)
        if kind == kinds.ELF:
            return _elf(fd, head, watched, limits)
        return _text(fd, kind, watched, limits) if kind else Looked()
    except OSError as error:
        return Looked(failed=error.strerror or str(error))
    finally:
        os.close(fd)


def _elf(fd: int, head: bytes, watched: Watched, limits: Limits) -> Looked:
    from pam_mktemp_py.scan import elf, elf_segments, elf_strings

    read, size = "sections", os.fstat(fd).st_size
    try:
        parts = elf.parts(fd, size, head)
    except elf.Unusual:
        read = "segments"
        try:
            parts = elf_segments.parts(fd, size)
        except elf_segments.Damaged as error:
            return Looked(kinds.ELF, failed=str(error))
        except ImportError:
            return Looked(kinds.ELF, failed="it has no table of sections: install python3-pyelftools to look at it")
    if parts is None:
        return Looked()
    places, more, cut = elf_strings.strings(fd, parts.data, watched, limits.elf)
    calls = [place(LIBC[name], 0, -1, f"{name}()") for name in parts.functions]
    return Looked(kinds.ELF, tuple(calls + places), more, read, cut)


def _text(fd: int, kind: str, watched: Watched, limits: Limits) -> Looked:
    size = os.fstat(fd).st_size
    data = start(fd, min(size, limits.text))
    cut = limits.text if size > limits.text else 0
    if not watched.anywhere(data) and not (kind == kinds.PYTHON and any(word in data for word in _UNSAFE)):
        return Looked(kind, cut=cut)
    if kind == kinds.PYTHON and len(data) <= limits.tree:
        from pam_mktemp_py.scan import python
        try:
            return _at_most(kind, python.places(data, watched), "tree", cut)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # Python 2, a template, or made to be hard: its strings are left
    from pam_mktemp_py.scan import text
    decoded = data.decode("utf-8", "surrogateescape")
    return _at_most(kind, list(islice(text.places(decoded, kind, watched), MOST_PLACES + 1)), "strings", cut)


def _at_most(kind: str, places: list[Place], read: str, cut: int) -> Looked:
    return Looked(kind, tuple(places[:MOST_PLACES]), len(places) > MOST_PLACES, read, cut)
