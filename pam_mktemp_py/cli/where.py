"""pam-mktemp where: which private directory belongs to an account or a path, and the other way round.

The keys of --json beside those that report.py names, for an account:

    asked kind         what was asked for, and whether it is a "user" or a "path"
    private            true; false for a path that is in no private directory
    user uid gid       the account whose directory it is
    directory          as pam-mktemp plan has it
    made_for           {uid name created} as its stamp says (created in Unix seconds); null: needs root, or none
    shared_with        names of other accounts with the same uid
    sessions           [{service pid since outcome reason directory}] that are open; null: needs root
    aside              paths of what was moved aside for it; null: needs root

And with --json for a path that is not in an account's private directory:

    path what          the path without links, and what it is
    owner              {uid name gid mode} of what is there
"""
from __future__ import annotations

import os
import pwd

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import facts, where_path
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.where_rows import add_account
from pam_mktemp_py.config.load import load
from pam_mktemp_py.errors import AccountError, ConfigError
from pam_mktemp_py.linux import accounts


@click.command("where", short_help="Which private directory belongs to whom.")
@click.argument("what", metavar="USER|UID|PATH", shell_complete=facts.complete_account_or_path)
@click.pass_obj
def command(settings: Settings, what: str) -> Report:
    """Show which private directory belongs to USER or UID, or whose the one is that PATH lies in.

    What holds a slash is a PATH, what is all digits and no account's name a UID; write ./name for a PATH
    without a slash. Of an account's directory it is said whether it exists and is as it must be, which
    accounts share it because they share a uid, which sessions are open in it, and what was moved aside. Of
    a PATH elsewhere: that it is not private, and to whom it belongs.

    Nothing is changed. The exit status is 1 if something is wrong with the directory, or if there is no such
    account or path.
    """
    report = Report("where", settings, {"asked": what, "kind": "user"})
    if not what or "\0" in what:
        raise click.UsageError("USER, UID or PATH cannot be empty")
    leaves = configured_leaves(settings, report)
    if "/" in what or what in (".", ".."):
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
