"""Who traces whom, as /proc/PID/status says (proc(5)), and signals that reach no other process than the one meant."""
from __future__ import annotations

import os
import select
import signal

PF_KTHREAD = 0x00200000  # linux/sched.h
# ESRCH: it ended between open and read; EPERM: not ours to see (proc(5), hidepid=1).
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def status(pid: int | str, proc: str = "/proc") -> dict[str, str] | None:
    """The lines of /proc/PID/status by their names, values stripped; None if we see no such process."""
    try:
        with open(f"{proc}/{pid}/status", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except GONE:
        return None
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        found.setdefault(name, value.strip())
    return found


def tracer_of(pid: int, proc: str = "/proc") -> int:
    """The pid of the process that traces `pid`; 0: none, or there is no such process."""
    return int((status(pid, proc) or {}).get("TracerPid", "0"))


def parent_of(pid: int, proc: str = "/proc") -> int:
    """The pid of its parent; 0 at the top, or if there is no such process."""
    return int((status(pid, proc) or {}).get("PPid", "0"))


def traced_by(tracer: int, proc: str = "/proc") -> list[int]:
    """All processes that `tracer` traces, those excepted that have ended and were not waited for, by pid."""
    found = []
    for name in os.listdir(proc):
        if name.isdigit() and (lines := status(name, proc)) is not None:
            if lines.get("TracerPid") == str(tracer) and not _is_dead(lines):
                found.append(int(name))
    return sorted(found)


def _is_dead(lines: dict[str, str]) -> bool:
    # One whose first thread alone has ended is a zombie too, but runs on.
    return lines.get("State", "")[:1] in ("Z", "X") and lines.get("Threads", "1") in ("0", "1")


def is_orphan(pid: int, proc: str = "/proc") -> bool:
    """Whether it lives with a seccomp filter, and nobody traces it."""
    lines = status(pid, proc) or {}
    return lines.get("Seccomp") == "2" and lines.get("TracerPid") == "0" and not _is_dead(lines)


def is_stopped(pid: int, proc: str = "/proc") -> bool:
    """Whether it is stopped by a signal, or for a moment by its tracer, which look alike in one that is traced."""
    return (status(pid, proc) or {}).get("State", "")[:1] in ("T", "t")


def program(pid: int, proc: str = "/proc") -> str:
    """What the process calls itself: at most 15 bytes, the name of its program if it did not change it; '' if gone."""
    try:
        with open(f"{proc}/{pid}/comm", "rb") as file:
            return os.fsdecode(file.read().removesuffix(b"\n"))
    except GONE:
        return ""


def is_kernel_thread(pid: int, proc: str = "/proc") -> bool:
    """Whether it is a thread of the kernel's (PF_KTHREAD in field 9 of /proc/PID/stat); False if it is gone."""
    try:
        with open(f"{proc}/{pid}/stat", "rb") as file:
            text = file.read()
    except GONE:
        return False
    return bool(int(text[text.rindex(b")") + 2:].split()[9 - 3]) & PF_KTHREAD)


def open_traced(pid: int, tracer: int) -> int | None:
    """A descriptor (pidfd_open(2)) of a process traced by `tracer`; None if it is not, or no longer."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    # Looked at after it was opened: what is read of the pid now is of the process that is held, or of none.
    if tracer_of(pid) == tracer and not ended(fd):
        return fd
    os.close(fd)
    return None


def ended(pidfd: int) -> bool:
    """Whether the process that is held has ended, all its threads included."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def send(pidfd: int, number: int) -> bool:
    """Send it a signal; False if it has ended, or is another's to signal."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
