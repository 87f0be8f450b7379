"""The directories that are looked for, and how they are found quickly in bytes and surely in text."""
from __future__ import annotations

import re
from functools import cached_property

from pam_mktemp_py.scan.model import EVIDENCE

DIRECTORIES = ("/tmp", "/var/tmp", "/dev/shm")
_NEEDLE = 5


class Watched:
    """Absolute, normalised directories without a slash at the end."""

    def __init__(self, directories: tuple[str, ...] = DIRECTORIES) -> None:
        self.directories = tuple(dict.fromkeys(directories))

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """Bytes of which one is in whatever holds a directory: their ends, as few as possible.

        Each is one pass over everything that is read. The end of a path is rarer than its start, and bytes.find
        is twice as fast for few and rare bytes (4 GB/s) as for a whole path.
        """
        ends = {name.encode("utf-8", "surrogateescape")[-_NEEDLE:] for name in self.directories}
        return tuple(sorted(end for end in ends if not any(other in end for other in ends - {end})))

    @cached_property
    def _alternatives(self) -> str:
        longest_first = sorted(self.directories, key=lambda name: (-len(name), name))
        return "(?:" + "|".join(map(re.escape, longest_first)) + ")"

    @cached_property
    def text(self) -> re.Pattern[str]:
        """A directory, or a path in it: not /tmpfs, /tmp.old or /tmp-x."""
        return re.compile(self._alternatives + r"(?![\w.-])")

    @cached_property
    def raw(self) -> re.Pattern[bytes]:
        """The same in bytes, with the rest of the string up to what is not printable."""
        alternatives = self._alternatives.encode("utf-8", "surrogateescape")
        return re.compile(alternatives + rb"(?![\w.-])[\x20-\x7e]{0,%d}" % EVIDENCE)

    def anywhere(self, data: bytes) -> bool:
        """Whether `data` may hold one."""
        return any(needle in data for needle in self.needles)
