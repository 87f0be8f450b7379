"""What a log tells, whatever the spelling of its calls: processes, and what they did to which path."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

# What was done. One call may be several acts: rename gives RENAMED for the old path and MADE_BY_RENAME for the new.
OPEN = "open"  # open, openat, openat2, creat: flags say how
MAKE_DIRECTORY = "mkdir"
MAKE_NODE = "mknod"  # mkfifo too: flags has S_IFIFO or the like
BIND = "bind"  # a socket's name appears
CONNECT = "connect"
SEND = "send"  # sendto and sendmsg that name a socket's path
LINK = "link"  # the new name of a hard link
SYMLINK = "symlink"  # the new name of a symbolic link; `other` is what it points to, as it was written
RENAMED = "rename-from"  # `other` is the new name
MADE_BY_RENAME = "rename-to"  # `other` is the old name
REMOVE = "remove"  # unlink, rmdir
MODE = "chmod"  # mode is the new one
OWNER = "chown"
TRUNCATE = "truncate"
EXECUTE = "execute"  # the file that was executed
LOOK = "look"  # stat, access, readlink, ..., inotify_add_watch: nothing changes
PEER = "peer"  # getsockopt SO_PEERCRED of a socket that is connected to this path: its owner was asked for
OTHER = "other"  # a call that names a path and is none of the above


@dataclass(eq=False, slots=True)
class Process:
    """A process as the log shows it; its threads share this object. Kept alive by its children's `parent`."""

    pid: int
    parent: Process | None = None
    program: str = ""  # the path that was executed last, absolute where that can be known; "" before any execve is seen
    argv: tuple[str, ...] = ()  # of that execve, as far as strace wrote it: words that it cut end in "..."
    secure: bool = False  # ld.so looked at /etc/suid-debug: it was started with AT_SECURE (ld.so(8))
    uid: int | None = None  # effective, as setuid(2) and its like set it in the log; None: they did not
    status: int | None = None  # exit status, or minus the signal; None while it runs
    started: int = 0  # line number of that execve, or of the first line
    images: list[str] = field(default_factory=list)  # programs that it was before, the last 8
    pids: set[int] = field(default_factory=set)  # of its threads, its own included


class Event(NamedTuple):
    """One act on one path below a watched directory.

    `path` is absolute, without '.', '..' and doubled slashes, as the host's own processes would spell it, as
    far as the log lets that be known: decoded by os.fsdecode from the bytes of the name. `real` is where the
    path led, by strace's annotation of the descriptor that the call returned, or "".
    """

    process: Process
    pid: int  # the thread
    call: str  # strace's name of the system call: "openat"
    act: str  # one of the constants above
    path: str
    real: str
    error: str  # "" if it succeeded, "ENOENT", or "?" where the log does not tell (killed, cut off)
    flags: frozenset[str]  # O_CREAT, O_EXCL, ..., AT_SYMLINK_NOFOLLOW, RENAME_NOREPLACE, S_IFIFO
    mode: int  # permission bits: asked for, less the umask where that is known (022 is assumed); -1: the call has none
    other: str  # see LINK, SYMLINK, RENAMED
    private: bool  # the path lies on what was mounted in a mount namespace that is not the one the log began in
    abstract: bool  # a name in the abstract socket namespace, not a file
    line: int  # number of the (first) line in the log, from 1
    text: str  # that line as it stands, joined if it was in two parts; at most 500 characters


class Unread(NamedTuple):
    """A line that is not understood, or a path that cannot be known: told, never dropped in silence."""

    line: int
    text: str  # at most 500 characters
    why: str
