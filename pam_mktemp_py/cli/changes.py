"""What enable and disable say alike: the changes, as a diff where they are only shown."""
from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import Error
from pam_mktemp_py.pamstack import stack
from pam_mktemp_py.pamstack.write import Change


def refuse_others(what: str) -> None:
    """Raise Error unless we are root."""
    if os.geteuid() != 0:
        raise Error("not-root", f"{what} changes /etc/pam.d; run it as root")


def report(command: str, settings: Settings, changes: list[Change], dry_run: bool, title: str) -> Report:
    """The report of either command."""
    made = Report(command, settings, {
        "dry_run": dry_run, "changed": bool(changes) and not dry_run,
        "changes": [{"path": change.path, "diff": change.diff()} for change in changes]})
    if dry_run and changes:
        made.text = "".join(change.diff() for change in changes)
    elif changes:
        made.add(title, *(Row(change.path, "written", "", "good") for change in changes))
    else:
        made.add(title, Row("nothing", "to change", "all is as it shall be already"))
    return made


def complete_service(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of PAM services for the shell's completion."""
    return [CompletionItem(name) for name in stack.services() if name.startswith(incomplete)]
