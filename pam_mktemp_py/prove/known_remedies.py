"""Which remedy of the catalogue is meant for what the detector found, and what to say of it."""
from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from pam_mktemp_py.detect.model import Finding, Known
from pam_mktemp_py.remedies.catalogue import Catalogue, recognises
from pam_mktemp_py.remedies.entry import BIND, CONFIGURATION, ENVIRONMENT, LAUNCHER, NONE, SHARE, Entry
from pam_mktemp_py.remedies.proved import Proof

ENABLED_BY_SHIMS = (ENVIRONMENT, LAUNCHER, BIND)


@dataclass(frozen=True)
class Named:
    """The remedy for one finding. `enabled`: it is so here; `command` enables it, "" where none does."""

    entry: Entry
    proof: Proof | None
    enabled: bool
    command: str


class Remedies:
    """The remedies of a catalogue; `enabled` are the names of the entries that are enabled here."""

    def __init__(self, catalogue: Catalogue, enabled: Collection[str] = ()) -> None:
        self.catalogue, self._enabled = catalogue, enabled
        self.known = lru_cache(maxsize=4096)(self._known)
        found = [(entry, re.compile(pattern), kind) for _, entry in sorted(catalogue.entries.items())
                 for pattern, kind in entry.recognise.touches.items()]
        self._touches = sorted(found, key=lambda each: not each[1].pattern)  # what fits all names comes last

    def _known(self, program: str, path: str) -> Known | None:
        """A detect.model.Lookup."""
        entry, kind = self.meant(program, path)
        return None if entry is None else Known(entry.name, kind, self._advice(entry))

    def meant(self, program: str, path: str) -> tuple[Entry | None, str]:
        """The entry about a finding, and its class if the entry tells; the program's own before one of anyone's.

        An entry with nothing to do is only about the names that it gives: all else is news.
        """
        mine = {name for name, entry in self.catalogue.entries.items() if recognises(entry, program)}
        found = [(entry, kind) for entry, pattern, kind in self._touches if pattern.search(path)]
        for entry, kind in found:
            if entry.name in mine:
                return entry, kind
        for entry, kind in found:
            if entry.recognise.anyone:
                return entry, kind
        remedied = (name for name in sorted(mine) if self.catalogue.entries[name].remedy.kind != NONE)
        return self.catalogue.entries.get(next(remedied, "")), ""

    def named(self, finding: Finding) -> Named | None:
        """The remedy for a finding that was judged with `known`; None if the catalogue has none."""
        entry = self.catalogue.entries.get(finding.entry)
        if entry is None:
            return None
        return Named(entry, self.catalogue.proofs.get(entry.name), entry.name in self._enabled, command(entry))

    def _advice(self, entry: Entry) -> str:
        text = in_words(entry)
        if not command(entry):
            return text
        if entry.name in self._enabled:
            return f"{text} (pam-mktemp shims show {entry.name}: enabled, but not in force where this ran)"
        unproved = "" if entry.name in self.catalogue.proofs else ", unproved"
        return f"{text} ({command(entry)}{unproved})"


def command(entry: Entry) -> str:
    """What enables the entry; "" where a person has to do it, or nobody can."""
    return f"pam-mktemp shims enable {entry.name}" if entry.remedy.kind in ENABLED_BY_SHIMS else ""


def in_words(entry: Entry) -> str:
    """The remedy in a few words."""
    remedy, name = entry.remedy, entry.recognise.names[0]
    variables = [*(f"{name}={value}" for name, value in remedy.set.items()), *(f"no {each}" for each in remedy.unset)]
    if remedy.kind == ENVIRONMENT:
        return f"{', '.join(variables)} for the session"
    if remedy.kind == LAUNCHER:
        call = " ".join((name, *map(_plain, remedy.arguments))) if remedy.arguments else ""
        return ", ".join(filter(None, (call, *variables))) + (f" for {name} alone" if not call else "")
    if remedy.kind == BIND:
        return "a private mount of /tmp for this program"
    if remedy.kind == CONFIGURATION:
        return f"in {remedy.file}: {remedy.change}"
    return (f"keep it shared: {_sentence(remedy.reason)}" if remedy.kind == SHARE else _sentence(remedy.reason))


def _plain(word: str) -> str:
    """A word with $TMPDIR and the like in it, as the file has it."""
    return word if word and not set(word) & set(" '\"\\") else shlex.quote(word)


def _sentence(text: str) -> str:
    """To stand within another one."""
    return text[:1].lower() + text[1:].removesuffix(".") if text[1:2].islower() else text.removesuffix(".")
