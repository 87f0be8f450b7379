"""What of the catalogue is here, and in which version: programs in PATH, asked by the entry's own command."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pam_mktemp_py import paths
from pam_mktemp_py.pamstack import places
from pam_mktemp_py.remedies import catalogue, versions
from pam_mktemp_py.remedies.entry import Entry

BESIDE = ("/usr/local/sbin", "/usr/sbin", "/sbin")
USUAL = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/games")  # of logins, whatever our own PATH is
SHIMS = paths.SHIMS + "/bin"  # in PATH there are names of the launcher, which are not the programs
SECONDS = 5.0  # for a program to tell its version
_AT_ONCE = 4
_VERSION = ".0123456789"  # python3, python3.11


@dataclass(frozen=True)
class Here:
    """The program's path, "" if it is not here; its version, "" if it tells none; whether the entry is meant for it."""

    program: str = ""
    version: str = ""
    applies: bool = True


def find(entry: Entry, path: str | None = None) -> str:
    """The first program in PATH (`path` instead of it), then in root's folders, that the entry means; "" for none.

    One that the entry names by its whole path need not lie there.
    """
    folders = (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep)
    for name in entry.recognise.names:
        for folder in [*folders, *(BESIDE if path is None else ())]:
            program = os.path.join(folder, name)
            if folder.startswith("/") and folder != SHIMS and is_of(entry, program):
                return program
    return next((each for each in map(catalogue.literal, entry.recognise.paths) if is_of(entry, each)), "")


def names(entry: Entry, path: str | None = None) -> list[str]:
    """Those of the entry's names that a program has here, in PATH (`path` instead of it), where they usually lie, or
    where the entry itself says.
    """
    path = os.environ.get("PATH", "") if path is None else path
    folders = {folder for folder in (*path.split(os.pathsep), *USUAL, *BESIDE)
               if folder.startswith("/") and folder != SHIMS}
    literal = [catalogue.literal(each) for each in entry.recognise.paths]
    named = {os.path.basename(each) for each in literal if is_of(entry, each)}
    return [name for name in entry.recognise.names
            if name in named or any(is_of(entry, f"{folder}/{name}") for folder in folders)]


def is_of(entry: Entry, program: str) -> bool:
    """Whether the program can be run and is what the entry means, as name, path and first line tell."""
    return catalogue.recognises(entry, program) and os.path.isfile(program) and os.access(program, os.X_OK) and (
        not entry.recognise.interpreter or _interpreter(program) == entry.recognise.interpreter.rstrip(_VERSION))


def _interpreter(program: str) -> str:
    """Base name of what runs a script, behind env(1) too, without its version; "" for what is no script."""
    try:
        with open(program, "rb") as file:
            words = os.fsdecode(file.readline(256)).split()
    except OSError:
        return ""
    if not words or not words[0].startswith("#!"):
        return ""
    named = [word for word in [words[0].removeprefix("#!"), *words[1:]] if word and not word.startswith("-")]
    while len(named) > 1 and (os.path.basename(named[0]) == "env" or "=" in named[0]):
        del named[0]
    return os.path.basename(named[0]).rstrip(_VERSION) if named else ""


def look(entry: Entry, path: str | None = None) -> Here:
    """One entry, as find() has it. A program that does not answer in time, or not with a number, has no version."""
    program = find(entry, path)
    command = entry.recognise.version
    if not program or not command:
        return Here(program, applies=bool(program))
    folders = os.environ.get("PATH", os.defpath) if path is None else path
    version = _asked([program if command[0] in entry.recognise.names else command[0], *command[1:]],
                     [folder for folder in folders.split(os.pathsep) if folder.startswith("/") and folder != SHIMS])
    comparisons = entry.recognise.versions
    return Here(program, version, not comparisons or (bool(version) and versions.holds(comparisons, version)))


def look_at_all(entries: Iterable[Entry], path: str | None = None) -> dict[str, Here]:
    """Each by its name: some at a time, since each waits for a program."""
    entries = list(entries)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip((entry.name for entry in entries), pool.map(lambda entry: look(entry, path), entries)))


def _asked(command: list[str], folders: list[str]) -> str:
    """The version that a command tells, "" if none. As root nothing is run that another account could have put there,
    nor finds such a thing in PATH: after su without - that is the other's, whose tmux need not be one.
    """
    as_root = os.geteuid() == 0
    path = os.pathsep.join(folder for folder in folders if not (as_root and places.fault(folder, there=True)))
    program = shutil.which(command[0], path=path)
    if not program or (as_root and places.fault(program, there=True)):
        return ""
    environment = {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    environment |= {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
    try:
        done = subprocess.run([program, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, cwd="/", env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return versions.first(done.stdout.decode("utf-8", "replace"))
