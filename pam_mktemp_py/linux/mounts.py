"""Where something is mounted, as this process sees it (proc(5), /proc/PID/mountinfo)."""
from __future__ import annotations

import os


def points() -> list[str]:
    """All mount points, in the order of mounting; blanks and the like are no longer escaped (\\040)."""
    with open("/proc/self/mountinfo", "rb") as file:
        return [os.fsdecode(_unescaped(line.split(b" ")[4])) for line in file]


def _unescaped(field: bytes) -> bytes:
    head, *rest = field.split(b"\\")
    return head + b"".join(bytes([int(piece[:3], 8)]) + piece[3:] for piece in rest)
