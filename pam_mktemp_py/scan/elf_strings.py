"""Strings in the data of an ELF file, read in pieces: constant memory, whatever its size."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from pam_mktemp_py.scan.model import MOST_EXAMINED, MOST_PLACES, POSSIBLE, Place, place
from pam_mktemp_py.scan.pieces import CHUNK, find
from pam_mktemp_py.scan.watched import Watched

_NUMBERED = re.compile(r"%[-\d.]*l*[diux]")
_RANDOM = re.compile(".*?X{3,}")


def strings(fd: int, data: Sequence[tuple[int, int]], watched: Watched, limit: int) -> tuple[list[Place], bool, int]:
    """The places, whether there are more, and how many bytes were looked at if not all, else 0. OSError.

    What C's compilers put down begins after a NUL: anything else (Go and Rust have no NULs) is only a mention.
    """
    data, cut = _within(data, limit)
    found: dict[str, tuple[int, bool]] = {}
    examined = 0
    for offset, start in find(fd, data, watched.needles):
        examined += 1
        if examined > MOST_EXAMINED or len(found) > MOST_PLACES:
            break
        for text, at, begins in _at(fd, offset, start, watched):
            if text not in found or begins > found[text][1]:
                found[text] = at, begins
    honours = bool(found) and _reads_tmpdir(fd, data, min(at for at, _ in found.values()))
    places = [_place(text, at, begins, honours) for text, (at, begins) in found.items()]
    return places[:MOST_PLACES], len(found) > MOST_PLACES or examined > MOST_EXAMINED, cut


def _within(data: Sequence[tuple[int, int]], limit: int) -> tuple[list[tuple[int, int]], int]:
    kept, left = [], limit
    for offset, size in data:
        kept.append((offset, min(size, left)))
        left -= kept[-1][1]
    return kept, limit if sum(size for _, size in data) > limit else 0


def _at(fd: int, offset: int, start: int, watched: Watched) -> Iterator[tuple[str, int, bool]]:
    """The string at a needle, where it begins, and whether it begins with the directory."""
    longest = max(map(len, watched.directories)) + 1
    first = max(start, offset - longest)
    window = os.pread(fd, longest + 256, first)
    for match in watched.raw.finditer(window):
        if match.start() <= offset - first < match.end():
            at = first + match.start()
            begins = at == start or window[match.start() - 1:match.start()] == b"\0"
            if begins or not window[match.start() - 1:match.start()].isalnum():
                yield match.group().decode("utf-8", "surrogateescape"), at, begins


def _reads_tmpdir(fd: int, data: Sequence[tuple[int, int]], near: int) -> bool:
    """Whether TMPDIR is a string, too: looked for around a path first, since what is used together lies together."""
    around = [(max(start, near - CHUNK), min(start + size, near + CHUNK) - max(start, near - CHUNK))
              for start, size in data if start <= near < start + size]
    hits = islice(find(fd, [*around, *data], (b"TMPD",)), MOST_EXAMINED)  # few bytes are found faster than many
    return any(os.pread(fd, 6, at) == b"TMPDIR" for at, _ in hits)


def _place(text: str, at: int, begins: bool, honours: bool) -> Place:
    if not begins:
        return place("mention", 0, at, text)
    random = _RANDOM.match(text)
    if random:  # compilers put short ones down in pieces, without a NUL: what follows is not part of it
        return place("template", 0, at, random.group())
    if _NUMBERED.search(text) and " " not in text:
        return place("pid-name", 0, at, text)
    return place("path", 0, at, text, POSSIBLE if honours else "")
