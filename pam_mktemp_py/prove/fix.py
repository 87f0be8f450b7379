"""From what a command's programs do in shared directories to a remedy that works for each: tried, the least one first.

A remedy works if with it nothing shared is touched by the program any more, and the command does as it did.
"""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.model import Finding
from pam_mktemp_py.prove import candidates, new_entry, trial
from pam_mktemp_py.prove.known_remedies import ENABLED_BY_SHIMS, Remedies, in_words
from pam_mktemp_py.prove.trial import Command, Ran
from pam_mktemp_py.remedies.catalogue import recognises
from pam_mktemp_py.remedies.entry import BIND, ENVIRONMENT, LAUNCHER, SHARE, Entry, Remedy
from pam_mktemp_py.tracer import environment

# KNOWN: a remedy of the catalogue works. FOUND: another one does. NOTHING is to be done. LEFT: nothing works.
KNOWN, FOUND, NOTHING, LEFT = "known", "found", "nothing", "left"
_STAGE = "only the session's own mount (stage bind) can help"


@dataclass
class Fix:
    """What was found out about one program, or about several that meet at one name.

    `findings` are without a remedy, worst first. `entries` are the remedy by the path of its program: the
    catalogue's (KNOWN) or made here (FOUND). `tried` are remedies in words, and what came of each.
    """

    programs: tuple[str, ...]
    findings: list[Finding]
    state: str = LEFT
    why: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    tried: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Of the remedy; "" if there is none."""
        return next((entry.remedy.kind for entry in self.entries.values()), "")


@dataclass
class Outcome:
    """`why` says why nothing was tried, "" if it was; `compared` what has to be the same with a remedy."""

    why: str = ""
    compared: str = ""
    fixes: list[Fix] = field(default_factory=list)
    left: tuple[str, ...] = ()


def fix(command: Command, remedies: Remedies, system: str, first: Ran | None = None) -> Outcome:
    """Run it without a remedy, then with one after the other. TraceError, OSError.

    `first` is a run before this one. It counts instead, if it went well and what it has left is in the way of others:
    a program that makes a fixed name with O_EXCL works once.
    """
    base = trial.run(command)
    why = _unfit(base)
    left = [each.example for each in first.faults() if each.left and os.path.lexists(each.example)] if first else []
    if why and first and left and not _unfit(first):
        search = _Search(command, remedies, system, first, None)
        return Outcome("", f"exit status (with that of the first run: {left[0]} is in the way of the others)",
                       [search(findings) for findings in grouped(first.faults())], base.seen.left)
    if why:
        return Outcome(why, left=base.seen.left)
    groups = grouped(base.faults())
    again = trial.run(command) if base.output and groups else None
    with_output = again is not None and trial.same_output(base, again)
    search = _Search(command, remedies, system, base, with_output)
    return Outcome("", trial.compared(base, again), [search(findings) for findings in groups], base.seen.left)


def _unfit(ran: Ran) -> str:
    """Why a run without a remedy is no measure, "" if it is one."""
    said = " ".join((ran.seen.said or ran.seen.output[-300:]).split()) or "no message"
    failed = f"without a terminal and input it ended with {ran.status}: {said}" if ran.status != 0 else ""
    return ran.seen.gaps or failed


def grouped(faults: list[Finding]) -> list[list[Finding]]:
    """The findings of each program; of those that touch the same name together. In the order of the worst one."""
    groups: list[list[Finding]] = []
    for finding in faults:
        mine = [group for group in groups
                if any(finding.program == each.program or finding.path == each.path for each in group)]
        joined = [each for group in mine for each in group] + [finding]
        groups = [group for group in groups if group not in mine] + [joined]
    order = {id(finding): number for number, finding in enumerate(faults)}
    for group in groups:
        group.sort(key=lambda each: order[id(each)])
    return sorted(groups, key=lambda group: order[id(group[0])])


class _Search:
    """Looks for one remedy after the other. Each is alone in force: a private /tmp would make others look good."""

    def __init__(self, command: Command, remedies: Remedies, system: str, base: Ran,
                 with_output: bool | None) -> None:
        """`with_output`: what is printed is the same each time; None: what `base` has printed is not known."""
        self.command, self.catalogue, self.system = command, remedies.catalogue, system
        self.base, self.with_output, self.known_output = base, bool(with_output), with_output is not None
        self.folders = environment.path(command.user.uid if command.user else os.getuid())
        self.taken = set(self.catalogue.entries)
        self.secure = {each.program for each in base.seen.verdict.programs if each.secure}

    def __call__(self, findings: list[Finding]) -> Fix:
        found = Fix(tuple(dict.fromkeys(each.program for each in findings)), findings)
        if {each.kind for each in findings} <= {model.ANONYMOUS}:
            found.state, found.why = NOTHING, "a file without a name can be attacked by nobody"
        elif not self._known(found) and not self._stop(found):
            self._new(found)
        return found

    def _known(self, found: Fix) -> bool:
        """Whether a remedy of the catalogue works, or says that it must stay as it is."""
        entries = [self.catalogue.entries[name] for name in dict.fromkeys(
            each.entry for each in found.findings if each.entry in self.catalogue.entries)]
        for entry in entries:
            if entry.remedy.kind == SHARE:
                found.state, found.why = NOTHING, in_words(entry)
                return True
        starters = [entry for entry in self.catalogue.entries.values()
                    if entry not in entries and entry.group in {each.group for each in entries}
                    and any(recognises(entry, program) for each in found.findings for program in each.chain)]
        wanted = sorted((entry for entry in [*entries, *starters] if entry.remedy.kind in ENABLED_BY_SHIMS),
                        key=lambda entry: ENABLED_BY_SHIMS.index(entry.remedy.kind))
        for entry in wanted:
            programs = [*found.programs, *(program for each in found.findings for program in each.chain)]
            meant = next((program for program in programs if recognises(entry, program)), found.programs[0])
            if self._works(found, {meant: entry}, f"{entry.name} of the catalogue: {in_words(entry)}"):
                found.state = KNOWN
                return True
        return False

    def _stop(self, found: Fix) -> bool:
        """Whether no remedy of ours can help."""
        kinds = {each.kind for each in found.findings}
        if model.SECURE_EXEC in kinds or self.secure & set(found.programs):
            found.why = f"what is setuid, setgid or has capabilities is nothing in a user namespace: {_STAGE}"
        elif model.SHARED_IPC in kinds:
            found.state, found.why = NOTHING, found.findings[0].advice
        elif model.UNUSABLE in kinds:
            found.why = "it ran as another account, which cannot use the directory that TMPDIR names"
        return bool(found.why)

    def _new(self, found: Fix) -> None:
        for remedy, words in self._remedies(found):
            entries = self._entries(found, remedy)
            if self._works(found, entries, words):
                found.state = FOUND
                self.taken |= {entry.name for entry in entries.values()}
                return
        found.why = f"no remedy works for it alone: {_STAGE}"

    def _remedies(self, found: Fix) -> Iterator[tuple[Remedy, str]]:
        """The least one first. What was tried by then decides what is worth a try."""
        names = list(dict.fromkeys(name for program in found.programs for name in candidates.variables(program)))
        together = dict.fromkeys(names, "$TMPDIR")
        clean: list[dict[str, str]] = []
        if names and self._cleans(found, together):
            clean = [{name: "$TMPDIR"} for name in names] if len(names) > 1 else []
            clean.append(together)
        for kind, where in ((ENVIRONMENT, "for the session"), (LAUNCHER, "for it alone")):
            for variables in clean if kind == ENVIRONMENT or self._started(found) else ():
                yield Remedy(kind, variables), f"{', '.join(f'{name}=$TMPDIR' for name in variables)} {where}"
        yield Remedy(BIND), "a private /tmp"

    def _started(self, found: Fix) -> bool:
        """Whether a launcher differs from a variable for all: the programs are started by the command, and not it."""
        return os.path.basename(self.command.words[0]) not in map(os.path.basename, found.programs)

    def _cleans(self, found: Fix, variables: Mapping[str, str]) -> bool:
        """Whether any of the variables does anything: one run for all of them spares one for each."""
        ran = self._run(self._entries(found, Remedy(ENVIRONMENT, dict(variables))))
        if isinstance(ran, str) or ran.faults(found.programs):
            found.tried.append((", ".join(variables), "no variable that its file names helps"))
            return False
        return True

    def _works(self, found: Fix, entries: dict[str, Entry], words: str) -> bool:
        ran = self._run(entries)
        why = ran if isinstance(ran, str) else trial.differs(self.base, ran, self.with_output)
        if not isinstance(ran, str) and not why and self.known_output and ENVIRONMENT in {
                entry.remedy.kind for entry in entries.values()}:
            why = trial.noise(self.base, ran)
        if not isinstance(ran, str) and (left := ran.faults(found.programs)):
            why = f"it still uses {left[0].path}" + (f"; {why}" if why else "")
        found.tried.append((words, why or "works"))
        if why:
            return False
        found.entries = entries
        return True

    def _run(self, entries: dict[str, Entry]) -> Ran | str:
        """A run with them, or why there is none."""
        try:
            return trial.run(self.command, entries)
        except KeyError as missing:
            return f"${missing.args[0]} has no value here"

    def _entries(self, found: Fix, remedy: Remedy) -> dict[str, Entry]:
        """One for each program, in one group if they meet."""
        entries: dict[str, Entry] = {}
        taken = set(self.taken)
        for program in found.programs:
            mine = [each for each in found.findings if each.program == program]
            entry = new_entry.entry_for(mine, remedy, taken, self.folders, self.system)
            entries[program] = new_entry.in_place_of(self.catalogue.entries.values(), entry)
            taken.add(entry.name)
        return new_entry.in_one_group(entries)
