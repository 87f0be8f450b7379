"""One command run again, with remedies and without: what it touches then, and whether it does as it did."""
from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pam_mktemp_py.detect.model import Finding, Lookup
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.prove import verify
from pam_mktemp_py.prove.session import LONGEST, Manner, Place, Seen, Step, place_for, traced
from pam_mktemp_py.remedies.entry import BIND, LAUNCHER, Entry
from pam_mktemp_py.tracer import environment

_SHIMS = ".shims"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Command:
    """What is run again and again: its words, as whom (None: who we are), and for how many seconds at most each time.

    `run_fresh` are the words before a command that run it with an empty private /tmp; `known` is the catalogue's.
    """

    words: tuple[str, ...]
    user: Account | None
    seconds: float
    run_fresh: tuple[str, ...]
    known: Lookup


@dataclass(frozen=True)
class Ran:
    """One run: what came of it, and the standard output without the name of its own TMPDIR.

    `missed` are the programs that no launcher in PATH was in the way of.
    """

    seen: Seen
    output: str
    missed: tuple[str, ...] = ()

    @property
    def status(self) -> int | None:
        """None: it did not end."""
        return self.seen.statuses[-1] if self.seen.statuses else None

    def faults(self, programs: Sequence[str] = ()) -> list[Finding]:
        """What was found of these programs, of all without any."""
        return [each for each in verify.faults(self.seen) if not programs or each.program in programs]


def run(command: Command, remedies: Mapping[str, Entry] | None = None) -> Ran:
    """Run it with `remedies`, entries by the path of the program that each is for. TraceError, OSError.

    KeyError, with its name, for a value that the session has not.
    """
    remedies = remedies or {}
    bound = any(entry.remedy.kind == BIND for entry in remedies.values())
    if bound:
        verify.begin(command.run_fresh, command.user)
    with place_for(command.user) as place:
        values = verify.values_in(place, command.user, bound)
        step = _step(command, remedies, values, place)
        manner = Manner(True, command.words, command.seconds, command.known)
        seen = traced([step], place, command.user, command.run_fresh if bound else (), manner)
        shims = _shimmed(command, remedies)
        reached = _by_name(shims, _path(command)).values()
        missed = [path for path in shims if path not in reached or not os.path.lexists(_mark(place, path))]
        return Ran(seen, seen.output.replace(place.tmpdir, "/tmp"), tuple(missed))


def _step(command: Command, remedies: Mapping[str, Entry], values: dict[str, str], place: Place) -> Step:
    """The command with what is set for all of it, and a PATH in which shims do the rest."""
    escaped = tuple(word.replace("$", "$$") for word in command.words)
    step = verify.step_of(escaped, remedies.values(), values)
    shims = _shimmed(command, remedies)
    if not shims:
        return step
    now = _path(command)
    # By descriptor: what is above HOME is the account's, which could lead a path to /usr/local/bin meanwhile.
    os.mkdir(_SHIMS, 0o700, dir_fd=place.home_fd)
    folder = os.open(_SHIMS, _OPEN, dir_fd=place.home_fd)
    try:
        os.fchmod(folder, 0o755)  # the umask is the caller's
        for path in _by_name(shims, now).values():
            _put_shim(folder, path, shims[path], values, _mark(place, path))
    finally:
        os.close(folder)
    return replace(step, set={**step.set, "PATH": f"{place.home}/{_SHIMS}:{now}"})


def _shimmed(command: Command, remedies: Mapping[str, Entry]) -> dict[str, Entry]:
    """The remedies that a launcher applies to programs which the command starts."""
    first = os.path.basename(command.words[0])
    return {path: entry for path, entry in remedies.items()
            if entry.remedy.kind in (LAUNCHER, BIND) and first not in entry.recognise.names}


def _path(command: Command) -> str:
    return environment.of("", command.user, os.environ, {}).get("PATH") or os.defpath


def _by_name(programs: Iterable[str], path: str) -> dict[str, str]:
    """Of programs of one name the one that PATH leads to, else the first: a shim can only lead to one of them."""
    found: dict[str, str] = {}
    for program in programs:
        name = os.path.basename(program)
        if name not in found or shutil.which(name, path=path) == program:
            found[name] = program
    return found


def _mark(place: Place, path: str) -> str:
    """The file that tells that the shim of a program was run."""
    return f"{place.home}/.used-{os.path.basename(path)}"


def _put_shim(folder: int, path: str, entry: Entry, values: dict[str, str], mark: str) -> None:
    """What pam-mktemp-launch does for a program, as a script; the private mount, if any, is the whole command's."""
    one = verify.step_of((path.replace("$", "$$"),), [entry], values)
    variables = [f"{name}={shlex.quote(value)}; export {name}" for name, value in one.set.items()]
    lines = ["#!/bin/sh", f": > {shlex.quote(mark)}", *(f"unset {name}" for name in one.unset), *variables,
             f'exec {shlex.join(one.words)} "$@"', ""]
    shim = os.open(os.path.basename(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o700,
                   dir_fd=folder)
    with open(shim, "wb") as file:
        file.write(os.fsencode("\n".join(lines)))
        os.fchmod(file.fileno(), 0o755)


def compared(first: Ran, second: Ran | None) -> str:
    """What two runs without any remedy allow to compare, in words; the output is if it was the same both times."""
    if second is None or not same_output(first, second):
        return "exit status" + ("" if second is None else " (the output differs from run to run)")
    cut = f" (its first {LONGEST} bytes)" if len(first.seen.output.encode()) >= LONGEST else ""
    return f"exit status and standard output{cut}"


def same_output(one: Ran, other: Ran) -> bool:
    """Whether both printed the same, but for the name of their TMPDIR."""
    return one.output == other.output


def noise(base: Ran, ran: Ran) -> str:
    """How a variable makes the program say more than without it, in words: in a whole session others would read that.

    "" if it does not. Of standard error the end is known: the number of its lines is compared.
    """
    more = ran.output and not base.output or len(ran.seen.said.splitlines()) > len(base.seen.said.splitlines())
    return "it prints more than without it" if more else ""


def differs(base: Ran, ran: Ran, with_output: bool) -> str:
    """How it did otherwise than without the remedy, in words; "" if it did not."""
    if ran.seen.gaps:
        return ran.seen.gaps
    if ran.missed:
        return f"{ran.missed[0]} is started by its path, where no launcher is in the way"
    if ran.status != base.status:
        said = " ".join((ran.seen.said or ran.seen.output[-300:]).split())
        return f"it ended with {ran.status}, not {base.status}: {said or 'no message'}"
    if with_output and not same_output(base, ran):
        return "its output was another one"
    return ""
