"""Are we in a sandbox? Privileged tests change /etc, /tmp and accounts, and must never do so on the machine."""

from __future__ import annotations

import os

MARK = "/run/sandbox"  # written by tests/sandbox/setup: the mount namespace that it made


def inside(mark: str = MARK) -> bool:
    """True in the very mount namespace that tests/sandbox/setup made."""
    try:
        with open(mark) as file:
            return file.read().strip() == os.readlink("/proc/self/ns/mnt")
    except FileNotFoundError:
        return False
