"""pam-mktemp uninstall: PAM as before, the pieces gone, and what remains named.

The keys of --json beside those that report.py names:

    dry_run purge      as asked
    changes [path]     PAM's files that were changed back
    removed [path]     what was removed
    kept [{path why}]  what was not: the configuration, or a piece that was changed since
    open_sessions      how many are open; they go on with what they have
    remaining [{path files bytes whole}]    users' files: below /tmp/.private, instances of other directories, and
                       /tmp/shared-NAME; whole: false if counting was cut short
    commands [[word]]  what removes those, as argument lists
"""
from __future__ import annotations

import os

import click

from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.directory import handover
from pam_mktemp_py.pamstack import remains, uninstall
from pam_mktemp_py.pamstack.uninstall import Removal
from pam_mktemp_py.sessions import records


@click.command("uninstall", short_help="Take everything back: PAM's files first, then the pieces.")
@click.option("--purge", is_flag=True, help="Remove the configuration and all state, too.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be changed and removed, and change nothing.")
@click.pass_obj
def command(settings: Settings, purge: bool, dry_run: bool) -> Report:
    """Disable the module everywhere, then remove what was installed.

    PAM's files become what they were before `enable`, byte for byte, before anything is removed; logins work
    at every moment of it and afterwards. A piece that was changed since it was installed is kept and named, and so
    is the configuration, /etc/security/pam_mktemp.toml with its drop-ins, without --purge. With it go also the
    off switch, /var/lib/pam-mktemp and /run/pam-mktemp.

    Sessions that are open keep their directory and their variables. Users' files are not removed, be they below
    /tmp/.private, in instances of other directories or in /tmp/shared-NAME: what is there is shown, with the commands
    that remove it. Done twice it is the same; what fails in the middle is finished by a second run.

    The exit status is 1 if PAM's files still name the module, and 3 if something cannot be removed.
    """
    if os.geteuid() != 0:
        raise PermissionError("the system's folders are root's")
    sessions = sum(record.alive for record in records.records())
    bases = remains.bases()
    done = uninstall.uninstall(purge=purge, dry_run=dry_run)
    if done.failed:
        error = done.failed[0]
        now = "nothing was changed" if dry_run else (
            "PAM no longer names the module, and what could be removed is; when that is mended, run it again")
        raise OSError(error.errno, f"{error.strerror}; {now}", error.filename)
    handed = remains.handed(handover.PREFIX, handover.SHARED)
    left = [*(one for base in bases for one in remains.remaining(base)), *handed]
    commands = [words for base in bases for words in remains.commands(base)]
    commands += [["rm", "-rf", "--one-file-system", one.path] for one in handed]
    report = Report("uninstall", settings, {
        "dry_run": dry_run, "purge": purge, "changes": [change.path for change in done.changes],
        "removed": done.removed, "kept": [{"path": path, "why": why} for path, why in done.kept],
        "open_sessions": sessions,
        "remaining": [{"path": one.path, "files": one.files, "bytes": one.bytes, "whole": one.whole} for one in left],
        "commands": commands})
    _show(report, done, dry_run)
    if sessions:
        report.notes.append(f"{sessions} sessions are open: they go on with the directory and the variables they have")
    if left:
        report.add("Users' files that remain", *(
            Row(one.path, _size(one), "" if one.whole else "and more") for one in left))
        report.add("To remove them, when their sessions have ended", *(Row(" ".join(words), "") for words in commands))
    return report


def _show(report: Report, done: Removal, dry_run: bool) -> None:
    changed = "would be changed back" if dry_run else "changed back"
    removed = "would be removed" if dry_run else "removed"
    rows = [Row(change.path, changed) for change in done.changes] + [Row(path, removed) for path in done.removed]
    rows += [Row(path, "kept", why) for path, why in done.kept]
    report.add("Uninstall", *(rows or [Row("nothing is left", "")]))


def _size(one: remains.Remain) -> str:
    return f"{one.files} files, {-(-one.bytes // 1024)} KiB"
