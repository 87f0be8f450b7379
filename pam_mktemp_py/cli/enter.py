"""pam-mktemp enter: look at /tmp as an account or a process sees it.

The keys of --json with --dry-run, beside those that report.py names:

    asked pid namespace    what was asked for; the process, and its mount namespace "mnt:[N]"
    mounts                 [{directory host maker about}] what it sees at /tmp and the like
    program                the path of the program
"""
from __future__ import annotations

import os

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import enter_run, facts
from pam_mktemp_py.cli.complaints import complain
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.directory import inspect
from pam_mktemp_py.errors import Error, Refused
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.namespace import enter, views
from pam_mktemp_py.namespace.whose import Group, Seen, Table


@click.command("enter", short_help="Run a command in the view of an account or a process.",
               context_settings={"allow_interspersed_args": False})
@click.option("--dry-run", is_flag=True, help="Only say which view it would be, and what is mounted there.")
@click.argument("whose", metavar="USER|PID", shell_complete=facts.complete_user)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@click.pass_obj
def command(settings: Settings, dry_run: bool, whose: str, command: tuple[str, ...]) -> Report | int:
    """Run COMMAND as root in the live view of USER, or in the mounts that the process PID sees.

    For root only. Of several views of USER, as after a change of the configuration, it is the newest; that of a
    service (run -s) only if there is no other. All digits are a PID, unless there is an account of that name.
    Refused are a user's own namespaces (unshare -Urm), chroots, containers, and sandboxes with another /etc or /usr.
    COMMAND is looked up before, and must be the same file there: nothing that USER has put
    into /tmp is run as root. It starts in the current directory if that is the same there, else in /.

    The exit status is that of COMMAND; 127 if there is none, 126 if it cannot be run, 125 if it was refused.
    """
    program = enter_run.prepared("enter", command)
    if isinstance(program, int):
        return program
    try:
        table = Table(folder=settings.folder(paths.VIEWS))
        group, pid, fd = _chosen(settings, table, whose)
        if dry_run:
            return _shown(settings, table, group, (whose, pid, program.path))
        enter_run.run(settings, fd, program)
    except (Error, OSError) as error:
        return enter_run.failed(error)


def _chosen(settings: Settings, table: Table, whose: str) -> tuple[Group, int, int]:
    account = accounts.lookup(whose)
    if account is None and whose.isascii() and whose.isdigit() and len(whose) <= 10:
        group = table.group_of(int(whose))
        if group is None:
            raise Refused(enter.ID, whose, "there is no such process, and no account of that name")
        return group, int(whose), enter.opened(int(whose), mark=group.marked)
    account = facts.known(whose)
    name = inspect.look(account, ["tmp"], settings.base, settings.state).name
    found = [group for group in table.groups.values() if group.marked and group.root == "/"
             and group.users == table.users and table.seen(group)[0].maker.name == name
             and table.seen(group)[0].maker.kind == "ours"]
    # One that root's `run -s NAME` made is of a service: what the account itself sees comes first, if there is that.
    found.sort(key=lambda group: (not _of_service(table.seen(group)[0]),
                                  views.made(group.namespace, settings.folder(paths.VIEWS))), reverse=True)
    if not found:
        raise Refused(enter.ID, whose, "has no live view: no open session of it has a private /tmp",
                      f"see its sessions and its directory with: pam-mktemp where {whose}")
    if len(found) > 1 and settings.verbosity >= 0:
        complain(f"{whose} has {len(found)} views; taking the newest, {found[0].namespace}", 0)
    for pid in found[0].pids:
        try:
            return found[0], pid, enter.opened(pid, found[0].namespace, found[0].marked)
        except (ProcessLookupError, FileNotFoundError):
            continue
    raise Refused(enter.ID, whose, "all processes of its view have just ended")


def _of_service(seen: Seen) -> bool:
    return os.path.basename(seen.host or seen.place).startswith(paths.SERVICE_LEAF)


def _shown(settings: Settings, table: Table, group: Group, asked: tuple[str, int, str]) -> Report:
    whose, pid, path = asked
    seen = table.seen(group)
    report = Report("enter", settings, {
        "asked": whose, "pid": pid, "namespace": group.namespace, "program": path,
        "mounts": [{"directory": each.directory, "host": each.host or None, "maker": each.maker.kind,
                    "about": each.maker.about} for each in seen]})
    report.add("It would be run", Row("program", path), Row("in the view", group.namespace, f"of process {pid}"))
    report.add("There", *(Row(each.directory, each.host or each.place, each.maker.about) for each in seen))
    return report
