"""pam-mktemp plan: what the next login of an account is given, with the reason for each line.

The keys of --json beside those that report.py names:

    user uid gid       the account
    service            the PAM service that would open the session
    switched_off       true if /etc/security/pam_mktemp.off exists
    stage reason       off, env, shim or bind, and the line of the configuration that decided; null if it cannot be used
    failure {policy reason}        open or closed: what happens when no directory can be had
    fresh {seconds reason}         for how long a plan made now would be used
    variables [{name value reason}]          what is exported
    view               which /tmp is seen: "bind" the account's own, "host" the host's, "keep" the caller's
    view_name          of the private mount; null without one, and where not all of it is there yet
    mounts [{source target flags device inode}]     in the order of mounting; flags such as "nosuid,nodev"
    not_mounted        sentences: what is configured and left out, with the reason
    depends [{path state}]         files whose change ends the plan: present or absent
    config {path error warnings}   error is null or what is wrong with the configuration
    directory          null at stage off, else {path name name_reason form parts stamp append_only refused
                       in_use}; parts [{path fate why uid gid mode device inode}], fate being kept, made, mended,
                       replaced or unknown; in_use: a path that is to be replaced, but an open session uses it
    stored [{service right why differs expires_in path}]        plans in /run; null: needs root
    remembered [{policy message seconds_left planner}]          failures not forgotten yet; null: needs root
"""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from pam_mktemp_py import paths, plan as plans, planner
from pam_mktemp_py.cli import facts
from pam_mktemp_py.cli.plan_rows import add_all
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.load import load
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.directory import foreseen, inspect
from pam_mktemp_py.directory.seen import KEPT, REPLACED, Look
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.linux import boot
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.namespace import view
from pam_mktemp_py.policy.decide import Decision
from pam_mktemp_py.sessions import records, stored

if TYPE_CHECKING:
    from pam_mktemp_py.namespace.view import Mount

USUAL_SERVICE = "login"


@dataclass
class Found:
    """All that the report is made from; `stored` and `remembered` are None where they need root."""

    account: Account
    service: str
    config: Config | None = None
    decision: Decision | None = None
    error: ConfigError | None = None
    look: Look | None = None
    mounts: list[Mount] = field(default_factory=list)
    not_mounted: list[str] = field(default_factory=list)
    off: bool = False
    stored: list[stored.Stored] | None = None
    remembered: list[tuple[bool, int, str, str]] | None = None
    in_use: str = ""
    boot: str = ""
    now: int = 0


@click.command("plan", short_help="What the next login of USER is given, and why.")
@click.argument("user", shell_complete=facts.complete_user)
@click.option("-s", "--service", metavar="SERVICE", default=USUAL_SERVICE, show_default=True,
              shell_complete=facts.complete_service,
              help="The PAM service that opens the session: a name in /etc/pam.d, such as sshd, su-l or cron.")
@click.option("--text", is_flag=True, help="Print the plan itself, as the planner would write it now.")
@click.pass_obj
def command(settings: Settings, user: str, service: str, text: bool) -> Report:
    """Show what the next login of USER through SERVICE is given, with the reason for each line.

    That is: the stage and the line of the configuration that decided it; what happens if no directory can
    be had; the directory as it is, or what a login would do about it; each variable; which /tmp is seen, and
    at stage bind each mount that makes the private one; the files that the
    decision depends on, and for how long it is relied on. For root also the plans and the failures that
    are stored in /run/pam-mktemp, whether the next login uses them, and if not, why.

    Nothing is made, repaired or written. The exit status is 1 if something is wrong that a login would
    have to put right, or could not.
    """
    if not user or not service or "\0" in user + service:
        raise click.UsageError("USER and SERVICE cannot be empty")
    found = Found(facts.known(user), service, boot=boot.boot_id(), now=boot.boottime_ns())
    plans.key(user, service)  # what no file can bear, no login is given either
    request = planner.Request(user, service, settings.config)
    try:
        found.config = load(settings.config, owner=settings.owner)
        found.account, found.decision = planner.decision_of(request, found.config)
    except ConfigError as error:
        if text or isinstance(error.__cause__, PermissionError):
            raise
        found.error = error
    if found.decision is not None and found.decision.stage != "off":
        leaves = [name for name, _ in found.decision.directories]
        found.look = inspect.look(found.account, leaves, settings.base, settings.state)
        if found.config is not None and found.decision.view == "bind" and not found.look.refused:
            parts, found.not_mounted = foreseen.look(found.config, found.account, paths.service_of(service) or "",
                                                     found.look, settings.state)
            found.mounts = view.lines(parts)
    report = Report("plan", settings)
    if text:
        return _as_text(report, request, found)
    found.off = os.path.lexists(settings.off)
    _look_in_run(settings, found)
    add_all(report, found)
    return report


def _as_text(report: Report, request: planner.Request, found: Found) -> Report:
    if found.config is None or found.decision is None:
        raise ValueError("no decision")
    ready = None
    if found.look is not None:
        if found.look.refused:
            raise OSError(found.look.refused)
        ready = found.look.prepared()
        if any(seen.fate != KEPT for seen in found.look.chain) or any(not mount[2] for mount in found.mounts):
            report.notes.append("not all of the directory is there and right (see the plan without --text): "
                                "device and inode of what a login would make are shown as 0, its stamp as ?")
        elif ready.stamp == "?":
            report.notes.append("the stamp needs root and is shown as ?")
    made = planner.plan_of(request, found.config, found.account, found.decision, ready, found.now, found.mounts)
    report.text = plans.encode(made).decode("ascii")
    report.data = {"text": report.text}
    return report


def _look_in_run(settings: Settings, found: Found) -> None:
    try:
        found.stored = stored.of_user(found.account.name, settings.folder(paths.PLANS))
        found.remembered = []
        for name in ("@planner", plans.key(found.account.name, found.service)):
            memo = stored.remembered(name, found.now, settings.folder(paths.FAILURES))
            if memo is not None:
                found.remembered.append((name == "@planner", *memo))
        for part in found.look.chain if found.look else []:
            about = part.found
            if part.fate == REPLACED and about is not None and \
                    records.in_use(about.st_dev, about.st_ino, settings.folder(paths.SESSIONS)):
                found.in_use = part.path
    except PermissionError:
        found.stored = found.remembered = None
