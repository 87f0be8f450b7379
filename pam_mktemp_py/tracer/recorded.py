"""A log that was recorded before, here or elsewhere: plain, .xz or .gz by its first bytes, in pieces."""
from __future__ import annotations

import gzip
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from pam_mktemp_py.errors import TraceError

PIECE = 1 << 18  # bytes
_XZ, _GZIP, _ZSTD = b"\xfd7zXZ\0", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Log:
    """A log to be read once. `size` is that of the file in bytes, 0 if it is not known; `read` how far it is."""

    def __init__(self, path: str) -> None:
        """Open it; "-" is the standard input. Raises OSError."""
        self.path = path
        self.name = "the standard input" if path == "-" else path
        self._file: BinaryIO = sys.stdin.buffer if path == "-" else open(path, "rb")  # closed by close()
        found = os.fstat(self._file.fileno())
        self.size = found.st_size if stat.S_ISREG(found.st_mode) else 0

    @property
    def read(self) -> int:
        """How many bytes of the file have been read; 0 where that cannot be told."""
        with suppress(OSError):  # a pipe has no position
            return self._file.tell() if self.size else 0
        return 0

    def pieces(self) -> Iterator[bytes]:
        """The log, unpacked. Raises TraceError where it cannot be unpacked, OSError."""
        start = self._file.peek(6)[:6] if hasattr(self._file, "peek") else b""
        if start.startswith(_ZSTD):
            raise TraceError(self.path, "it is packed by zstd",
                             "unpack it: zstd -dc FILE | pam-mktemp detect --trace -")
        stream: BinaryIO = self._file
        if start == _XZ:
            stream = lzma.LZMAFile(self._file)  # type: ignore[assignment]
        elif start.startswith(_GZIP):
            stream = gzip.GzipFile(fileobj=self._file)  # type: ignore[assignment]
        try:
            while piece := stream.read(PIECE):
                yield piece
        except (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise TraceError(self.path, f"it cannot be unpacked: {error}",
                             "it is damaged, or not whole; copy it again") from error

    def close(self) -> None:
        """Close the file."""
        if self.path != "-":
            self._file.close()
