"""Whether a remedy works: the program touches /tmp without it, does not with it, and still does its job.

Of an entry with the remedy `none` one run has to show that there is nothing to do. What a person has to change
(configuration), and what must stay shared, cannot be proved.
"""
from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from pam_mktemp_py import expand, paths
from pam_mktemp_py.detect.model import ANONYMOUS, KNOB, TOLD, Finding
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.prove.session import SECONDS, Place, Seen, Step, place_for, traced
from pam_mktemp_py.remedies import catalogue, installed
from pam_mktemp_py.remedies.entry import BIND, ENVIRONMENT, LAUNCHER, NONE, Check, Entry
from pam_mktemp_py.tracer import environment

PROVED, FAILED, SKIPPED = "proved", "failed", "skipped"


@dataclass
class Result:
    """`state` is PROVED, FAILED or SKIPPED, `why` a sentence; `before` and `after` are names in shared directories
    that were touched without and with the remedy, None where there was no such run."""

    entry: Entry
    state: str
    why: str
    version: str = ""
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


class _Fault(Exception):
    """Why a run proves nothing."""


def verify(entry: Entry, members: Iterable[Entry], user: Account | None, run_fresh: tuple[str, ...]) -> Result:
    """Prove one entry as `user` (None: who we are).

    `members` are the entries of its group, whose remedies are in force with it; `run_fresh` are the words before a
    command that run it with an empty private /tmp. TraceError, OSError.
    """
    here = installed.look(entry, environment.path(user.uid if user else os.getuid()))
    members = [entry, *(member for member in members if member.name != entry.name)]
    if entry.check is None or (why := _skipped(entry, here)):
        return Result(entry, SKIPPED, "it has no check" if entry.check is None else why)
    result = Result(entry, PROVED, "", here.version)
    try:
        _prove(result, entry.check, members, user, run_fresh)
    except _Fault as fault:
        result.state, result.why = FAILED, str(fault)
    except KeyError as missing:
        result.state, result.why = FAILED, f"${missing.args[0]} has no value in the session"
    return result


def _skipped(entry: Entry, here: installed.Here) -> str:
    """Why there is nothing to run; "" if there is."""
    if entry.remedy.kind not in (ENVIRONMENT, LAUNCHER, BIND, NONE):
        return f"the remedy {entry.remedy.kind} is a person's to apply"
    if not here.program:
        packages = " ".join(entry.check.packages if entry.check else ())
        return f"it is not here; run: apt-get install {packages}" if packages else "it is not here"
    if not here.applies:
        return f"{here.version or 'no version'} is here, not {entry.recognise.versions}"
    return ""


def _prove(result: Result, check: Check, members: list[Entry], user: Account | None,
           run_fresh: tuple[str, ...]) -> None:
    """The runs, and what they say; `members` has the entry itself. _Fault, KeyError."""
    entry = result.entry
    seen = _run(check, [], user, ())
    result.before = _names(faults(seen, members))
    _worked(check, seen, "without the remedy" if entry.remedy.kind != NONE else "")
    if entry.remedy.kind == NONE:
        result.why = _nothing_to_do(entry, seen)
        return
    _touches(check, faults(seen, members))
    wrap = run_fresh if entry.remedy.kind == BIND else ()
    if wrap:
        begin(wrap, user)
    seen = _run(check, members, user, wrap)
    result.after = _names(faults(seen, members))
    _worked(check, seen, "with the remedy")
    if result.after:
        raise _Fault(f"with the remedy it still uses {result.after[0]}")
    result.why = f"{result.before[0]} is no longer used"


def begin(run_fresh: tuple[str, ...], user: Account | None) -> None:
    """As root `pam-mktemp run` makes what is missing of ours, and of X11's directories: not in a run that is traced."""
    if user is None:
        subprocess.run([*run_fresh, "true"], stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=SECONDS)


