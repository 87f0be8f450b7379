"""strace's log as a file: who the command is, how it ended, whether all of it was written. Its calls: see strace/."""
from __future__ import annotations

import os
import re
import signal

from pam_mktemp_py.errors import TraceError

_FIRST = re.compile(rb"(\d+) +execve\(")  # anything else was no command yet
_NOT_EXECUTED = re.compile(rb"\d+ +execve\(.*\) += -1 (E[A-Z0-9]+) \(([^)\n]*)\)")
_HEAD = 65536  # more than a first line with 256 bytes of each argument has


def create(path: str) -> None:
    """An empty file that only we can read, for strace to write to: it would make one that all can. TraceError."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TraceError(path, f"the log cannot be written: {error.strerror}", "name another place") from error
    try:
        os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def size(path: str) -> int:
    """Bytes of the log; 0 if it is gone."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def first_pid(path: str) -> int:
    """The pid of the command, with which the first line begins; 0 as long as there is none."""
    found = _FIRST.match(_head(path))
    return int(found[1]) if found else 0


def not_executed(path: str) -> tuple[str, str] | None:
    """Name and text of the error with which the command itself could not be executed; None if it could."""
    found = _NOT_EXECUTED.match(_head(path).partition(b"\n")[0])
    return (found[1].decode(), found[2].decode("utf-8", "replace")) if found else None


def status_of(path: str, pid: int) -> int | None:
    """How the process ended, as Popen.returncode says it; None if the log does not tell. Reads it all."""
    line = re.compile(rb"%d +\+\+\+ (?:exited with (\d+)|killed by SIG(\w+))" % pid)
    found = None
    with open(path, "rb") as file:
        for text in file:
            found = line.match(text) or found
    if found is None:
        return None
    return int(found[1]) if found[1] else -_signal(found[2].decode())


def full(path: str) -> bool:
    """Whether no space is left where the log is."""
    try:
        found = os.statvfs(path)
    except FileNotFoundError:
        return False
    return found.f_blocks > 0 and found.f_bavail == 0


def whole(path: str) -> bool:
    """Whether the last line has an end."""
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        return b""


def _signal(name: str) -> int:
    """The number of a signal as strace names it: SEGV, RTMIN, RT_8."""
    if name.startswith("RT_"):
        return 32 + int(name[3:])  # of the kernel's real-time signals, of which the libc keeps two to itself
    return int(getattr(signal, f"SIG{name}", 0))
