"""One traced session: commands one after the other, under a TMPDIR of their own, and mostly a HOME of their own."""
from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pam_mktemp_py.detect.judge import Judge, judged
from pam_mktemp_py.detect.model import SHARED, Context, Lookup, Verdict, nothing_known
from pam_mktemp_py.linux.accounts import Account, canonical_name
from pam_mktemp_py.strace.reader import Reader
from pam_mktemp_py.tracer import environment, folder, view
from pam_mktemp_py.tracer.request import Outcome, Request
from pam_mktemp_py.tracer.run import run

SECONDS = 60.0  # for all commands of a session
PYTHON = "/usr/bin/python3"
LONGEST = 1 << 16  # of what a command prints
_PIECE = 1 << 18
_STATUS = re.compile(r"-?\d{1,3}", re.ASCII)
# Waits for each command, not for what it leaves behind; the first one that fails is the last one. Each has a session
# of its own, so that none has root's terminal: it could type there (TIOCSTI).
_DRIVER = """
import json, os, subprocess, sys
steps, home, folder = json.loads(sys.argv[1]), *sys.argv[2:]
if home:
    os.chdir(home)
for number, step in enumerate(steps):
    variables = {name: value for name, value in os.environ.items() if name not in step["unset"]} | step["set"]
    with open(f"{folder}/.verify-{number}.out", "wb") as out, open(f"{folder}/.verify-{number}.err", "wb") as err:
        try:
            status = subprocess.run(step["words"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                    env=variables, start_new_session=True).returncode
        except OSError as error:
            err.write(str(error).encode())
            status = 127
        except KeyboardInterrupt:
            sys.exit(130)
    with open(f"{folder}/.verify-status", "a") as file:
        file.write(f"{status}\\n")
    if status:
        break
"""


@dataclass(frozen=True)
class Step:
    """One command; `set` and `unset` are for it alone."""

    words: tuple[str, ...]
    set: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manner:
    """How a session differs from one of a catalogue's check.

    `own`: in the current directory, with the caller's environment (or that of the user's login), as `detect` runs a
    command; else in a HOME of its own, with next to no variables. `typed`: words that a person typed. `known` is
    asked of what is found.
    """

    own: bool = False
    typed: tuple[str, ...] = ("verify",)
    seconds: float = SECONDS
    known: Lookup = nothing_known


CHECK = Manner()


@dataclass(frozen=True)
class Seen:
    """What came of it: the exit status of each command that ran, what the last one printed, and the verdict.

    `said` is the end of that one's standard error. `gaps` says in words what the trace did not show, "" for nothing.
    `left` are the programs that ran on behind the commands, and were ended.
    """

    statuses: tuple[int, ...]
    output: str
    said: str
    verdict: Verdict
    gaps: str
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """The two directories of a session that begins; `home_fd` is open on the first one."""

    home: str
    tmpdir: str
    home_fd: int


@contextmanager
def place_for(user: Account | None) -> Iterator[Place]:
    """Both, empty. HOME is not in /tmp, so that it is seen in a private one as well. TraceError."""
    with folder.private_folder(user, "/var/tmp") as home, folder.private_folder(user) as tmpdir:
        yield Place(home.path, tmpdir.path, home.fd)


def traced(steps: list[Step], place: Place, user: Account | None, wrap: tuple[str, ...] = (),
           manner: Manner = CHECK) -> Seen:
    """Run them as `user` (None: who we are); `wrap` are the words before them all. TraceError, OSError.

    KeyboardInterrupt if a signal came meanwhile that ends a program: it is us whom it was meant for.
    """
    uid, gid = (user.uid, user.gid) if user else (os.getuid(), os.getgid())
    name = user.name if user else canonical_name(uid) or str(uid)
    context = Context(place.tmpdir, SHARED, cwd=os.getcwd() if manner.own else place.home, typed=manner.typed,
                      uids=frozenset({uid}), users=frozenset({name}), secure=view.secure_for({uid}, {gid}),
                      folder=view.closed_for({uid}), private=view.private_directories(None, SHARED), now=time.time())
    with folder.log_folder() as logs:
        request = _request(steps, place, user, wrap, manner, name, f"{logs}/log")
        outcome = run(request)
        if outcome.ending:
            raise KeyboardInterrupt
        reader = Reader(watch=(*SHARED, place.tmpdir), cwd=context.cwd)
        judge = Judge(context, reader.pids)
        with open(request.log, "rb", buffering=0) as log:
            judge.add_all(reader.events(iter(lambda: log.read(_PIECE), b"")))
        verdict = _without(judged([judge.end()], manner.known), place.home)
    gaps = [text for text, missing in (
        ("it took too long", outcome.timed_out), ("lines of the trace could not be read", reader.unread_count),
        ("the trace is cut", reader.cut), ("findings were dropped", verdict.dropped)) if missing]
    return _seen(place.home, verdict, "; ".join(gaps), outcome)


def _request(steps: list[Step], place: Place, user: Account | None, wrap: tuple[str, ...], manner: Manner, name: str,
             log: str) -> Request:
    words = [{"words": step.words, "set": dict(step.set), "unset": step.unset} for step in steps]
    command = (*wrap, PYTHON, "-I", "-S", "-B", "-c", _DRIVER, json.dumps(words),
               "" if manner.own else place.home, place.home)
    if manner.own:
        return Request(command, place.tmpdir, log, user, manner.seconds)
    base = {name: os.environ[name] for name in ("TERM", "LANG") if name in os.environ}
    base["PATH"] = environment.path(user.uid if user else os.getuid())
    return Request(command, place.tmpdir, log, user, manner.seconds, base=base,
                   extra=(("HOME", place.home), ("USER", name), ("LOGNAME", name)))


def _without(verdict: Verdict, folder: str) -> Verdict:
    """What lies in a folder of ours is our doing."""
    return replace(verdict, findings=[each for each in verdict.findings
                                      if each.example != folder and not each.example.startswith(f"{folder}/")])


def _seen(folder: str, verdict: Verdict, gaps: str, outcome: Outcome) -> Seen:
    statuses = tuple(int(line) for line in _text(f"{folder}/.verify-status").split() if _STATUS.fullmatch(line))
    last = max(len(statuses) - 1, 0)
    output, said = (_text(f"{folder}/.verify-{last}.{end}") for end in ("out", "err"))
    return Seen(statuses, output, said[-300:], verdict, gaps, tuple(sorted({name for _, name in outcome.left})))


def _text(path: str) -> str:
    """A file in a folder of the account's, which could have put anything there: regular, and cut short."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no command came so far
        return ""
    try:  # a directory cannot be read, and a FIFO that somebody holds has nothing to read
        return os.read(fd, LONGEST).decode("utf-8", "replace") if stat.S_ISREG(os.fstat(fd).st_mode) else ""
    finally:
        os.close(fd)
