"""pam-mktemp enable: put the line into PAM's files.

The keys of --json beside those that report.py names:

    services           as they were asked for; empty: what the distribution shares
    user               the account whose session was opened to try the change
    arguments          of the line
    dry_run changed    whether it was only shown, and whether anything was written
    changes            [{path diff}]
    running            {service: [FILE:LINE]} of the lines by which a service now runs the module
"""
from __future__ import annotations

import os

import click

from pam_mktemp_py import paths
from pam_mktemp_py.cli import changes as shared, facts
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.load import load
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.pamstack import enable, places, trial


@click.command("enable", short_help="Put the line into PAM's files.")
@click.option("-s", "--service", "services", metavar="SERVICE", multiple=True, shell_complete=shared.complete_service,
              help="Only this service, a name in /etc/pam.d such as su or sshd; may be given more than once.")
@click.option("-u", "--user", metavar="USER", shell_complete=facts.complete_user,
              help="The account whose session is opened to try the change. Default: who called sudo, else the first "
                   "ordinary account, else nobody.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@click.pass_obj
def command(settings: Settings, services: tuple[str, ...], user: str | None, dry_run: bool) -> Report:
    """Let sessions have a private directory: put the module's line into PAM's files. Root only.

    Without --service this is done as Debian does it: the profile pam-mktemp of pam-auth-update(8) is turned
    on, which adds the line to common-session and common-session-noninteractive, and so to all services that
    include them. With --service the line is added to the named files of /etc/pam.d alone, after their last
    session line. A service that already runs the module, through an include too, is left as it is.

    \b
    The line is
      session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so
    so that a module that has gone missing locks nobody out. It gets the argument fail=closed if the
    configuration has failure = "closed", and config=FILE if --config names another than the usual one.

    Before the change and after it, a session of USER is opened through the changed files (no password is
    asked, no other module is run) and closed again; the private directory that it makes stays. If it is not
    as it must be, nothing is changed, or the old files are put back. Files are replaced in one step and keep
    owner, mode and access list; twice is the same as once, and disable undoes it exactly.

    Refused are files that somebody else could write or has changed meanwhile, links, files that authselect
    writes (the commands to use instead are shown), and an installation or a configuration in places that
    not only root can write. The exit status is then 1.
    """
    shared.refuse_others("pam-mktemp enable")
    if user is not None:
        facts.known(user)
    user = user or trial.account(os.environ.get("SUDO_USER"))
    arguments = arguments_of(settings)
    if why := places.root_only(os.path.dirname(settings.config)):
        raise ConfigError(settings.config, 0, f"not only root could change what every login reads: {why}")
    changes = enable.enable(list(services), arguments=arguments, user=user, dry_run=dry_run)
    report = shared.report("enable", settings, changes, dry_run, "Enabled")
    running = {service: enable.running(service) for service in services}
    report.data |= {"services": list(services), "user": user, "arguments": arguments, "running": running}
    for service, where in running.items():
        if where and not any(change.path == f"/etc/pam.d/{service}" for change in changes):
            report.notes.append(f"{service} already runs the module: {', '.join(where)}")
    return report


def arguments_of(settings: Settings) -> list[str]:
    """The arguments that the line needs with this configuration. Raises ConfigError."""
    arguments = []
    if settings.config != paths.CONFIG:
        if not settings.config.isascii() or not settings.config.isprintable() or set(settings.config) & set(" #[]\\"):
            raise ConfigError(settings.config, 0, "this path cannot be written in a line of PAM's", "give it another")
        arguments.append(f"config={settings.config}")
    if load(settings.config, owner=settings.owner).failure == "closed":
        arguments.append("fail=closed")
    return arguments
