"""Session records: which sessions are open, and which were left by a host that was killed.

The module writes one per session (shims/pam/record.c) into a root-only folder and holds a lock on it.
"""
from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from pam_mktemp_py import paths, percent
from pam_mktemp_py.linux import flocks, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = 'pam-mktemp-session 1'
_MAX_BYTES = 8192
_MAX_DIGITS = 20  # of 2^64
_NO_RECORD = frozenset({errno.ELOOP, errno.ENXIO})  # open(2): a link, a socket


class Record:
    """One session. `time` is in Unix seconds, `opened` in ns of CLOCK_BOOTTIME; what is absent is '' or 0."""

    __slots__ = ('file', 'alive', 'fields')

    def __init__(self, file: str, alive: bool, fields: dict[str, str]) -> None:
        self.file = file
        self.alive = alive
        self.fields = fields

    def get(self, name: str) -> str:
        """A field's text: user, service, stage, outcome, reason, form, directory, view (made or joined)."""
        return self.fields.get(name, '')

    def number(self, name: str) -> int:
        """A field's number: uid, pid, opened, time, device, inode, namespace (of a view)."""
        text = self.fields.get(name, '')
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0


def _decoded(field: str) -> str:
    try:
        return percent.decoded(field)
    except ValueError:  # cut off in the middle of an escape: shown as it is
        return field


def _parse(text: str) -> dict[str, str] | None:
    lines = text.split('\n')
    if lines[0] != HEADER or lines[-2:] != ['end', '']:
        return None  # still being written, or cut off by a kill
    fields = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(' ')
        fields[name] = _decoded(value)
    return fields


def _process_lives(file: str) -> bool:
    """Whether the process that opened the session still runs; the file's name tells it, UID.PID.OPENED.

    OPENED is nanoseconds of CLOCK_BOOTTIME: a process of that pid that started later is another one.
    """
    parts = file.split('.')
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return False
    start = process.start_time(int(parts[1]))
    return start is not None and start * (10 ** 9 // os.sysconf('SC_CLK_TCK')) <= int(parts[2])


def _pid_exists(file: str) -> bool:
    try:
        os.kill(int(file.split('.')[1]), 0)
    except (ProcessLookupError, OverflowError, ValueError, IndexError):
        return False
    return True


def _read(folder: str, file: str) -> Record | None:
    """The record, or None if it has just gone. What lies there and is no record counts as stale."""
    try:
        fd = os.open(f'{folder}/{file}', os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as e:
        if e.errno in _NO_RECORD:
            return Record(file, False, {})
        raise
    try:
        data = os.read(fd, _MAX_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else b''
        fields = _parse(data.decode('ascii', 'replace'))
        locked = not flocks.taken(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)
    record = Record(file, locked, fields or {})
    if not locked:
        # Not yet locked, or the holder closed all descriptors: then the process answers for it.
        record.alive = _process_lives(file)
    return record


def each(folder: str = paths.SESSIONS) -> Iterator[Record]:
    """All records, one after the other: there may be many. As records()."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        record = _read(folder, name)
        if record is not None:
            yield record


def records(folder: str = paths.SESSIONS) -> list[Record]:
    """All records. Empty if no session was ever opened; PermissionError for other users than root."""
    return list(each(folder))


def in_use(device: int, inode: int, folder: str = paths.SESSIONS) -> bool:
    """Whether a session that is open uses the account's directory with this device and inode."""
    return any(
        record.alive and (record.number('device'), record.number('inode')) == (device, inode)
        for record in records(folder)
    )


def leases(folder: str = paths.SESSIONS) -> Callable[[int, int], bool]:
    """`in_use` for many questions in a row: the records are read at the first one, and once."""
    held: set[tuple[int, int]] | None = None

    def answer(device: int, inode: int) -> bool:
        nonlocal held
        if held is None:
            held = {(r.number('device'), r.number('inode')) for r in records(folder) if r.alive}
        return (device, inode) in held

    return answer


def sweep(folder: str = paths.SESSIONS, until: float = float('inf')) -> int:
    """Remove stale records, until the monotonic clock says `until` (s); how many there were.

    Everybody's, by every planner: an account can leave any number of them (it may kill its own su), and
    none of it may make a login wait.
    """
    swept = 0
    for name in os.listdir(folder):
        if time.monotonic() >= until:
            break
        if _pid_exists(name):
            continue  # a later sweep's: to read them all would make a planner as slow as there are sessions
        record = _read(folder, name)
        if record and not record.alive:
            try:
                os.unlink(f'{folder}/{name}')
            except (FileNotFoundError, IsADirectoryError):  # swept by another; or root's own doing
                continue
            swept += 1
    return swept
