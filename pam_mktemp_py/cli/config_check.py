"""pam-mktemp config check: whether a login can use the configuration, and all that is wrong with it.

The keys of --json beside those that report.py names:

    config             the main file
    valid              whether a login can use it all
    files [{path present bytes}]       bytes is null where it is not there, or was not read because of an error
    errors [{file line what do}]       line is 0 where it is about the whole file
    exposed            null, or why not only root could put another in the place of the usual configuration
    unknown [text]                     users and groups of the lists that do not exist: a sentence each
    overrides [{key file line replaces_file replaces_line}]
    switched_off       true if /etc/security/pam_mktemp.off exists
"""
from __future__ import annotations

import os

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.check import Checked, check
from pam_mktemp_py.pamstack import places


@click.command("check", short_help="Whether the configuration can be used, and all that is wrong with it.")
@click.option("--strict", is_flag=True, help="Unknown users and groups are errors, too.")
@click.pass_obj
def command(settings: Settings, strict: bool) -> Report:
    """Read the configuration and say what is wrong with it: file, line, what, and what to do.

    Owner, mode and kind of each file count as well as what is in it. A login stops at the first error; here
    all are shown. Users and groups that do not exist are told: they match nobody. So is each key of
    a drop-in that replaces one of a file before it.

    The exit status is 1 if a login could not use the configuration, or if others than root could put another
    in its place. Accounts that have a plan then keep it
    as long as it still holds; for the others the module's argument fail= decides.
    """
    found = check(settings.config, settings.owner)
    for error in found.errors:
        if isinstance(error.__cause__, PermissionError):
            raise error
    report = Report("config check", settings)
    unknown = found.config.warnings if found.config else []
    off = os.path.lexists(settings.off)
    exposed = places.root_only(os.path.dirname(paths.CONFIG)) if settings.config == paths.CONFIG else ""
    report.data = {
        "config": settings.config, "valid": found.config is not None,
        "files": [{"path": path, "present": size is not None or path in found.unread, "bytes": size}
                  for path, size in found.sizes.items()],
        "errors": [{"file": error.file, "line": error.line, "what": error.what, "do": error.hint}
                   for error in found.errors],
        "exposed": exposed or None, "unknown": unknown,
        "overrides": [{"key": key, "file": new[0], "line": new[1], "replaces_file": old[0], "replaces_line": old[1]}
                      for key, new, old in found.overrides],
        "switched_off": off}
    if exposed:
        report.add("Not only root can change it", Row("", "", exposed, "bad"))
    _rows(report, found, unknown, strict)
    if off:
        report.add("Switched off", Row(settings.off, "exists", "nothing is done for new sessions"))
    return report


def _rows(report: Report, found: Checked, unknown: list[str], strict: bool) -> None:
    report.add("Files, in their order", *(
        Row(path, "not read" if path in found.unread else "not there" if size is None else f"{size} bytes")
        for path, size in found.sizes.items()))
    if found.errors:
        report.add("Errors", *(
            Row(f"{error.file}:{error.line}" if error.line else error.file, error.what, error.hint, "bad")
            for error in found.errors))
    if unknown:
        report.add("Unknown names", *(Row("", "", sentence, "bad" if strict else "") for sentence in unknown))
    if found.overrides:
        report.add("Replaced by a later file", *(
            Row(key, f"{new[0]}:{new[1]}", f"replaces {old[0]}:{old[1]}") for key, new, old in found.overrides))
    if found.config is not None:
        report.add("Result", Row("configuration", "can be used", "", "good"))
    else:
        report.add("Result", Row("configuration", "cannot be used", "the last good plans stay in use", "bad"))
