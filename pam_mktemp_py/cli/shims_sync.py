"""pam-mktemp shims sync: what the enabled entries need, written anew. enable and disable end with it.

The keys of --json beside those that report.py names:

    dry_run changed    as asked; whether anything was written
    enabled [name]     the entries that are enabled now, or would be
    variables {NAME: value}            of sessions; a value has $TMPDIR and the like in it
    programs [name]    that are run through the launcher
    left_out [{name why}]              enabled, and without effect
    drop_in {path changed diff}        the configuration that says so
    steps [{path action}]              of the launcher's folders: made, replaced, mended or removed
    stage reached      the stage of the configuration; whether sessions have shims at it
    errors [{file line what do}]       of files of the catalogue that therefore do not count
"""
from __future__ import annotations

import contextlib
import difflib
import errno
import os
from collections.abc import Iterator

import click

from pam_mktemp_py import log
from pam_mktemp_py.cli import shims_list
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config import drop_in, shims_file
from pam_mktemp_py.config.load import load
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.pamstack import lock
from pam_mktemp_py.remedies import enabled, installed, order, state
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.enabled import Wanted

REACHED = ("shim", "bind")


@click.command("sync", short_help="Write anew what the enabled programs need.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be written and removed, and change nothing.")
@click.pass_obj
def command(settings: Settings, dry_run: bool) -> Report:
    """Make the shims what the configuration and the catalogue say: for after a change of either by hand.

    Written are, if they are not so already:

    \b
      /etc/security/pam_mktemp.d/50-shims.toml     the variables of sessions; which entries are enabled stays
      /var/lib/pam-mktemp/shims/bin/NAME           a link to the launcher for each program that needs one
      /var/lib/pam-mktemp/shims/plans/NAME         what the launcher does for it

    What else is in these two folders is removed, and never followed. A program that is not installed here has no link,
    and an entry that is meant for some versions of one is left out while another is installed: run sync after you have
    installed or upgraded it.

    Sessions that are open keep the variables that they have; the launcher does at once what its plans say.

    The launcher's folders are those of the machine: of several configurations (--config) the last one counts.

    The exit status is 1 if a file of the catalogue cannot be used, if an enabled entry is not in the catalogue any more
    or cannot be carried out, or if 50-shims.toml holds other keys or another file sets [shims]; in these two cases
    nothing is written.
    """
    report = Report("shims sync", settings)
    with changing(settings, dry_run) as (config, found):
        finish(report, config, found, config.shims["enabled"], dry_run)
    return report


@contextlib.contextmanager
def changing(settings: Settings, dry_run: bool) -> Iterator[tuple[Config, Catalogue]]:
    """The configuration and the catalogue, for one who changes what is enabled: one at a time. Errors as load()."""
    if not dry_run and os.geteuid() != settings.owner:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), shims_file.path(settings.config))
    held = contextlib.nullcontext() if dry_run else lock.held("pam-mktemp shims", f"{settings.run}/setup.lock")
    with held:
        config = load(settings.config, owner=settings.owner)
        shims_file.check(config, settings.owner)
        yield config, shims_list.load(settings)


def want(found: Catalogue, names: list[str]) -> Wanted:
    """What these enabled entries need. Programs are asked for their versions where it depends on them."""
    asked = [found.entries[name] for name in names if name in found.entries and
             found.entries[name].recognise.versions]
    return enabled.wanted(found, names, installed.look_at_all(asked), installed.names)


def finish(report: Report, config: Config, found: Catalogue, names: list[str], dry_run: bool,
           wanted: Wanted | None = None) -> None:
    """Write what these entries need, or with `dry_run` tell it. Refused, OSError; then all is as it was before."""
    settings = report.settings
    made = wanted or want(found, names)
    text = shims_file.text(names, made.variables)
    change = drop_in.prepared(settings.config, shims_file.NAME, text.encode(), owner=settings.owner, force=True)
    if change.before is None and not names:
        change.before = change.data  # there is nothing to say
    folder = f"{settings.state}/shims"
    try:
        steps = state.write(folder, made.plans, order.launcher(), owner=settings.owner, dry_run=dry_run)
        if not dry_run and not change.nothing:
            drop_in.write(change)
    except (OSError, Refused):
        if not dry_run:  # no shim of what is not enabled
            with contextlib.suppress(OSError, Refused):
                state.write(folder, want(found, config.shims["enabled"]).plans, order.launcher(), owner=settings.owner)
        raise
    if not dry_run and (steps or not change.nothing):
        log.say("shims-written", f"enabled: {', '.join(sorted(names)) or 'nothing'}")
    report.data |= {
        "dry_run": dry_run, "changed": bool(steps or not change.nothing) and not dry_run, "enabled": sorted(names),
        "variables": made.variables, "programs": sorted(made.plans),
        "left_out": [{"name": each.name, "why": each.why} for each in made.left_out],
        "drop_in": {"path": change.path, "changed": not change.nothing, "diff": _diff(change)},
        "steps": [{"path": step.path, "action": step.action} for step in steps],
        "stage": config.stage, "reached": config.stage in REACHED}
    rows = [Row(step.path, f"would be {step.action}" if dry_run else step.action) for step in steps]
    if not change.nothing:
        rows.insert(0, Row(change.path, "would be written" if dry_run else "written"))
    report.add("Would be written" if dry_run else "Written", *(rows or [
        Row("nothing", "to change", "all is as it shall be already")]))
    if made.left_out:
        report.add("Enabled, and without effect", *(
            Row(each.name, "", each.why, "bad" if each.wrong else "unknown") for each in made.left_out))
    _sessions(report, config, names)
    shims_list.add_errors(report, found)


def _diff(change: drop_in.Change) -> str:
    if change.nothing:
        return ""
    before = (change.before or b"").decode("utf-8", "replace").splitlines(True)
    return "".join(difflib.unified_diff(before, change.data.decode().splitlines(True),
                                        change.path if change.before is not None else "/dev/null", change.path))


def _sessions(report: Report, config: Config, names: list[str]) -> None:
    """At which stage it works, and what to do where it does not."""
    if not names:
        return
    if config.stage in REACHED:
        report.add("Sessions", Row("stage", config.stage, "from their next login on; root's and those of exempt "
                                   "accounts have no shims"))
        return
    report.add("Sessions", Row("stage", config.stage, f"no session has them: {config.origin('stage')}", "unknown"),
               Row("", "", f'set stage = "shim" in {config.path}, or "bind" for a private /tmp as well'))
