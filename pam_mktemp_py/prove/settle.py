"""A remedy that was found by trial gets its check, and is proved by it as any other entry of the catalogue."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.prove import entry_file, new_entry, verify
from pam_mktemp_py.prove.fix import Fix
from pam_mktemp_py.prove.trial import Command
from pam_mktemp_py.prove.verify import PROVED, Result
from pam_mktemp_py.remedies import schema
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.tracer import environment


@dataclass(frozen=True)
class Settled:
    """An entry as it can be stored: its text, its proof, and why it has no check ("" if it has one)."""

    program: str
    entry: Entry
    text: str
    proof: Result
    unchecked: str = ""


def settled(found: Fix, command: Command, packages: Callable[[str], Sequence[str]]) -> tuple[list[Settled], str]:
    """What can be stored of a remedy that was found, and why nothing can ("" if something can).

    `packages` are the system's that a program's file is of. TraceError, OSError.
    """
    for program in found.programs:
        if why := new_entry.why_none(program):
            return [], f"{program}: {why}"
    words = _anywhere(command)
    entries = {}
    for program, entry in found.entries.items():
        mine = [each for each in found.findings if each.program == program]
        entries[program] = replace(entry, check=new_entry.check_for(words, mine[0], packages(program)))
    results = {program: verify.verify(entry, entries.values(), command.user, command.run_fresh)
               for program, entry in entries.items()}
    try:
        return [_one(program, entries[program], result) for program, result in results.items()], ""
    except (ConfigError, TypeError) as error:
        return [], f"it cannot be written down: {error}"


def _one(program: str, entry: Entry, result: Result) -> Settled:
    """ConfigError, TypeError if the text would be refused when it is read."""
    unchecked = "" if result.state == PROVED else result.why
    if unchecked:
        entry = replace(entry, check=None)
        result = Result(entry, PROVED, "the command itself has shown it")
    text = entry_file.text(entry)
    schema.read(entry.name, entry.file, text.encode(), site=True)
    return Settled(program, entry, text, replace(result, entry=entry), unchecked)


def _anywhere(command: Command) -> tuple[str, ...]:
    """The command's words for another folder and another PATH: the program by its whole path, where that is needed."""
    first, *rest = command.words
    login = environment.path(command.user.uid if command.user else os.getuid())
    if "/" in first:
        first = os.path.abspath(first)
    elif shutil.which(first, path=login) is None:
        now = environment.of("", command.user, os.environ, {}).get("PATH", os.defpath)
        first = shutil.which(first, path=now) or first
    return first, *rest
