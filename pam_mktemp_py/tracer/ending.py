"""Ends what is traced, and so strace, which ends with the last of them.

strace itself gets no SIGKILL while it filters: each filtered call of what it traced would fail with ENOSYS from then
on, in programs that go on as if nothing were.
"""
from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from pam_mktemp_py.linux import tracing

LAST = 10.0  # s for SIGKILL to take effect; a process that waits for a dead disk or server takes longer
_ROUND = 0.05  # s between two rounds of SIGKILL: what is killed may have forked
Wait = Callable[[float], bool]


def end(strace: int, grace: float, wait: Wait) -> bool:
    """SIGTERM to all that `strace` traces, then SIGKILL after `grace` seconds; whether strace has ended.

    `wait(seconds)` returns at once when strace has ended, and then True.
    """
    if grace > 0:
        send_all(strace, signal.SIGTERM)
        send_all(strace, signal.SIGCONT)  # one that is stopped would get the other only then
        if wait(grace):
            return True
    limit = time.monotonic() + LAST
    while time.monotonic() < limit:
        send_all(strace, signal.SIGKILL)
        if wait(_ROUND):
            return True
    return False


def send_all(strace: int, number: int) -> None:
    """The signal to each process that strace traces, and to no other that got its pid meanwhile."""
    for pid in tracing.traced_by(strace):
        fd = tracing.open_traced(pid, strace)
        if fd is not None:
            tracing.send(fd, number)
            os.close(fd)


def named(strace: int) -> list[tuple[int, str]]:
    """All that strace traces: pid and name."""
    return [(pid, tracing.program(pid)) for pid in tracing.traced_by(strace)]
