"""ELF files by their sections: what they import from libc, and which strings in their data name a directory.

Own and small, because it is the look at every program of a /usr/bin: only what can hold a string is read, which is
a third of the bytes, into one buffer that stays in the processor's cache. pyelftools takes 85 ms to be imported and
some 10 ms for each file; it is for the files that have no sections that could be trusted (elf_segments.py), and
the tests' second opinion. Layout: elf(5), <elf.h>.
"""
from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pam_mktemp_py.scan.model import LIBC
from pam_mktemp_py.scan.pieces import find

_CORE = 4
_PROGBITS, _SYMTAB, _DYNSYM = 1, 2, 11
_ALLOC, _LOADED = 2, 2 | 4  # and executable
_MOST_SECTIONS = 4096
_MOST_SYMBOLS = 32 << 20  # bytes of one table
_NO_STRINGS = frozenset({b".eh_frame", b".eh_frame_hdr", b".gcc_except_table", b".data.rel.ro", b".got", b".got.plt",
                         b".interp", b".tm_clone_table"})
_NEEDLES = (b"mktemp\0", b"pnam", b"mpfi")  # in the names of LIBC: few and rare bytes, which bytes.find likes
_NAMES = re.compile(b"(?=(" + b"|".join(name.encode() for name in LIBC) + rb")\0)")
_AROUND = 12  # bytes: a needle is at most so far from where a name begins, and from where it ends
_MOST_NAMES = 20_000
Section = tuple[int, ...]  # name type flags offset size link, of the fields in elf.h


class Unusual(Exception):
    """There is no table of sections, or it doesn't fit the file."""


class Parts(NamedTuple):
    """Where strings are, (offset, size) each, and the functions of LIBC that are imported or built in."""

    data: list[tuple[int, int]]
    functions: list[str]


def parts(fd: int, size: int, head: bytes) -> Parts | None:
    """None for a core dump, which is no program; `head` are the first bytes. Unusual; OSError."""
    if len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise Unusual("its header is damaged")
    order, wide = "<>"[head[5] - 1], head[4] == 2
    if struct.unpack_from(order + "H", head, 16)[0] == _CORE:
        return None
    try:
        start, = struct.unpack_from(order + ("Q" if wide else "I"), head, 40 if wide else 32)
        each, count, names = struct.unpack_from(order + "HHH", head, 58 if wide else 46)
    except struct.error as error:
        raise Unusual("its header is cut") from error
    layout = struct.Struct(order + ("IIQ8xQQI12x8x" if wide else "III4xIII12x"))
    if not 0 < names < count <= _MOST_SECTIONS or each != layout.size or start + each * count > size:
        raise Unusual("it has no table of sections")
    table = os.pread(fd, each * count, start)
    if len(table) != each * count:
        raise Unusual("it shrank")
    sections = list(layout.iter_unpack(table))
    named = _read(fd, sections[names], size)
    data = [_where(one, size) for one in sections if one[1] == _PROGBITS and one[2] & _LOADED == _ALLOC
            and named[one[0]:named.find(b"\0", one[0])] not in _NO_STRINGS]
    return Parts(data, list(_functions(fd, size, sections, order, wide)))


def _where(section: Section, size: int) -> tuple[int, int]:
    """The offset and the length of a section. Unusual if it isn't in the file: the loader wouldn't notice."""
    offset, length = section[3:5]
    if offset + length > size:
        raise Unusual("a section is larger than the file")
    return offset, length


def _read(fd: int, section: Section, size: int) -> bytes:
    """A whole section. Unusual also if it is larger than any that is honest."""
    offset, length = _where(section, size)
    if length > _MOST_SYMBOLS:
        raise Unusual("a table is larger than any that is honest")
    return os.pread(fd, length, offset)


def _functions(fd: int, size: int, sections: list[Section], order: str, wide: bool) -> Iterator[str]:
    """What the dynamic symbols import; of a static or unlinked file what its symbols name at all."""
    tables = [one for one in sections if one[1] == _DYNSYM]
    dynamic = bool(tables)
    for table in tables or [one for one in sections if one[1] == _SYMTAB]:
        if table[5] >= len(sections):
            raise Unusual("a table of symbols has no names")
        wanted = _named(fd, *_where(sections[table[5]], size))
        symbols = _read(fd, table, size) if wanted else b""
        each, index = (24, 6) if wide else (16, 14)
        for offset, function in wanted.items():
            if any(not dynamic or symbols[at + index:at + index + 2] == b"\0\0"
                   for at in _referring(symbols, struct.pack(order + "I", offset), each)):
                yield function


def _named(fd: int, start: int, length: int) -> dict[int, str]:
    """Where in a section of names the functions' are: one may be the end of a longer name's bytes."""
    found = {}
    for hit, _ in islice(find(fd, [(start, length)], _NEEDLES), _MOST_NAMES):
        first = max(start, hit - _AROUND)
        for name in _NAMES.finditer(os.pread(fd, 2 * _AROUND, first)):
            found[first + name.start() - start] = name[1].decode()
    return found


def _referring(symbols: bytes, name: bytes, each: int) -> Iterator[int]:
    at = symbols.find(name)
    while at >= 0:
        if at % each == 0:
            yield at
        at = symbols.find(name, at + 1)
