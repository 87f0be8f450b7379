"""ELF files without a usable table of sections, by what the loader goes by: their segments (pyelftools)."""
from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pam_mktemp_py.scan.elf import Parts
from pam_mktemp_py.scan.model import LIBC

_MOST_SEGMENTS, _MOST_SYMBOLS = 256, 100_000
_EXECUTABLE = 1


class Damaged(Exception):
    """There are no segments either: nothing would load it."""


class _Unsectioned(io.RawIOBase):
    """The file as if it named no table of sections: the loader takes no notice of one, but pyelftools falls over it."""

    def __init__(self, fd: int, size: int) -> None:
        """Damaged if there is no whole header."""
        self._fd, self._size, self._at = fd, size, 0
        head = bytearray(os.pread(fd, 64, 0))
        try:
            for layout, offset in (("Q", 40), ("HHH", 58)) if head[4:5] == b"\2" else (("I", 32), ("HHH", 46)):
                struct.pack_into(layout, head, offset, *(0 for _ in layout))
        except struct.error as error:
            raise Damaged("not a program that would load (its header is cut)") from error
        self._head = bytes(head)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To an offset, beyond the end too; ValueError for a negative one."""
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise ValueError("a negative offset")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        """The bytes there, those of the header changed."""
        if self._at < self._size:
            data = self._head[self._at:self._at + len(buffer)] or os.pread(self._fd, len(buffer), self._at)
        else:
            data = b""
        buffer[:len(data)] = data
        self._at += len(data)
        return len(data)


def parts(fd: int, size: int) -> Parts:
    """As elf.parts(). Damaged; ImportError without pyelftools; OSError."""
    from elftools.common.exceptions import ELFError  # 85 ms, for files that are rare
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with io.BufferedReader(_Unsectioned(fd, size)) as file:
        try:
            elf = ELFFile(file)
            segments = list(islice(elf.iter_segments(), _MOST_SEGMENTS))
            functions = sorted({name for one in segments for name in _imports(one)})
        # pyelftools checks little: a damaged file ends in whatever its arithmetic leads to.
        except (ELFError, ConstructError, ArithmeticError, AttributeError, AssertionError, LookupError, TypeError,
                ValueError) as error:
            raise Damaged(f"not a program that would load ({type(error).__name__})") from error
    loaded = [one for one in segments if one["p_type"] == "PT_LOAD" and one["p_offset"] < size]
    if not loaded:
        raise Damaged("not a program that would load (it has no segment)")
    # A small or packed program has code and data in one.
    data = [one for one in loaded if not one["p_flags"] & _EXECUTABLE] or loaded
    return Parts([(one["p_offset"], one["p_filesz"]) for one in data], functions)


def _imports(segment: Any) -> Iterator[str]:
    if segment["p_type"] == "PT_DYNAMIC":
        for symbol in islice(segment.iter_symbols(), _MOST_SYMBOLS):
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name in LIBC:
                yield symbol.name
