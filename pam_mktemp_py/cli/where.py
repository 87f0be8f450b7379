"""pam-mktemp where: which private directory belongs to an account or a path, and the other way round.

The keys of --json beside those that report.py names, for an account:

    asked kind         what was asked for, and whether it is a "user", a "path" or a "process"
    private            true; false for a path that is in no private directory
    user uid gid       the account whose directory it is
    directory          as pam-mktemp plan has it
    made_for           {uid name created} as its stamp says (created in Unix seconds); null: needs root, or none
    shared_with        names of other accounts with the same uid
    sessions           [{service pid since outcome reason directory}] that are open; null: needs root
    views              [{name namespace made directory deleted processes}] its private mounts in which processes live,
                       the newest first: the view's name ("": no login lives in it), "mnt:[N]", when it was made (Unix
                       seconds), the path of its /tmp on the host (null: there is none) and whether that was removed,
                       and the processes; null: needs root
    aside              paths of what was moved aside for it; null: needs root

And with --json for a path that is not in an account's private directory:

    path what          the path without links as the host has it, and what it is
    owner              {uid name gid mode} of what is there

And with --json for every path:

    seen_by            {directory [pid]}: the processes that have it as their /tmp, /var/tmp or /dev/shm
    hidden             how many processes only root can look at

And with --json for a process:

    pid namespace          the process, and its mount namespace "mnt:[N]"; null: needs root
    seen [{directory host place maker about name deleted together}]
                           what it sees at /tmp and the like: the path on the host (null: there is none), the place in
                           the file system, who made it (host, ours, systemd, pam_namespace, snap, flatpak,
                           user-namespace, container, chroot, unknown), and the processes that see the same
    hidden                 how many processes only root can look at
"""
from __future__ import annotations

import os
import pwd

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import facts, where_path, where_pid
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.where_rows import add_account
from pam_mktemp_py.config.load import load
from pam_mktemp_py.errors import AccountError, ConfigError
from pam_mktemp_py.linux import accounts


@click.command("where", short_help="Which private directory belongs to whom.")
@click.argument("what", metavar="USER|UID|PID|PATH", shell_complete=facts.complete_account_or_path)
@click.option("--pid", is_flag=True, help="The number is a PID, whatever accounts there are.")
@click.option("--uid", is_flag=True, help="The number is a UID, also if there is a process of that number.")
@click.pass_obj
def command(settings: Settings, what: str, pid: bool, uid: bool) -> Report:
    """Show which private directory belongs to USER or UID, whose the one is that PATH lies in, or what PID sees.

    What holds a slash is a PATH; write ./name for a PATH without a slash. What is all digits and no account's name
    is a PID if there is such a process, else a UID. Of a process it is said which directories it really has at
    /tmp, /var/tmp and /dev/shm, who made it so, and which other processes see the same.

    Of an account's directory it is said whether it exists and is as it must be, which accounts share it because
    they share a uid, which sessions are open in it, which processes live in private views of it, and what was
    moved aside. Of a PATH elsewhere: that it is not private, and to whom it belongs. Of every PATH, which processes
    have it as their own /tmp and the like. Who asks from inside of a private view is told what the PATH is outside.

    Nothing is changed. The exit status is 1 if something is wrong with the directory, or if there is no such
    account or path.
    """
    report = Report("where", settings, {"asked": what, "kind": "user"})
    if not what or "\0" in what:
        raise click.UsageError("USER, UID or PATH cannot be empty")
    leaves = configured_leaves(settings, report)
    number = what.isascii() and what.isdigit() and len(what) <= 10
    if (pid or uid) and (pid and uid or not number):
        raise click.UsageError("--pid and --uid say what a number is, one or the other")
    if pid or (number and not uid and accounts.lookup(what) is None and os.path.exists(f"/proc/{int(what)}")):
        report.data["kind"] = "process"
        if not pid:
            report.notes.append(f"{what} is taken as a process; for the account write: where --uid {what}")
        where_pid.answer(report, int(what))
    elif "/" in what or what in (".", ".."):
        report.data["kind"] = "path"
        where_path.answer(report, what, leaves)
    else:
        add_account(report, _account(what), leaves)
    return report


def configured_leaves(settings: Settings, report: Report) -> list[str]:
    """The names of the directories that an account has; 'tmp' if the configuration cannot tell."""
    try:
        return [name for name, _ in load(settings.config, owner=settings.owner).directories]
    except ConfigError as error:
        report.notes.append(f"{error} (so only {paths.PRIVATE}/USER/tmp is looked at)")
        return ["tmp"]


def _account(what: str) -> accounts.Account:
    account = accounts.lookup(what)
    if account is not None:
        return account
    if what.isascii() and what.isdigit():
        try:
            return facts.known(pwd.getpwuid(int(what)).pw_name)
        except (KeyError, OverflowError, ValueError):  # ValueError: 4,300 digits
            raise AccountError(what, "no account has this uid, or the directory service is down") from None
    if os.path.lexists(what):
        raise AccountError(what, f"no such account; for the file of that name write ./{what}")
    return facts.known(what)
