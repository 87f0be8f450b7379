"""This boot's identity and its clock, which runs on during suspend and cannot be set back."""
from __future__ import annotations

import os
import time


def boot_id(path: str = "/proc/sys/kernel/random/boot_id") -> str:
    """The kernel's random id of this boot, 36 characters (proc_sys_kernel(5)); OSError without /proc."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 64).decode("ascii").strip()
    finally:
        os.close(fd)


def boottime_ns() -> int:
    """Nanoseconds since boot, suspend included (CLOCK_BOOTTIME, clock_gettime(2))."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
