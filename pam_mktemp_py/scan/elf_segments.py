"""ELF files without a usable table of sections, by what the loader goes by: their segments (pyelftools)."""
from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pam_mktemp_py.scan.elf import Parts
from pam_mktemp_py.scan.model import LIBC

_MOST_SEGMENTS, _MOST_SYMBOLS = 256, 100_000
_EXECUTABLE = 1


class Damaged(Exception):
    """There are no segments either: nothing would load it."""


def parts(fd: int, size: int) -> Parts:
    """As elf.parts(). Damaged; ImportError without pyelftools; OSError."""
    from elftools.common.exceptions import ELFError  # 85 ms, for files that are rare
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with os.fdopen(os.dup(fd), "rb") as file:
        try:
            elf = ELFFile(file)
            segments = list(islice(elf.iter_segments(), _MOST_SEGMENTS))
            functions = sorted({name for one in segments for name in _imports(one)})
        # pyelftools checks little: a damaged file ends in whatever its arithmetic leads to.
        except (ELFError, ConstructError, ArithmeticError, AttributeError, AssertionError, LookupError, TypeError,
                ValueError) as error:
            raise Damaged(f"not a program that would load ({type(error).__name__})") from error
    data = [(one["p_offset"], one["p_filesz"]) for one in segments if one["p_type"] == "PT_LOAD"
            and not one["p_flags"] & _EXECUTABLE and one["p_offset"] < size]
    if not data and not functions:
        raise Damaged("not a program that would load (it has no segment of data)")
    return Parts(data, functions)


def _imports(segment: Any) -> Iterator[str]:
    if segment["p_type"] == "PT_DYNAMIC":
        for symbol in islice(segment.iter_symbols(), _MOST_SYMBOLS):
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name in LIBC:
                yield symbol.name
