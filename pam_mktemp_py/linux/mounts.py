"""Where something is mounted, as this process sees it (proc(5), /proc/PID/mountinfo)."""
from __future__ import annotations

import os


def points() -> list[str]:
    """All mount points, in the order of mounting; blanks and the like are no longer escaped (\\040)."""
    with open("/proc/self/mountinfo", "rb") as file:
        return [os.fsdecode(unescaped(line.split(b" ")[4])) for line in file]


def unescaped(field: bytes) -> bytes:
    r"""A field of mountinfo as it is: \040 is a blank (proc_pid_mountinfo(5))."""
    head, *rest = field.split(b"\\")
    return head + b"".join(bytes([int(piece[:3], 8)]) + piece[3:] for piece in rest)
