"""Ends what is traced, and so strace, which ends with the last of them.

strace itself gets no SIGKILL while it filters: each filtered call of what it traced would fail with ENOSYS from then
on, in programs that go on as if nothing were. Where something else ended it, `bereaved` ends them.
"""
from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

from pam_mktemp_py.linux import process, tracing

LAST = 10.0  # s for SIGKILL to take effect; a process that waits for a dead disk or server takes longer
_ROUND = 0.05  # s between two rounds of SIGKILL
Wait = Callable[[float], bool]
# A task's line, and a call that started another one: the newest may have written no line of its own.
_TASK = re.compile(rb"(\d+) +(\+\+\+ (?:exited|killed) )?(?:.*(?:clone3?|v?fork).* = (\d+)$)?")


def end(strace: int, grace: float, wait: Wait) -> bool:
    """SIGTERM to all that `strace` traces, then SIGKILL after `grace` seconds; whether strace has ended.

    `strace` is an unwaited child of ours. `wait(seconds)` returns at once when it has ended, and then True.
    """
    if grace > 0:
        send_all(strace, signal.SIGTERM)
        send_all(strace, signal.SIGCONT)  # one that is stopped would get the other only then
        if wait(grace):
            return True
    limit = time.monotonic() + LAST
    while time.monotonic() < limit:
        _kill_all(strace)
        if wait(_ROUND):
            return True
    return False


def _kill_all(strace: int) -> None:
    """SIGKILL to each, while strace is stopped: what forks waits for it then, or it would outrun us for ever."""
    os.kill(strace, signal.SIGSTOP)
    try:
        pids: set[int] = set()
        while more := set(tracing.traced_by(strace)) - pids:
            for pid in more:
                _send(pid, strace, signal.SIGKILL)
            pids |= more
    finally:
        os.kill(strace, signal.SIGCONT)


def send_all(strace: int, number: int) -> None:
    """The signal to each process that strace traces."""
    for pid in tracing.traced_by(strace):
        _send(pid, strace, number)


def _send(pid: int, strace: int, number: int) -> None:
    """Not to one that got its pid meanwhile."""
    fd = tracing.open_traced(pid, strace)
    if fd is not None:
        tracing.send(fd, number)
        os.close(fd)


def bereaved(log: str, since: int) -> None:
    """SIGKILL to all that strace left behind with its filter, as it does when it is killed or gives up.

    In a setuid program calls that fail for no reason are a danger, and its caller would choose which. strace 6.6 and
    later ones mostly see to it themselves. They are those whose end is not in the log, not older than tick `since`
    when strace was started, filtered, and traced by nobody; nor can they fork any more.
    """
    ours: set[int] | None = None
    while found := _filtered(since):
        ours = _alive(log) if ours is None else ours
        if not sum(_killed(pid, since) for pid in ours.intersection(found)):
            return
        time.sleep(_ROUND / 10)


def _filtered(since: int) -> list[int]:
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if tracing.is_orphan(pid) and (process.start_time(pid) or -1) >= since]


def _alive(log: str) -> set[int]:
    """The pids (and ids of threads) of the log that did not end in it."""
    found: set[int] = set()
    with open(log, "rb") as file:
        for line in file:
            if task := _TASK.match(line):
                (found.discard if task[2] else found.add)(int(task[1]))
                found.update({int(task[3])} if task[3] else ())
    return found


def _killed(pid: int, since: int) -> bool:
    """Kill the process if it is still one of those: looked at once more when nobody can get its pid any more."""
    fd = tracing.open_traced(pid, 0)
    if fd is None:
        return False
    try:
        still = tracing.is_orphan(pid) and (process.start_time(pid) or -1) >= since
        return still and not tracing.ended(fd) and tracing.send(fd, signal.SIGKILL)
    finally:
        os.close(fd)


def named(strace: int) -> list[tuple[int, str]]:
    """All that strace traces: pid and name."""
    return [(pid, tracing.program(pid)) for pid in tracing.traced_by(strace)]
