"""pam-mktemp status: which sessions are open, what went wrong lately, and where PAM runs the module.

The keys of --json beside those that report.py names:

    user uid           whose sessions were asked for, else null
    switched_off       true if /etc/security/pam_mktemp.off exists
    pam {services lines}               services whose sessions run the module; FILE:LINE of each line that says so;
                       null: needs root
    counts [{stage outcome sessions}]  open sessions; stage is "-" where there was no plan. null: needs root
    sessions [{user uid service pid since stage outcome reason directory namespace view}]
                       the open ones; since in Unix seconds; outcome is private, shared, failed-open, or "" while it
                       is being opened. namespace is the number of a private mount, view "made" or "joined"; null: none.
                       null: needs root
    stale              records of hosts that were killed; the planner removes them. null: needs root
    failures [{user service seconds policy message remembered planner}]
                       seconds: how long ago. remembered: the next login still heeds it. planner: it is the
                       planner's own and holds for all accounts (user and service are then null).
                       null: needs root
"""
from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import facts, status_rows
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.doctor.examine import read_stacks
from pam_mktemp_py.linux import accounts, boot
from pam_mktemp_py.pamstack.stack import Entry
from pam_mktemp_py.sessions import failures, records
from pam_mktemp_py.sessions.failures import Failure
from pam_mktemp_py.sessions.records import Record


@dataclass
class Found:
    """All that the report is made from; `root` is False, or `running` None, where only root can see it."""

    user: str = ""
    uid: int | None = None
    off: bool = False
    running: tuple[list[str], list[str]] | None = None
    root: bool = True
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    sessions: list[Record] = field(default_factory=list)
    stale: int = 0
    failures: list[Failure] = field(default_factory=list)


@click.command("status", short_help="Open sessions, stale records, last failures.")
@click.option("-u", "--user", metavar="USER|UID", shell_complete=facts.complete_user,
              help="Only the sessions and failures of this account.")
@click.pass_obj
def command(settings: Settings, user: str | None) -> Report:
    """Show the open sessions by stage and outcome, and what went wrong lately.

    Sessions that started without a directory or a view because there was none to be had are listed; with -v or --user
    all are. So are the failures that were noted for accounts and services: for 30 seconds logins heed them,
    and they stay to be seen until a login of the same account through the same service goes well. Stale
    records were left by programs that were killed; the planner removes them.

    It also says whether all is switched off, and which services run the module. Sessions and failures are
    for root to see. The exit status is 1 if an open session has no directory, or not its private /tmp, because of a
    failure, or if a failure is heeded now.
    """
    if user == "":
        raise click.UsageError("USER or UID cannot be empty")
    found = Found(off=os.path.lexists(settings.off))
    if user is not None:
        found.user, found.uid = _account(user)
    with suppress(PermissionError):
        found.running = running_in(read_stacks())
    try:
        _look(settings, found)
    except PermissionError:
        found.root = False
    report = Report("status", settings)
    status_rows.add_all(report, found)
    return report


def _account(user: str) -> tuple[str, int]:
    """Name and uid; a uid may have lost its account, and sessions still run. AccountError."""
    if accounts.lookup(user) is None and user.isascii() and user.isdigit() and len(user) < 11:
        return accounts.canonical_name(int(user)) if int(user) <= accounts.LARGEST_ID else "", int(user)
    account = facts.known(user)
    return account.name, account.uid


def _look(settings: Settings, found: Found) -> None:
    listed = settings.verbosity > 0 or settings.json or found.uid is not None
    for record in records.each(settings.folder(paths.SESSIONS)):
        if found.uid is not None and record.file.partition(".")[0] != str(found.uid):
            continue
        if not record.alive:
            found.stale += 1
            continue
        outcome = record.get("outcome")
        found.counts[record.get("stage"), outcome] += 1
        if listed or outcome == "failed-open":
            found.sessions.append(record)
    for failure in failures.each(boot.boottime_ns(), settings.folder(paths.FAILURES)):
        if found.uid is None or failure.user in ("", found.user):
            found.failures.append(failure)


def running_in(stacks: dict[str, list[Entry]]) -> tuple[list[str], list[str]]:
    """The services whose sessions run the module, and FILE:LINE of the lines that say so."""
    services, lines = [], set()
    for service, entries in sorted(stacks.items()):
        ours = [entry.where for entry in entries if entry.line.ours and not entry.line.trouble]
        if ours:
            services.append(service)
            lines.update(ours)
    return services, sorted(lines)
