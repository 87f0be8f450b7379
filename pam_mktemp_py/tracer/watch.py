"""Waits for a command under strace: relays signals, tells how far it is, and ends what outlives it."""
from __future__ import annotations

import os
import select
import signal
import subprocess
import time

from pam_mktemp_py.linux import process, tracing
from pam_mktemp_py.tracer import diagnose, ending, log, relay
from pam_mktemp_py.tracer.meter import Meter
from pam_mktemp_py.tracer.relay import Signals
from pam_mktemp_py.tracer.request import Outcome, Request

_SOON = 0.02  # s between two looks for the command's pid, which the log's first line names


class Watch:
    """A context; if it is left by an error, all that is traced is killed."""

    def __init__(self, request: Request, strace: subprocess.Popen[bytes], filtered: bool, signals: Signals,
                 meter: Meter) -> None:
        self._request = request
        self._filtered = filtered
        self._strace = strace
        self._signals = signals
        self._meter = meter
        self._strace_fd = os.pidfd_open(strace.pid)
        self._strace_start = process.start_time(strace.pid) or 0
        self._leader_fd: int | None = None
        self._waiting: list[int] = []  # signals that came before the command's pid was known
        self._hurry = False
        self._outcome = Outcome()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._strace.poll() is None:
            self._meter.silence()
            ending.end(self._strace.pid, 0, lambda seconds: self._wait(time.monotonic() + seconds))
            self._strace.poll()
        for fd in (self._strace_fd, self._leader_fd):
            if fd is not None:
                os.close(fd)

    def until_end(self) -> Outcome:
        """Everything from now to the end of strace. TraceError if strace was killed before the command ended."""
        outcome, limit = self._outcome, self._request.timeout
        ended = self._wait(None if limit is None else self._meter.begin + limit, until_leader_ends=True)
        if not ended and not self._leader_ended():
            outcome.timed_out = True
            ended = self._end()
        elif not ended:
            ended = self._wait(time.monotonic() + self._request.grace, in_a_hurry=True) or self._left_behind()
        self._find_leader()
        if ended:
            self._finished(self._strace.wait())
        else:
            outcome.notes.append(f"strace ({self._strace.pid}) goes on: what it traces cannot be killed now")
            self._say(log.status_of(self._request.log, outcome.leader) or 0)
        return outcome

    def _left_behind(self) -> bool:
        """What lives on after the grace is ended; without a filter it need not be. Whether strace has ended."""
        self._outcome.left = ending.named(self._strace.pid)
        if self._filtered:
            return self._end()
        # Nobody depends on a strace without filter: they run on, and it has written each line that it has seen.
        self._outcome.left_running = bool(self._outcome.left)
        self._strace.kill()
        return self._wait(None)

    def _finished(self, code: int) -> None:
        """Take over how strace ended, which is how the command ended, unless that was our doing or another's."""
        outcome = self._outcome
        if self._filtered:
            ending.bereaved(self._request.log, self._strace_start)
        known = log.status_of(self._request.log, outcome.leader) if code < 0 and outcome.leader else None
        if outcome.left_running:
            code = known or 0
        elif outcome.leader and not self._leader_ended() or code < 0 and known != code and not self._meter.is_full():
            self._kill_leader()
            raise diagnose.killed(code)
        self._say(code)

    def _kill_leader(self) -> None:
        """It would go on, with calls that fail."""
        if self._leader_fd is not None:
            tracing.send(self._leader_fd, signal.SIGKILL)

    def _say(self, code: int) -> None:
        self._outcome.status = code if code >= 0 else 128 - code
        self._outcome.signal = max(0, -code)

    def _end(self) -> bool:
        grace = 0.0 if self._hurry else self._request.grace
        return ending.end(self._strace.pid, grace,
                          lambda seconds: self._wait(time.monotonic() + seconds, in_a_hurry=True))

    def _wait(self, deadline: float | None, until_leader_ends: bool = False, in_a_hurry: bool = False) -> bool:
        """Until strace has ended (True), the deadline, the command's end, or a signal that wants us to end."""
        while not tracing.ended(self._strace_fd):
            self._find_leader()
            self._meter.tell()
            now = time.monotonic()
            over = deadline is not None and now >= deadline
            if over or in_a_hurry and self._hurry or until_leader_ends and self._leader_ended():
                return False
            self._poll(self._pause(deadline, now), until_leader_ends)
        return True

    def _pause(self, deadline: float | None, now: float) -> float:
        """Seconds until something must be looked at."""
        pause = self._meter.due() if self._outcome.leader else _SOON
        return pause if deadline is None else min(pause, max(0.0, deadline - now))

    def _poll(self, seconds: float, with_leader: bool) -> None:
        """Wait so long for anything."""
        poll = select.poll()
        for fd in (self._strace_fd, self._signals.fd, self._leader_fd if with_leader else None):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        if any(fd == self._signals.fd for fd, _ in poll.poll(int(seconds * 1000) + 1)):
            self._relay()

    def _relay(self) -> None:
        self._find_leader()
        for number in self._signals.arrived():
            self._outcome.ending = self._outcome.ending or number in relay.ENDING
            self._hurry = self._hurry or (self._leader_ended() and number in relay.ENDING)
            if relay.for_us_alone(number):
                self._waiting.append(number)
            if number in relay.ENDING and self._outcome.leader and tracing.is_stopped(self._outcome.leader):
                self._waiting.append(signal.SIGCONT)  # no shell can continue it, so nothing would ever end it
        self._send()

    def _send(self) -> None:
        if self._leader_fd is not None:
            while self._waiting:
                tracing.send(self._leader_fd, self._waiting.pop(0))

    def _find_leader(self) -> None:
        if self._outcome.leader:
            return
        self._outcome.leader = log.first_pid(self._request.log)
        if self._outcome.leader:
            self._leader_fd = tracing.open_traced(self._outcome.leader, self._strace.pid)
            self._send()

    def _leader_ended(self) -> bool:
        """Whether the command has ended: its pid is known, and nobody has it, or only as a zombie."""
        return bool(self._outcome.leader) and (self._leader_fd is None or tracing.ended(self._leader_fd))
