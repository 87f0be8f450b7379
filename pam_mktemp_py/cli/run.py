"""pam-mktemp run: one command with a private /tmp.

The keys of --json with --dry-run, beside those that report.py names:

    user uid gid           as whom the command runs
    service                of --service; null without it
    user_namespace         true for others than root: setuid programs do not work there
    refused                why there can be none, null if all is well
    words [WORD]           what is run
    mounts [{target source options}]        in their order; source is "tmpfs" or a directory of the host's
    variables [{name value}]                what is set in addition to the caller's
"""
from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli import enter_run, facts, run_exec, run_plan
from pam_mktemp_py.cli.report import Report, Row, typed
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import DirectoryError, Error, Refused
from pam_mktemp_py.namespace import launch_users, view
from pam_mktemp_py.paths import service_of
from pam_mktemp_py.plan import Plan

NOTICE = "in a user namespace: sudo, ping and other setuid programs do not work there (-q: not said)"


def _account(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value == "":  # "$USER" in a script where it is not set: the command must not run as root then
        raise click.BadParameter("it is empty: no account has that name")
    return value or ""


def _directory(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def _named(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value == "":
        raise click.BadParameter("it is empty; use 1 to 12 of a-z, 0-9, _ and -")
    try:
        service_of(f"run/{value}" if value is not None else "run")
    except DirectoryError as error:
        raise click.BadParameter(str(error).removeprefix("run/")) from error
    return value or ""


@click.command("run", short_help="Run a command with a private /tmp.",
               context_settings={"allow_interspersed_args": False})
@click.option("-u", "--user", metavar="USER", callback=_account, shell_complete=facts.complete_user,
              help="Run it as USER, with USER's groups and HOME; for root only, and without a user namespace.")
@click.option("-s", "--service", metavar="NAME", callback=_named,
              help="An instance of a service's own, apart from its user's: 1 to 12 of a-z, 0-9, _ and -.")
@click.option("--share", metavar="PATH", multiple=True, shell_complete=_directory,
              help="A directory in the host's /tmp that stays visible; can be given several times.")
@click.option("--noexec", is_flag=True, help="Nothing in the private directories can be executed.")
@click.option("--fresh", is_flag=True, help="An empty /tmp, gone with the command's last process.")
@click.option("--dry-run", is_flag=True, help="Only print what it would do.")
@click.option("--plan", is_flag=True, hidden=True, help="Only make the launcher's plan.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@click.pass_obj
def command(
    settings: Settings, user: str, service: str, share: tuple[str, ...], noexec: bool, fresh: bool, dry_run: bool,
    plan: bool, command: tuple[str, ...],
) -> Report | int:
    """Run COMMAND with a private /tmp, the account's own or a service's, whatever the configuration's stage is.

    It takes our place: signals, the terminal and the exit status are COMMAND's, and no process of ours stays. It is
    looked up by PATH when the mounts are made, and starts in the current directory if there is one of that name
    then, else in /. As an ordinary user the mounts are made in a user namespace: uid, gid and groups stay, but
    sudo, ping and other setuid programs do not work; where such namespaces are forbidden it says by what. The
    account's directory must be there already; root makes what is missing.

    pam-mktemp-launch [-u USER] [-s NAME] COMMAND does the same from scripts, without the cost of Python's start.

    The exit status is that of COMMAND; 127 if there is none, 126 if it cannot be run, 125 if it was refused. With
    --dry-run it is 1 where no user namespace can be had.
    """
    wanted = run_plan.Wanted(user, service, tuple(path.rstrip("/") or path for path in share), noexec, fresh)
    try:
        if dry_run:
            return _shown(settings, wanted, command)
        made = run_plan.prepared(settings, wanted)
        if plan:
            return 0
        if os.geteuid() != 0:
            launch_users.check(made.name)
            if settings.verbosity >= 0:
                click.echo(f"pam-mktemp: {NOTICE}", err=True)
        run_exec.go(made, wanted, command)
    except (Error, OSError) as error:
        return enter_run.failed(error)


def _shown(settings: Settings, wanted: run_plan.Wanted, command: tuple[str, ...]) -> Report:
    made = run_plan.outlined(settings, wanted)
    report = Report("run", settings)
    refused = None
    if os.geteuid() != 0:
        try:
            launch_users.check(made.name)
        except Refused as error:
            refused = str(error)
    report.add("It would be run", *_who(made, wanted, command, refused))
    report.add("With these mounts", *(
        Row(target, source if source != target else "the host's own", _options(inode, source, flags))
        for source, _, inode, target, flags in made.mounts))
    report.add("With these variables", *(Row(name, value) for name, value in made.environment))
    report.data = {
        "user": made.name, "uid": made.uid, "gid": made.gid, "service": wanted.name or None,
        "user_namespace": os.geteuid() != 0, "refused": refused, "words": list(command),
        "mounts": [{"target": target, "source": source, "options": view.words(flags)}
                   for source, _, _, target, flags in made.mounts],
        "variables": [{"name": name, "value": value} for name, value in made.environment],
    }
    return report


def _who(made: Plan, wanted: run_plan.Wanted, command: tuple[str, ...], refused: str | None) -> list[Row]:
    rows = [Row("command", typed(command), command=True), Row("as", f"{made.name} (uid {made.uid}, gid {made.gid})"),
            Row("/tmp of", "nobody else: an empty one, gone with the last process" if wanted.fresh else
                f"the service {wanted.name}" if wanted.name else "the account itself")]
    if os.geteuid() != 0:
        rows.append(Row("user namespace", "cannot be had" if refused else "yes",
                        refused or "sudo, ping and other setuid programs do not work there", "bad" if refused else ""))
    return rows


def _options(inode: int, source: str, flags: int) -> str:
    new = "" if inode or source == "tmpfs" else ", which is made first"
    return view.words(flags) + new
