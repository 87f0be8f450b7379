"""Bytes looked for in parts of a file that may be larger than memory: read in pieces, into one buffer."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pam_mktemp_py.scan.model import MOST_EXAMINED

CHUNK = 256 << 10  # of the sizes tried the fastest: it stays in the second-level cache
# A large bytearray begins a few bytes after the start of a page. Files are copied from starts of pages, and a copy
# to just behind the same offset takes three times as long (the processor takes each load for one of what it just
# stored: 4K aliasing). So half a page is left out.
_SHIFT = 2048
_BUFFER = bytearray(_SHIFT + CHUNK)
_VIEW = memoryview(_BUFFER)[_SHIFT:]


def find(fd: int, ranges: Sequence[tuple[int, int]], needles: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Where needles are in `ranges` (offset, size): the offset in the file, and of its range. OSError.

    The buffer is shared: only one search can be under way.
    """
    longest = max(map(len, needles))
    for start, size in ranges:
        at, end, last = start, start + size, -1
        while at < end:
            length = os.preadv(fd, [_VIEW[:min(CHUNK, end - at)]], at)
            for hit in _hits(needles, length):
                if at + hit > last:
                    last = at + hit
                    yield last, start
            if length <= longest or at + length >= end:
                break
            at += length - longest + 1


def _hits(needles: Sequence[bytes], length: int) -> list[int]:
    """The offsets in the buffer, in order; too many are not all listed."""
    hits: list[int] = []
    for needle in needles:
        hit = _BUFFER.find(needle, _SHIFT, _SHIFT + length)
        while hit >= 0 and len(hits) <= MOST_EXAMINED:
            hits.append(hit - _SHIFT)
            hit = _BUFFER.find(needle, hit + 1, _SHIFT + length)
    hits.sort()
    return hits
