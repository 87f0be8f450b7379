"""pam-mktemp shims show: all that the catalogue says about one program.

The keys of --json beside those that report.py names:

    asked              the program that was asked for
    entries [{name file site summary group members class does breaks recognise remedy evidence check program version
              applies proved upgraded enabled shim behind}]
                       members: the entries of its group, which are enabled together; recognise, remedy, evidence and
                       check have the keys of the file; the others are as in shims list
    path               as in shims list
    errors [{file line what do}]   of files that therefore do not count
"""
from __future__ import annotations

import difflib
import os
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli import shims_list, shims_state
from pam_mktemp_py.cli.report import Report, Row, typed
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.shims_state import State
from pam_mktemp_py.remedies import enabled, installed
from pam_mktemp_py.remedies.catalogue import END, Catalogue
from pam_mktemp_py.remedies.entry import KINDS, Entry
from pam_mktemp_py.remedies.installed import Here
from pam_mktemp_py.remedies.proved import Proof

_WIDTH = 84


def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of entries and of their programs for the shell's completion."""
    found = shims_list.load(ctx.obj if isinstance(ctx.obj, Settings) else Settings())
    names = {entry.name: entry.summary for entry in found.entries.values()}
    for entry in found.entries.values():
        for name in entry.recognise.names:
            names.setdefault(name, entry.summary)
    return [CompletionItem(name, help=text) for name, text in sorted(names.items()) if name.startswith(incomplete)]


@click.command("show", short_help="All about one program: what it does, what helps, and how that is known.")
@click.argument("program", shell_complete=complete)
@click.pass_obj
def command(settings: Settings, program: str) -> Report:
    """Show what the catalogue says about PROGRAM: the name of an entry, or of a program, or the path of one.

    What it does with /tmp, the remedy and what that breaks, how it is known, how it is recognised, which others
    are enabled together with it, whether it is here, what was proved, and how it stands if it is enabled.

    The exit status is 1 if the catalogue knows no such program, if a file of it or the configuration cannot be used,
    or if the program's entry is enabled and not in place.
    """
    found = shims_list.load(settings)
    entries = found.find(program)
    state = shims_state.look(settings, found)
    report = Report("shims show", settings, {"asked": program, "path": state.path_data(), "entries": []})
    for entry in entries:
        here, proof = installed.look(entry), found.proofs.get(entry.name)
        report.data["entries"].append(_data(entry, here, proof, found) | state.data(entry))
        report.add(f"{entry.name}: {entry.summary}", *_about(entry), *_known(entry))
        report.add("On this host", *_here(entry, here, proof, found), *_stands(entry, state))
    if not entries:
        report.add("Not in the catalogue", Row(program, "", nothing(program, found), "bad"))
    if not any(state.on(entry) for entry in entries):
        state.why = ""
    shims_list.add_errors(report, found, state)
    return report


def nothing(program: str, found: Catalogue) -> str:
    """What to say of a program that no entry means."""
    if broken := [error for error in found.errors if os.path.basename(error.file) == f"{program}{END}"]:
        return f"its file cannot be used: {broken[0]}"
    known = {*found.entries, *(name for entry in found.entries.values() for name in entry.recognise.names)}
    near = difflib.get_close_matches(program, sorted(known), 1)
    return f"did you mean {near[0]}?" if near else "no remedy is known; pam-mktemp detect says what it does with /tmp"


def _members(entry: Entry, found: Catalogue) -> list[str]:
    return sorted(other.name for other in found.entries.values() if other.group == entry.group)


def _data(entry: Entry, here: Here, proof: Proof | None, found: Catalogue) -> dict[str, Any]:
    all_of_it = asdict(entry)
    del all_of_it["kind"]
    return all_of_it | {"class": entry.kind, "members": _members(entry, found), "program": here.program or None,
                        "version": here.version or None, "applies": here.applies,
                        "proved": shims_list.proof_data(proof), "upgraded": shims_list.upgraded(here, proof)}


def _wrapped(label: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(textwrap.wrap(text, _WIDTH, break_on_hyphens=False, break_long_words=False)):
        yield Row("" if number else label, "", line)


def _about(entry: Entry) -> Iterator[Row]:
    remedy = entry.remedy
    yield Row("class", entry.kind)
    yield from _wrapped("does", entry.does)
    yield Row("remedy", remedy.kind, KINDS[remedy.kind])
    for name, value in remedy.set.items():
        yield Row("  sets", f"{name}={value}")
    for name in remedy.unset:
        yield Row("  unsets", name)
    if remedy.arguments:
        yield Row("  arguments", in_the_file(remedy.arguments), "before the caller's")
    if remedy.required:
        yield Row("  required", "yes", "without the remedy the program is refused")
    if remedy.file:
        yield Row("  file", remedy.file)
        yield from _wrapped("  change", remedy.change)
    yield from _wrapped("  reason", remedy.reason)
    yield from _wrapped("breaks", entry.breaks)


def in_the_file(words: tuple[str, ...]) -> str:
    """Arguments as they stand in the entry, with $TMPDIR and the like in them."""
    return " ".join(word if word and not set(word) & set(" '\"\\") else typed([word]) for word in words)


def _known(entry: Entry) -> Iterator[Row]:
    yield from _wrapped("documented", entry.evidence.documented)
    yield from _wrapped("observed", entry.evidence.observed)
    recognise = entry.recognise
    yield from _wrapped("recognised", ", ".join(recognise.names))
    for label, text in (("  paths", ", ".join(recognise.paths)), ("  run by", recognise.interpreter),
                        ("  versions", recognise.versions)):
        yield from _wrapped(label, text)
    if entry.check:
        for number, words in enumerate(entry.check.commands):
            yield from _wrapped("" if number else "check", in_the_file(words))
        if entry.check.packages:
            yield Row("  needs", "", "Debian's " + ", ".join(entry.check.packages))
    yield Row("file", entry.file, "a site's own" if entry.site else "")


def _here(entry: Entry, here: Here, proof: Proof | None, found: Catalogue) -> Iterator[Row]:
    if here.program:
        yield Row("program", here.program, f"version {here.version}" if here.version else "it tells no version")
    else:
        yield Row("program", "not installed", "looked for in PATH")
    if here.program and not here.applies:
        yield Row("", "", f"this entry is meant for versions {entry.recognise.versions}")
    if len(members := _members(entry, found)) > 1:
        yield Row("group", entry.group, f"enabled together: {', '.join(members)}")
    changed = shims_list.upgraded(here, proof)
    why = f"another version is here: {here.version}" if changed else proof.system if proof else (
        "no traced run has shown that the remedy works" if entry.check else "there is no check that could be run")
    yield Row("proof", shims_list.in_words(proof), why, "unknown" if changed else "")


def _stands(entry: Entry, state: State) -> Iterator[Row]:
    words, mark = state.words(entry)
    for number, word in enumerate(words):
        yield Row("" if number else "enabled", "" if number else "yes", "" if not number else word,
                  mark if number == len(words) - 1 else "")
    if state.on(entry) is False and entry.remedy.kind in enabled.ENABLED:
        yield Row("enabled", "no", f"pam-mktemp shims enable {entry.name}")