def values_in(place: Place, user: Account | None, wrapped: bool) -> dict[str, str]:
    """What $TMPDIR and the like stand for in a session; `wrapped`: it sees a private /tmp.

    There is no XDG_RUNTIME_DIR in it, since most programs then do as they do without one: the value is HOME, which is
    the account's alone too.
    """
    return {"TMPDIR": "/tmp" if wrapped else place.tmpdir, "HOME": place.home, "XDG_RUNTIME_DIR": place.home,
            "UID": str(user.uid if user else os.getuid()), "USER": user.name if user else "root"}


def _run(check: Check, remedied: list[Entry], user: Account | None, wrap: tuple[str, ...]) -> Seen:
    """The check's commands, with the remedies of `remedied`."""
    with place_for(user) as place:
        values = values_in(place, user, bool(wrap))
        steps = [step_of(words, remedied, values) for words in check.commands]
        return traced(steps, place, user, wrap)


def step_of(words: tuple[str, ...], remedied: Iterable[Entry], values: dict[str, str]) -> Step:
    """A command of a check with remedies: variables for the session, and for the programs that they are about.
    KeyError, with its name, for a value that the session has not.
    """
    program, *arguments = (expand.expand(word, values) for word in words)
    variables: dict[str, str] = {}
    unset: tuple[str, ...] = ()
    for entry in remedied:
        remedy = entry.remedy
        meant = os.path.basename(program) in entry.recognise.names
        if remedy.kind == ENVIRONMENT or (meant and remedy.kind in (LAUNCHER, BIND)):
            variables |= {name: expand.expand(value, values) for name, value in remedy.set.items()}
            unset += remedy.unset
            if meant:
                arguments = [*(expand.expand(word, values) for word in remedy.arguments), *arguments]
    return Step((program, *arguments), variables, unset)


def faults(seen: Seen, entries: Iterable[Entry] = ()) -> list[Finding]:
    """What was found of the programs of `entries` and of what they started, of all without any.

    Our own directory is not the program's: `pam-mktemp run` looks after it.
    """
    ours, entries = f"{paths.BASE}/{paths.PRIVATE}", tuple(entries)
    return [finding for finding in seen.verdict.findings
            if finding.kind not in TOLD and finding.example != ours and not finding.example.startswith(f"{ours}/")
            and (not entries or any(catalogue.recognises(entry, program) for entry in entries
                                    for program in (finding.program, *finding.chain)))]


def _names(faults: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.path for finding in faults))


def _worked(check: Check, seen: Seen, when: str) -> None:
    """_Fault if the program did not do its job, or the trace does not show all of it."""
    when = f" {when}" if when else ""
    if seen.gaps:
        raise _Fault(f"{seen.gaps}{when}")
    done = len(seen.statuses)
    if done < len(check.commands) or any(seen.statuses):
        failed = check.commands[max(done - 1, 0)]
        status = seen.statuses[-1] if seen.statuses else "nothing"
        said = " ".join((seen.said or seen.output[-300:]).split())
        raise _Fault(f"{failed[0]} ended with {status}{when}: {said or 'no message'}")
    if check.output and not re.search(check.output, seen.output, re.M):
        raise _Fault(f"{check.commands[-1][0]} printed something else than {check.output!r}{when}")


def _touches(check: Check, found: list[Finding]) -> None:
    examples = [finding.example for finding in found]
    if not examples:
        raise _Fault("without the remedy it uses no shared directory: there is nothing to remedy")
    if check.touches and not any(re.search(check.touches, example) for example in examples):
        raise _Fault(f"without the remedy it uses {examples[0]}, and not what {check.touches!r} matches")


def _nothing_to_do(entry: Entry, seen: Seen) -> str:
    found = faults(seen)
    others = [finding for finding in found if finding.kind != ANONYMOUS or entry.kind != ANONYMOUS]
    if others:
        raise _Fault(f"it uses {others[0].example}, so there is something to remedy")
    if entry.kind == ANONYMOUS and not found:
        raise _Fault("it opens no file without a name in a shared directory")
    if entry.kind == KNOB and not any(program.private for program in seen.verdict.programs):
        raise _Fault("it makes nothing in TMPDIR either, so that its check shows nothing")
    return "files without a name only" if found else "no shared directory is used"
