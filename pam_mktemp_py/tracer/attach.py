"""Traces what runs already: strace attaches, and lets go of it again, with no harm done."""
from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import time
from collections.abc import Sequence

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux import tracing
from pam_mktemp_py.tracer import arguments, diagnose, ending, log, ready, relay
from pam_mktemp_py.tracer.meter import Meter, OnProgress
from pam_mktemp_py.tracer.relay import Signals
from pam_mktemp_py.tracer.request import GRACE, Outcome

_SOON = 0.02  # s between two looks whether it is attached
_DETACH = 10.0  # s for strace to let go; a process that waits for a dead disk cannot be let go of


def attach(pids: Sequence[int], path: str, timeout: float | None = None, everything: bool = False,
           grace: float = GRACE, on_progress: OnProgress | None = None) -> Outcome:
    """Trace these processes and what they start, until all of them have ended, `timeout` seconds, or Ctrl-C.

    The log is `path`, with mode 0600. `left` of the outcome are those that run on. TraceError: one of them cannot be
    traced, and why.
    """
    if not pids:
        raise TraceError("attach", "no process is named", "give -p PID")
    strace = ready.strace()
    for pid in pids:
        _check(pid)
    log.create(path)
    meter = Meter(path, on_progress)
    errors = os.memfd_create("errors")
    try:
        with Signals() as signals:
            process = subprocess.Popen(arguments.for_processes(strace, path, everything, pids),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
            with _Attached(process, pids, signals, meter) as attached:
                outcome = attached.until_end(timeout, grace)
        said = os.pread(errors, 65536, 0).decode("utf-8", "replace")
    finally:
        os.close(errors)
    outcome.notes += _failures(said, pids, attached.seen)
    if sentence := meter.cut():
        outcome.notes.append(sentence)
    return outcome


class _Attached:
    """strace while it is attached; a context that makes it let go, whatever happens."""

    def __init__(self, strace: subprocess.Popen[bytes], pids: Sequence[int], signals: Signals, meter: Meter) -> None:
        self.seen: set[int] = set()  # those that strace was seen to trace
        self._strace = strace
        self._strace_fd = os.pidfd_open(strace.pid)
        self._fds = [fd for pid in pids if (fd := _held(pid)) is not None]
        self._pids = pids
        self._signals = signals
        self._meter = meter
        self._stopped = False

    def __enter__(self) -> _Attached:
        return self

    def __exit__(self, *_: object) -> None:
        if self._strace.poll() is None:
            self._meter.silence()
            self._strace.send_signal(signal.SIGINT)
            self._wait(time.monotonic() + _DETACH)
            self._strace.poll()
        for fd in (self._strace_fd, *self._fds):
            os.close(fd)

    def until_end(self, timeout: float | None, grace: float) -> Outcome:
        """Wait for what ends it. Letting go is left to __exit__: SIGINT, on which strace finishes its log first."""
        outcome = Outcome(leader=self._pids[0], setuid_kept=os.geteuid() == 0)
        limit = None if timeout is None else self._meter.begin + timeout
        self._wait(limit, for_processes=True)
        outcome.timed_out = limit is not None and time.monotonic() >= limit
        if not outcome.timed_out and not self._stopped:  # the processes have ended, what they started may not have
            self._wait(time.monotonic() + grace)
        outcome.left = ending.named(self._strace.pid)
        outcome.left_running = bool(outcome.left)
        return outcome

    def _wait(self, deadline: float | None, for_processes: bool = False) -> None:
        """Until strace ends or the deadline; `for_processes`: or all of them end, or a signal tells us to."""
        while not tracing.ended(self._strace_fd):
            running = [fd for fd in self._fds if not tracing.ended(fd)]
            if for_processes and (self._stopped or not running):
                return
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return
            self._look()
            pause = _SOON if len(self.seen) < len(self._pids) else self._meter.due()
            self._poll(pause if deadline is None else min(pause, deadline - now), running if for_processes else [])

    def _look(self) -> None:
        self._meter.tell()
        if len(self.seen) < len(self._pids):
            self.seen.update(pid for pid in self._pids if tracing.tracer_of(pid) == self._strace.pid)

    def _poll(self, seconds: float, fds: list[int]) -> None:
        poll = select.poll()
        for fd in (self._strace_fd, self._signals.fd, *fds):
            poll.register(fd, select.POLLIN)
        poll.poll(int(seconds * 1000) + 1)
        if any(number in relay.ENDING for number in self._signals.arrived()):
            self._stopped = True


def _held(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _check(pid: int) -> None:
    """TraceError if it is known beforehand that this process cannot be traced, or must not be."""
    found = tracing.status(pid) if pid > 0 else None
    if found is None or found.get("Tgid") != str(pid):
        raise TraceError(f"process {pid}", "there is no such process", "see: ps -e")
    name = f"process {pid} ({tracing.program(pid)})"
    if pid in _own():
        raise TraceError(name, "it is this command itself, or what started it", "trace it from another terminal")
    if tracing.is_kernel_thread(pid):
        raise TraceError(name, "it is a part of the kernel", "name a program")
    tracer = int(found.get("TracerPid", "0"))
    if tracer:
        raise TraceError(name, f"{tracing.program(tracer) or 'a process'} ({tracer}) traces it already",
                         "a process can have one tracer only: end that one first")


def _own() -> set[int]:
    pids, pid = set(), os.getpid()
    while pid and pid not in pids:
        pids.add(pid)
        pid = tracing.parent_of(pid)
    return pids


def _failures(said: str, pids: Sequence[int], seen: set[int]) -> list[str]:
    """What strace said about those that it could not trace; TraceError if it could trace none."""
    failed = [line for line in said.splitlines() if "attach: " in line]
    if seen or not failed:
        return failed
    pid = pids[0]
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except FileNotFoundError:
        raise TraceError(f"process {pid}", "it has ended", "start it anew") from None
    if os.geteuid() not in (0, owner):
        raise TraceError(f"process {pid}", f"it belongs to {_user(owner)}, or has rights that you have not",
                         "run this as root")
    raise diagnose.denied(f"process {pid}", attaching=True)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
