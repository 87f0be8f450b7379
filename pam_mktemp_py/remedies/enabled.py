"""Which entries are enabled, and what follows of it: variables of sessions, and launch plans. Pure."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pam_mktemp_py.config import shims
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.remedies import launch_plan
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.entry import BIND, CONFIGURATION, ENVIRONMENT, LAUNCHER, SHARE, Entry
from pam_mktemp_py.remedies.installed import Here

ENABLED = (ENVIRONMENT, LAUNCHER, BIND)  # the remedies that can be; the others are done by hand, or not at all


@dataclass
class Chosen:
    """The entries that were asked for with their groups, and those of the groups that nothing can be done about."""

    entries: list[Entry] = field(default_factory=list)
    together: list[Entry] = field(default_factory=list)
    beside: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class LeftOut:
    """An entry that has no effect, and why; `wrong`: somebody has to do something about it."""

    name: str
    why: str
    wrong: bool = True


@dataclass
class Wanted:
    """What sessions and the launcher shall have, and what is left out of it.

    `plans` are by the names of the programs.
    """

    variables: dict[str, str] = field(default_factory=dict)
    plans: dict[str, bytes] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def refused(name: str, what: str, hint: str) -> Refused:
    """What is not done, and why."""
    return Refused("shims-refused", name, what, hint)


def choose(found: Catalogue, programs: Iterable[str], unknown: Mapping[str, str]) -> Chosen:
    """The entries for these programs, each a name of an entry or of a program. Refused, and then for all of them.

    `unknown` says what else to do about a name that the catalogue does not know.
    """
    asked: dict[str, Entry] = {}
    for program in programs:
        entries = found.find(program)
        if not entries:
            raise refused(program, "is not in the catalogue", unknown.get(program, ""))
        able = [entry for entry in entries if entry.remedy.kind in ENABLED]
        if not able:
            raise _not_able(found, entries[0])
        asked |= {entry.name: entry for entry in able}
    groups = {entry.group for entry in asked.values()}
    others = [entry for name, entry in sorted(found.entries.items()) if entry.group in groups and name not in asked]
    return Chosen(list(asked.values()), [entry for entry in others if entry.remedy.kind in ENABLED],
                  [entry for entry in others if entry.remedy.kind not in ENABLED])


def _not_able(found: Catalogue, entry: Entry) -> Refused:
    remedy = entry.remedy
    able = sorted(other.name for other in found.entries.values()
                  if other.group == entry.group and other.remedy.kind in ENABLED)
    hint = f"what can be enabled of its group is {', '.join(able)}" if able else ""
    if remedy.kind == CONFIGURATION:
        return refused(entry.name, "its remedy is a change of a file, which is yours to make",
                       f"in {remedy.file}: {remedy.change}")
    if remedy.kind == SHARE:
        return refused(entry.name, f"it must stay shared: {remedy.reason.rstrip('.')}", hint or "leave it as it is")
    return refused(entry.name, f"there is nothing to enable: {remedy.reason.rstrip('.')}", hint or "leave it as it is")


def in_words(entry: Entry) -> str:
    """Why an entry of a group is not enabled with the others, and what to do."""
    remedy = entry.remedy
    if remedy.kind == CONFIGURATION:
        return f"by hand, in {remedy.file}: {remedy.change}"
    return ("must stay shared: " if remedy.kind == SHARE else "needs nothing: ") + remedy.reason


def wanted(found: Catalogue, names: Iterable[str], here: Mapping[str, Here],
           present: Callable[[Entry], list[str]]) -> Wanted:
    """What these entries need; `here` has those that are meant for some versions of their program only.

    `present` gives those names of an entry that a program has here: a link for another one would have scripts that
    look whether there is such a program find one.
    What cannot be had is left out with the reason: an entry that is gone must not keep the others from their remedy.
    """
    made = Wanted()
    entries: dict[str, Entry] = {}
    for name in names:
        entry = found.entries.get(name)
        if entry is None:
            made.left_out.append(LeftOut(name, "is not in the catalogue, or its file cannot be used"))
        elif why := _unfit(entry, here):
            made.left_out.append(LeftOut(name, why, wrong=False))
        elif entry.remedy.kind == ENVIRONMENT:
            _set(made, entry)
        else:
            entries[name] = entry
    _plan(made, entries, {name: present(entry) for name, entry in entries.items()})
    return made


def _unfit(entry: Entry, here: Mapping[str, Here]) -> str:
    if entry.remedy.kind not in ENABLED:
        return in_words(entry)
    about = here.get(entry.name)
    if not entry.recognise.versions or (about is not None and about.applies):
        return ""
    meant = f"is meant for versions {entry.recognise.versions}"
    if about is None or not about.program:
        return f"{meant}, and none is installed"
    return f"{meant}, and {about.version or 'one that tells none'} is here"


def _set(made: Wanted, entry: Entry) -> None:
    for name, value in entry.remedy.set.items():
        if wrong := shims.unfit(name):
            made.left_out.append(LeftOut(entry.name, f"{name} {wrong}"))
        elif wrong := shims.unfit_value(value):
            made.left_out.append(LeftOut(entry.name, f"the value of {name} {wrong}"))
        elif made.variables.setdefault(name, value) != value:
            made.left_out.append(LeftOut(entry.name, f"another entry sets {name} to {made.variables[name]}"))


def _plan(made: Wanted, entries: dict[str, Entry], present: dict[str, list[str]]) -> None:
    """The plans of all programs that are here; of an entry that cannot be said in one, none."""
    for name, entry in list(entries.items()):
        if not present[name]:
            made.left_out.append(LeftOut(name, "none of its programs is installed here: when one is, run: pam-mktemp "
                                         "shims sync", wrong=False))
        try:
            for program in entry.recognise.names:
                launch_plan.encode(program, [entry])
        except Refused as error:
            made.left_out.append(LeftOut(name, error.what))
            del entries[name]
    programs = sorted({program for name in entries for program in present[name]})
    for program in programs:
        meant = [entry for entry in entries.values() if program in entry.recognise.names]
        try:
            made.plans[program] = launch_plan.encode(program, meant)
        except Refused as error:  # all of them together are too much
            made.left_out.append(LeftOut(program, error.what))
