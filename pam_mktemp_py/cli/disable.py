"""pam-mktemp disable: take the line out of PAM's files.

The keys of --json beside those that report.py names:

    services           as they were asked for; empty: everywhere
    dry_run changed    whether it was only shown, and whether anything was written
    changes            [{path diff}]
"""
from __future__ import annotations

import click

from pam_mktemp_py.cli import changes as shared
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.pamstack import enable


@click.command("disable", short_help="Take the line out of PAM's files.")
@click.option("-s", "--service", "services", metavar="SERVICE", multiple=True, shell_complete=shared.complete_service,
              help="Only from the file of this service in /etc/pam.d; may be given more than once.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@click.pass_obj
def command(settings: Settings, services: tuple[str, ...], dry_run: bool) -> Report:
    """Let new sessions be as they were without the module: take its line out of PAM's files. Root only.

    Without --service everything is taken back: the profile of pam-auth-update(8) is turned off, and each
    line in /etc/pam.d that names the module is removed, also one that was written by hand. What enable
    wrote is undone byte for byte. Sessions that are open go on with what they have.

    It works as well when the module is no longer installed, and twice is the same as once.
    The exit status is 1 if a file cannot be changed safely, or if a line written by hand jumps over the
    module's: without it the jump would lead elsewhere, or nowhere, which ends logins. Then nothing is changed.
    """
    shared.refuse_others("pam-mktemp disable")
    changes = enable.disable(list(services) or None, dry_run=dry_run)
    report = shared.report("disable", settings, changes, dry_run, "Disabled")
    report.data["services"] = list(services)
    return report
