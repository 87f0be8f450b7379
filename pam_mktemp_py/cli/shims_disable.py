"""pam-mktemp shims disable: take remedies away again.

The keys of --json beside those of pam-mktemp shims sync:

    removed [{name asked}]             asked: false for one that is disabled because of its group
"""
from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli import shims_show, shims_sync
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.load import load
from pam_mktemp_py.errors import Error
from pam_mktemp_py.remedies import enabled
from pam_mktemp_py.remedies.catalogue import Catalogue


def _complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of what is enabled."""
    settings = ctx.obj if isinstance(ctx.obj, Settings) else Settings()
    try:
        names = load(settings.config, owner=settings.owner).shims["enabled"]
    except Error:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("disable", short_help="Take remedies away again.")
@click.argument("programs", metavar="[PROGRAM]...", nargs=-1, shell_complete=_complete)
@click.option("--all", "everything", is_flag=True, help="Disable all that is enabled.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be disabled and removed, and change nothing.")
@click.pass_obj
def command(settings: Settings, programs: tuple[str, ...], everything: bool, dry_run: bool) -> Report:
    """Disable the remedy of each PROGRAM, the name of an entry or of a program, and of its group. Root only.

    The programs of a group find each other through what all of them are given, so they lose it together. What is
    not enabled is passed over.

    Variables are gone from the next login on; sessions that are open keep theirs, and a server that was started
    with them is found by its clients there. The launcher's link and plan are removed at once, and the program of
    that name then runs as it is.

    The exit status is 1 if a PROGRAM is neither enabled nor in the catalogue; then nothing is changed. It is 1 as well
    if a file of the catalogue cannot be used, which is shown.
    """
    if bool(programs) == everything:
        raise click.UsageError("name the programs, or give --all")
    report = Report("shims disable", settings)
    with shims_sync.changing(settings, dry_run) as (config, found):
        before = config.shims["enabled"]
        asked = set(before) if everything else _asked(found, programs, before)
        groups = {found.entries[name].group for name in asked if name in found.entries}
        gone = {name for name in before if name in asked or
                (name in found.entries and found.entries[name].group in groups)}
        report.data["removed"] = [{"name": name, "asked": name in asked} for name in sorted(gone)]
        report.add("Would be disabled" if dry_run else "Disabled", *(
            Row(name, "", "" if name in asked else f"with the others of the group {found.entries[name].group}")
            for name in sorted(gone)), *(
            Row(name, "is not enabled") for name in sorted(asked - gone)), *(
            [] if asked else [Row("nothing", "is enabled")]))
        shims_sync.finish(report, config, found, [name for name in before if name not in gone], dry_run)
    return report


def _asked(found: Catalogue, programs: tuple[str, ...], before: list[str]) -> set[str]:
    """Names of entries. Refused for what is none, and no program of one."""
    names: set[str] = set()
    for program in programs:
        entries = [program] if program in before else [entry.name for entry in found.find(program)]
        if not entries:
            raise enabled.refused(program, "is neither enabled nor in the catalogue",
                                  shims_show.nothing(program, found))
        names |= set(entries)
    return names
