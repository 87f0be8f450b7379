"""pam-mktemp config import: another module's configuration in ours, and what cannot be said in it.

The keys of --json beside those that report.py names:

    files format       what was read; "pam_namespace" or "pam_tmpdir"
    text               the TOML
    not_translated [{where what do}]   what was asked for there and is not done here: the exit status is 1
    differences [{where what do}]      what is done another way
    path written       the drop-in that --write means, else null; whether it was written (false: it was there)
    replaces [{key where}]             settings of other files that no longer count then
    hidden [{key where}]               settings of its own that a later file sets again
    diff               what --write changes, unified
"""
from __future__ import annotations

import difflib
import errno
import os
import re

import click

from pam_mktemp_py import log, paths
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config import drop_in, importing, model, namespace_conf, others, tmpdir_conf
from pam_mktemp_py.config.importing import Remark, Translation
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.linux import accounts

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")


@click.command("import", short_help="Translate a namespace.conf or tmpdir.conf.")
@click.argument("file", type=click.Path(readable=False))
@click.option("--format", "form", type=click.Choice(["namespace", "tmpdir"]),
              help="Whose configuration it is: pam_namespace's or pam_tmpdir's. Else its name and content tell.")
@click.option("--write", "name", metavar="[NAME]", is_flag=False, flag_value="imported",
              help="Install it as the drop-in NAME.toml, imported.toml without a NAME. Put FILE first.")
@click.option("--force", is_flag=True, help="Let --write replace a drop-in of that name.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what --write would change, and change nothing.")
@click.pass_obj
def command(settings: Settings, file: str, form: str | None, name: str | None, force: bool, dry_run: bool) -> Report:
    """Read FILE, the namespace.conf of pam_namespace or the tmpdir.conf of pam_tmpdir, and print it as ours.

    FILE may be a folder: then its namespace.conf and namespace.d/*.conf are read, or all its *.conf. Each
    setting has a comment with the file and line that it comes from. What cannot be translated is told with
    file, line, reason and what to do, on the standard error and as comments; the exit status is then 1.

    With --write it becomes a drop-in beside the configuration (as root; FILE must be root's, too): whole or
    not at all, and only if all of the configuration then loads. An existing file is kept unless --force is
    given, and a link is never followed.
    """
    if (force or dry_run) and name is None:
        raise click.UsageError("--force and --dry-run need --write")
    if name is not None and not _NAME.fullmatch(name):
        raise click.BadParameter("use letters, digits and _.- alone", param_hint="--write")
    if name is not None and not dry_run and os.geteuid() != settings.owner:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), paths.drop_in_folder(settings.config))
    found = others.read(os.path.abspath(file), settings.owner if name is not None else None)
    made = _translated(found, form or others.format_of(found))
    text = importing.to_toml(made, model.TMP_VARIABLES)
    report = Report("config import", settings, _data(made, text), finding=bool(made.told(lost=True)))
    _beside(report, file, found)
    if name is None:
        report.text = text
        report.notes += [f"not translated: {remark}" for remark in made.told(lost=True)]
        report.notes += [f"done another way: {remark}" for remark in made.told(lost=False)]
        if made.empty:
            report.notes.append(f"{file}: there is nothing in it to translate")
        return report
    if made.empty:
        raise Refused("import-refused", file, "there is nothing in it to translate", "see it without --write")
    _write(report, made, text, f"{name.removesuffix('.toml')}.toml", force, dry_run)
    return report


def _translated(found: list[tuple[str, str]], form: str) -> Translation:
    if form == "tmpdir":
        if len(found) != 1:
            raise Refused("import-refused", os.path.dirname(found[0][0]), "pam_tmpdir has one file", "name it")
        return tmpdir_conf.translate(*found[0])
    return namespace_conf.translate(found, _canonical)


def _canonical(name: str) -> str | None:
    account = accounts.lookup(name) if name else None
    return (account.canonical or account.name) if account else None


def _remarks(remarks: list[Remark]) -> list[dict[str, str]]:
    return [{"where": remark.where, "what": remark.what, "do": remark.do} for remark in remarks]


def _data(made: Translation, text: str) -> dict[str, object]:
    return {"files": made.files, "format": made.format, "text": text, "not_translated": _remarks(made.told(lost=True)),
            "differences": _remarks(made.told(lost=False)),
            "path": None, "written": False, "replaces": [], "hidden": [], "diff": ""}


def _beside(report: Report, file: str, found: list[tuple[str, str]]) -> None:
    """pam_namespace reads namespace.d as well, wherever its namespace.conf is read."""
    folder = os.path.join(os.path.dirname(found[0][0]), "namespace.d")
    if len(found) == 1 and os.path.basename(found[0][0]) == "namespace.conf" and not os.path.isdir(file):
        if os.path.isdir(folder) and any(name.endswith(".conf") for name in os.listdir(folder)):
            report.notes.append(f"{folder} was not read; name the folder that both are in to have them all")


def _write(report: Report, made: Translation, text: str, name: str, force: bool, dry_run: bool) -> None:
    settings, data = report.settings, text.encode()
    change = drop_in.prepared(settings.config, name, data, owner=settings.owner, force=force)
    diff = "".join(difflib.unified_diff(
        (change.before or b"").decode("utf-8", "replace").splitlines(True), text.splitlines(True),
        change.path if change.before is not None else "/dev/null", change.path))
    report.data |= {"path": change.path, "written": not (dry_run or change.nothing), "diff": diff,
                    "replaces": [{"key": key, "where": where} for key, where in change.replaces],
                    "hidden": [{"key": key, "where": where} for key, where in change.hidden]}
    if not dry_run and not change.nothing:
        drop_in.write(change)
        log.say("config-imported", f"{change.path}: from {', '.join(made.files)}")
    if dry_run:
        report.text = diff
        report.notes += [f"not translated: {remark}" for remark in made.told(lost=True)]
    what = "is as it should be already" if change.nothing else "written"
    report.add("Drop-in", Row(change.path, what), *(
        Row(key, "set here", f"replaces {where}") for key, where in change.replaces), *(
        Row(key, "set here does not count", f"{where} sets it again") for key, where in change.hidden))
    for title, lost in (("Not translated", True), ("Done another way", False)):
        rows = [Row(each.where, each.what, each.do, "bad" if lost else "") for each in made.told(lost)]
        if rows:
            report.add(title, *rows)
