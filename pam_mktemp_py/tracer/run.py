"""Runs a command under strace, as if it ran alone: its input, output, terminal, signals and exit status are its own."""
from __future__ import annotations

import os
import shlex

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.tracer import diagnose, environment, log
from pam_mktemp_py.tracer.meter import Meter, OnProgress
from pam_mktemp_py.tracer.relay import Signals
from pam_mktemp_py.tracer.request import Outcome, Request
from pam_mktemp_py.tracer.start import Started, start
from pam_mktemp_py.tracer.watch import Watch


def run(request: Request, on_progress: OnProgress | None = None) -> Outcome:
    """Trace the command to its end; its log is then in `request.log`, with mode 0600.

    `on_progress` is called about twice a second, from here. TraceError: there was no trace, and the command did not
    run or (if strace itself was killed) was ended.
    """
    if request.user is not None and os.geteuid() not in (0, request.user.uid):
        raise TraceError(request.user.name, "only root can run a command as another user", "leave the user out")
    variables = environment.of(request.tmpdir, request.user, environment.own(request.base), dict(request.extra))
    meter = Meter(request.log, on_progress)
    with Signals() as signals:
        started = _start(request, variables)
        try:
            with Watch(request, started.process, started.filtered, signals, meter) as watch:
                outcome = watch.until_end()
        finally:
            if started.supervisor:
                started.supervisor.close()
    outcome.filtered, outcome.setuid_kept = started.filtered, started.setuid_kept
    outcome.notes += started.notes
    _check(request, outcome, started.process.returncode)
    if sentence := meter.cut():
        outcome.notes.append(sentence)
    return outcome


def _start(request: Request, variables: dict[str, str]) -> Started:
    try:
        return start(request, variables)
    except OSError as error:  # E2BIG, ENOMEM, EAGAIN
        raise TraceError("strace", f"it cannot be started: {error.strerror}", "") from error


def _check(request: Request, outcome: Outcome, code: int) -> None:
    """TraceError if the command never ran."""
    if not outcome.leader:
        raise diagnose.nothing_written(request.log, code)
    failed = log.not_executed(request.log)
    if failed is not None:
        name, text = failed
        hint = "it has no #! line: name its interpreter before it" if name == "ENOEXEC" else "see what it is with: file"
        raise TraceError(shlex.join(request.command[:1]), f"it could not be executed: {text}", hint)
