"""Processes that must not outlive what started them. Importing this loads ctypes: only rare paths may."""
from __future__ import annotations

import contextlib
import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
_MOST_ROUNDS = 1000

_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_prctl.restype = ctypes.c_int


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that made it ends (PR_SET_PDEATHSIG, prctl(2)). OSError."""
    _set(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """From now on a descendant whose parent ends becomes our child, daemons included (prctl(2)). OSError."""
    _set(PR_SET_CHILD_SUBREAPER, 1)


def kill_all() -> None:
    """SIGKILL to every descendant, after adopt_orphans(): each round's orphans are the next one's children."""
    for _ in range(_MOST_ROUNDS):
        found = children()
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def children(proc: str = "/proc") -> list[int]:
    """The pids of this process's children, as /proc/PID/stat names their parents (proc(5))."""
    own, found = os.getpid(), []
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(f"{proc}/{name}/stat", "rb") as file:
                text = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(text[text.rindex(b")") + 2:].split()[1]) == own:
            found.append(int(name))
    return found


def _set(option: int, value: int) -> None:
    if _prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
