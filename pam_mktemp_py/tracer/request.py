"""What is to be traced, and what came of it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pam_mktemp_py.linux.accounts import Account

GRACE = 1.0  # s


@dataclass(frozen=True)
class Request:
    """A command to run under strace.

    `tmpdir` is what TMPDIR and the other three variables say, `log` the file that strace writes. `user` runs it (only
    root may say so); None: who we are. `timeout`: seconds, then it is ended. `grace`: seconds that descendants may
    live on after it, and that a process gets between SIGTERM and SIGKILL. `everything`: trace every call that names
    a file, which costs more. `filter`: let the kernel pass over all other calls where that can be. `extra` variables
    win over all others. `base` is the environment to start from instead of this process's own.
    """

    command: tuple[str, ...]
    tmpdir: str
    log: str
    user: Account | None = None
    timeout: float | None = None
    grace: float = GRACE
    everything: bool = False
    filter: bool = True
    extra: tuple[tuple[str, str], ...] = ()
    base: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Progress:
    """How far a run is: seconds since its start, and bytes of the log."""

    elapsed: float
    size: int


@dataclass
class Outcome:
    """What came of a run.

    `status` is what a shell would show in $?: the exit status, or 128 plus the number of the signal that ended it,
    which is `signal` then (else 0). `leader` is the pid of the command (0: none was seen). `left` are the processes
    (pid, name) that it left behind; `left_running` says whether they were let run on or were ended. `filtered`:
    strace used its seccomp filter. `setuid_kept`: setuid, setgid and capable programs ran as they do untraced.
    `ending`: a signal came to us meanwhile that ends a program. `notes` are whole sentences for who ran it.
    """

    status: int = 0
    signal: int = 0
    leader: int = 0
    timed_out: bool = False
    left: list[tuple[int, str]] = field(default_factory=list)
    left_running: bool = False
    filtered: bool = False
    setuid_kept: bool = False
    ending: bool = False
    notes: list[str] = field(default_factory=list)
