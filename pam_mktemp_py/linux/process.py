"""When a process started: with the pid, what tells it from a later one with the same pid."""
from __future__ import annotations

import os


def start_time(pid: int, proc: str = "/proc") -> int | None:
    """Clock ticks from boot to the start of `pid` (field 22 of /proc/PID/stat, proc(5)); None if it is gone."""
    try:
        fd = os.open(f"{proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        text = os.read(fd, 4096)
    except ProcessLookupError:  # it ended between open and read
        return None
    finally:
        os.close(fd)
    # Field 2 is the program's name in parentheses, chosen by the program: ') 1 2 3' may stand in it.
    # Only the last parenthesis is the kernel's; field 3 follows it.
    return int(text[text.rindex(b")") + 2:].split()[22 - 3])
