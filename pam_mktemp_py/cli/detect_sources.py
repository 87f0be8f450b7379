"""What `pam-mktemp detect` traces: a command, processes that run already, or a log that was recorded before."""
from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click

from pam_mktemp_py.cli import facts
from pam_mktemp_py.cli.detect_traces import Traced, clean, file_pieces, nothing, read, watched
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.detect.model import SHARED, Context
from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.pamstack.signals import as_interrupts
from pam_mktemp_py.strace.reader import NotStrace, Reader
from pam_mktemp_py.tracer import folder, keep, view
from pam_mktemp_py.tracer.recorded import Log
from pam_mktemp_py.tracer.request import Outcome, Progress, Request
from pam_mktemp_py.tracer.run import run

_COMM = 15  # characters of a process's name (proc(5), comm)
_QUIET = 5.0  # s before progress is shown


@dataclass
class Wanted:
    """The words of the command line."""

    command: tuple[str, ...]
    user: str | None
    tmpdir: str | None
    timeout: float | None
    runs: int
    keep: str | None
    pids: tuple[int, ...]
    trace: str | None
    watch: tuple[str, ...]
    wrapper: bool
    all_calls: bool


def trace(wanted: Wanted, settings: Settings) -> tuple[list[Traced], Context]:
    """Trace, read and count what is wanted; a Context that fits all of it. TraceError, NotStrace, Refused, OSError."""
    with as_interrupts():  # else a SIGTERM or a lost connection would leave the folders behind
        if wanted.trace is not None:
            return _recorded(wanted, settings)
        return _attached(wanted, settings) if wanted.pids else _command(wanted, settings)


def _shared(wanted: Wanted) -> tuple[str, ...]:
    return clean((*SHARED, *wanted.watch))


def _recorded(wanted: Wanted, settings: Settings) -> tuple[list[Traced], Context]:
    tmpdir = os.path.normpath(str(wanted.tmpdir))
    base, _, user = os.path.normpath(str(wanted.tmpdir).removesuffix("/tmp")).rpartition("/")
    context = Context(tmpdir, tuple(dict.fromkeys((*SHARED, *map(os.path.normpath, wanted.watch)))),
                      wrapper=wanted.wrapper, now=time.time(),
                      users=frozenset({user} if base.endswith("/.private") else ()))
    log = Log(str(wanted.trace))
    try:
        with _bar(log, settings) as pieces:
            traced = read(pieces, context, Reader(watch=watched(context)))
    except NotStrace as error:
        where = log.name + (f":{error.line}" if error.line else "")
        raise TraceError(where, error.what, error.hint) from error
    finally:
        log.close()
    return [traced], context


@contextlib.contextmanager
def _bar(log: Log, settings: Settings) -> Iterator[Iterable[bytes]]:
    """The pieces of a log, with a bar on a terminal where it is a long one."""
    if settings.verbosity < 0 or not sys.stderr.isatty() or log.size < 50 << 20:
        yield log.pieces()
        return
    with click.progressbar(length=log.size, label="reading", file=sys.stderr) as bar:
        def pieces() -> Iterator[bytes]:
            for piece in log.pieces():
                bar.update(max(0, log.read - bar.pos))
                yield piece
        yield pieces()


def _command(wanted: Wanted, settings: Settings) -> tuple[list[Traced], Context]:
    user = facts.known(wanted.user) if wanted.user is not None else None
    if user is not None and os.geteuid() not in (0, user.uid):
        raise TraceError(user.name, "only root can run a command as another user", "leave --user out, or use sudo")
    shared = _shared(wanted)
    uid, gid = (user.uid, user.gid) if user else (os.getuid(), os.getgid())
    context = Context("", shared, cwd=os.getcwd(), typed=wanted.command, wrapper=wanted.wrapper,
                      uids=frozenset({uid}), users=frozenset(_names(user)), secure=view.secure_for({uid}, {gid}),
                      folder=view.closed_for({uid}),
                      private=view.private_directories(None, shared), now=time.time())
    traces = []
    for number in range(1, wanted.runs + 1):
        target = wanted.keep and (f"{wanted.keep}.{number}" if wanted.runs > 1 else wanted.keep)
        traced, context = _once(wanted, settings, user, context, target)
        traces.append(traced)
    return traces, context


def _names(user: Account | None) -> list[str]:
    if user is not None:
        return [user.name]
    name = facts.name_of(os.getuid())
    return [name] if name else []


