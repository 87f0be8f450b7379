"""pam-mktemp shims enable: have programs that ignore TMPDIR get their remedy.

The keys of --json beside those of pam-mktemp shims sync:

    added [{name remedy asked}]        asked: false for one that is enabled because of its group
    beside [{name why}]                entries of the same groups that need nothing, or are changed by hand
    warnings [{name what}]             unproved, not installed here, or proved with another version
"""
from __future__ import annotations

from collections.abc import Iterator

import click

from pam_mktemp_py.cli import shims_list, shims_show, shims_sync
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.remedies import enabled, installed
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.enabled import Chosen, Wanted
from pam_mktemp_py.remedies.entry import ENVIRONMENT, Entry


@click.command("enable", short_help="Give programs that ignore TMPDIR their remedy.")
@click.argument("programs", metavar="PROGRAM...", nargs=-1, required=True, shell_complete=shims_show.complete)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be enabled and written, and change nothing.")
@click.pass_obj
def command(settings: Settings, programs: tuple[str, ...], dry_run: bool) -> Report:
    """Enable the remedy of each PROGRAM, the name of an entry or of a program, or the path of one. Root only.

    With it go all entries of the same group: programs that find each other through /tmp, as a server and its
    clients, must all look in the same place. A remedy that is a variable is set in every session; one that is for a
    program alone is given to it by the launcher, to which a link of the program's name leads, in a folder that
    is first in the PATH of logins.

    It works at stages shim and bind. What is enabled stands in /etc/security/pam_mktemp.d/50-shims.toml, and the
    rest is done as by pam-mktemp shims sync.

    Refused are programs that must stay shared, those whose remedy is a change of a file, which is shown, and those
    that need nothing; then nothing is enabled, and the exit status is 1. So it is where a file of the catalogue cannot
    be used, which is shown, and is no reason not to enable another entry. An entry that is unproved, or whose
    program is not installed here or of another version, is enabled and told.
    """
    report = Report("shims enable", settings)
    with shims_sync.changing(settings, dry_run) as (config, found):
        unknown = {program: shims_show.nothing(program, found) for program in programs if not found.find(program)}
        chosen = enabled.choose(found, programs, unknown)
        before = config.shims["enabled"]
        new = {entry.name for entry in [*chosen.entries, *chosen.together]} - {*before}
        names = [*before, *sorted(new)]  # of two that exclude each other the new one is refused
        wanted = shims_sync.want(found, names)
        _refuse(wanted, new)
        _tell(report, found, chosen, set(before), dry_run)
        shims_sync.finish(report, config, found, names, dry_run, wanted)
    return report


def _refuse(wanted: Wanted, new: set[str]) -> None:
    """Refused where what is new could not be carried out."""
    for each in wanted.left_out:
        if each.wrong and each.name in new:
            raise enabled.refused(each.name, each.why, f"look at it: pam-mktemp shims show {each.name}")


def _tell(report: Report, found: Catalogue, chosen: Chosen, before: set[str], dry_run: bool) -> None:
    both = [(entry, entry in chosen.entries) for entry in [*chosen.entries, *chosen.together]]
    new = [(entry, asked) for entry, asked in both if entry.name not in before]
    here = installed.look_at_all(entry for entry, _ in both)
    warnings = [(entry.name, what) for entry, _ in both for what in _warnings(entry, here[entry.name], found)]
    report.data |= {
        "added": [{"name": entry.name, "remedy": entry.remedy.kind, "asked": asked} for entry, asked in new],
        "beside": [{"name": entry.name, "why": enabled.in_words(entry)} for entry in chosen.beside],
        "warnings": [{"name": name, "what": what} for name, what in warnings]}
    report.add("Would be enabled" if dry_run else "Enabled", *(
        Row(entry.name, _does(entry), "" if asked else f"with the others of the group {entry.group}")
        for entry, asked in new), *(Row(entry.name, "is enabled already") for entry, _ in both if entry.name in before))
    if chosen.beside:
        report.add("Of the same group, and not enabled", *(
            Row(entry.name, "", enabled.in_words(entry)) for entry in chosen.beside))
    if warnings:
        report.add("To be looked at", *(Row(name, "", what, "unknown") for name, what in warnings))


def _does(entry: Entry) -> str:
    """What the remedy is, in short."""
    if entry.remedy.kind == ENVIRONMENT:
        return " ".join(f"{name}={value}" for name, value in entry.remedy.set.items()) + " in sessions"
    return f"{entry.remedy.kind}: {', '.join(entry.recognise.names)}"


def _warnings(entry: Entry, here: installed.Here, found: Catalogue) -> Iterator[str]:
    proof = found.proofs.get(entry.name)
    if not here.program and entry.remedy.kind == ENVIRONMENT:  # others are left out then, and that is told
        yield "is not installed here: none of its programs is in PATH"
    if proof is None:
        yield f"is unproved: pam-mktemp shims verify {entry.name}"
    elif shims_list.upgraded(here, proof):
        yield f"was proved with {proof.version}, and {here.version} is here: pam-mktemp shims verify {entry.name}"