def _once(wanted: Wanted, settings: Settings, user: Account | None, context: Context,
          target: str | None) -> tuple[Traced, Context]:
    if target:
        keep.check(target)
    with folder.log_folder() as logs, _tmpdir(wanted, user) as private:
        context = Context(**{**_fields(context), "tmpdir": private.path})
        request = Request(wanted.command, private.path, os.path.join(logs, "log"), user, wanted.timeout,
                          everything=wanted.all_calls)
        started = time.monotonic()
        outcome = run(request, _progress(settings))
        seconds = time.monotonic() - started
        if outcome.left_running and outcome.left:
            private.keep = f"{outcome.left[0][1]} ({outcome.left[0][0]}) runs on and may use it"
        traced = read(file_pieces(request.log), context, Reader(watch=watched(context), cwd=context.cwd))
        kept = _keep(request.log, target)
    _told(traced, outcome, seconds, private.left)
    traced.unit = _daemon(outcome, traced)
    traced.notes += private.notes + kept
    if not outcome.setuid_kept and traced.secure:
        traced.notes.append(f"{', '.join(traced.secure[:5])}: ran without setuid, setgid or capabilities, as under any "
                            "tracer that is not root's; run it as root with --user to see what it really does")
    return traced, context


def _fields(context: Context) -> dict[str, Any]:
    return {name: getattr(context, name) for name in context.__dataclass_fields__}


@contextlib.contextmanager
def _tmpdir(wanted: Wanted, user: Account | None) -> Iterator[folder.Private]:
    """The directory that TMPDIR names. UsageError if the one that was asked for is none."""
    if not wanted.tmpdir:
        with folder.private_folder(user) as private:
            yield private
        return
    if not os.path.isdir(wanted.tmpdir):
        raise click.BadParameter(f"there is no directory {wanted.tmpdir!r}", param_hint="--tmpdir")
    yield folder.Private(os.path.realpath(wanted.tmpdir))


def _told(traced: Traced, outcome: Outcome, seconds: float, left: list[str]) -> None:
    """Keep what came of the run beside what the log says."""
    found = asdict(outcome)
    traced.status = outcome.status
    traced.notes += outcome.notes
    traced.run = {name: found[name] for name in ("status", "signal", "timed_out", "filtered", "setuid_kept")} | {
        "seconds": round(seconds, 3), "left": [{"pid": pid, "program": name} for pid, name in outcome.left],
        "left_in_tmpdir": left}


def _keep(log: str, target: str | None) -> list[str]:
    """Keep the log; if it cannot be, that is a note: what was found is not lost for it."""
    if target:
        try:
            keep.keep(log, target)
        except TraceError as error:
            return [str(error)]
    return []


def _daemon(outcome: Outcome, traced: Traced) -> str:
    """The service that a process left behind most likely is one of, if it was found to do something; else ""."""
    found = {os.path.basename(facts.program)[:_COMM] for facts in traced.counted.facts}
    return next((f"{name}.service" for _, name in outcome.left if name in found), "")


def _progress(settings: Settings) -> Any:
    """Where the command does not use the terminal itself: how long it runs, and how much it does."""
    if settings.verbosity < 0 or not sys.stderr.isatty() or sys.stdin.isatty():
        return None

    def show(progress: Progress) -> None:
        if progress.elapsed >= _QUIET:
            text = f"pam-mktemp: traced for {progress.elapsed:.0f} s, {progress.size / 1e6:.1f} MB of log"
            click.echo(f"\r{text}", err=True, nl=False)

    return show


def _attached(wanted: Wanted, settings: Settings) -> tuple[list[Traced], Context]:
    from pam_mktemp_py.tracer.attach import attach  # here: no other way needs it
    found = [view.running(pid) for pid in wanted.pids]
    tmpdir = wanted.tmpdir or next((each.tmpdir for each in found if each.tmpdir), "") or ""
    shared = _shared(wanted)
    private = frozenset.intersection(*(view.private_directories(pid, shared) for pid in wanted.pids))
    uids = frozenset(each.uid for each in found)
    names = [name for name in map(facts.name_of, uids) if name]
    context = Context(os.path.normpath(tmpdir) if tmpdir else "", shared, uids=uids, users=frozenset(names),
                      secure=view.secure_for(uids, {each.gid for each in found}), folder=view.closed_for(uids),
                      private=private, now=time.time())
    if wanted.keep:
        keep.check(wanted.keep)
    with folder.log_folder() as logs:
        log = os.path.join(logs, "log")
        started = time.monotonic()
        if settings.verbosity >= 0:
            click.echo(f"pam-mktemp: watching {', '.join(map(str, wanted.pids))}; end with Ctrl-C", err=True)
        outcome = attach(wanted.pids, log, wanted.timeout, everything=wanted.all_calls,
                         on_progress=_progress(settings))
        reader = Reader(watch=watched(context))
        for each in found:
            reader.seed(each.pid, each.program, each.argv, each.cwd)
        traced = read(file_pieces(log), context, reader) if os.path.getsize(log) else nothing()
        kept = _keep(log, wanted.keep)
    traced.notes += kept
    _told(traced, outcome, time.monotonic() - started, [])
    traced.unit = next((each.unit for each in found if each.unit), "")
    if not tmpdir:
        traced.notes.append("the process has no TMPDIR (or only root may see it): name one with --tmpdir")
    return [traced], context
