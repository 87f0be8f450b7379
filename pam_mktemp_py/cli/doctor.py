"""pam-mktemp doctor: what a login really gets, and everything that is wrong on this machine.

The keys of --json beside those that report.py names:

    user service       whose session was opened, and through which service ("" if none runs the module)
    findings           the problems, [{id kind what where why do commands}]: kind is problem, where FILE:LINE, a
                       path, a service or "", commands [[program argument...]] that root can run as they stand
    notes              what is worth knowing and needs nothing done: the same fields, kind is note
    checks             how many checks were made
    checked            [{name about findings notes}]: each check, and how many problems and notes it had
    effects            [{module where what}] of --full: what the modules do that really ran
    session            null if none was opened, else {code reason outcome why messages environment record usable
                       mounts reached}: code and reason are PAM's answer; outcome is private, shared,
                       failed-open, refused, off or not-reached, and why its reason; messages are what modules
                       said to the user; environment is what PAM gives the session; record has the fields of the
                       session's record; usable says for each variable "" or why the account itself could make
                       no file there; mounts are the mount points that the session made
    needs_root         true: no session was opened, and what only root can see was not looked at
"""
from __future__ import annotations

import os
import pwd

import click

from pam_mktemp_py.cli import doctor_rows, facts
from pam_mktemp_py.cli.report import Report, shown
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.doctor import checks
from pam_mktemp_py.doctor.examine import examine
from pam_mktemp_py.errors import AccountError
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.linux.accounts import Account


@click.command("doctor", short_help="What a login really gets, and what is wrong.")
@click.argument("user", required=False, shell_complete=facts.complete_user)
@click.option("-s", "--service", metavar="SERVICE", shell_complete=facts.complete_service,
              help="The PAM service to open a session through: a name in /etc/pam.d. Default: the first of sshd, "
                   "login, su-l, su, cron and the others whose session stack runs the module.")
@click.option("--full", is_flag=True,
              help="Run all session modules of the service, with all that they do, not only this module's line.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(0.1, 3600), default=30, show_default=True,
              help="How long the session may take to open and close; then its processes are killed.")
@click.pass_obj
def command(settings: Settings, user: str | None, service: str | None, full: bool, timeout: float) -> Report:
    """Open a session of USER for real, see what it gets, and say what is wrong and what to do about it.

    Nobody's password is asked and no failed login is counted: the session is opened in a process with its own
    mount namespace, where /etc/pam.d is a copy in which auth and account are permitted. It is closed again, and
    leaves only what any login of USER leaves: the directory and its plan. USER is by default who called sudo,
    else the caller.

    By default only the module's line of the service's session stack is run, and its place in the stack is tried with
    every other module replaced by pam_permit.so. With --full all session modules run, and what they do to the
    system they really do: pam_systemd registers a session with logind, pam_lastlog writes the record of last
    logins, pam_mkhomedir makes a home, pam_exec and pam_script run programs, pam_mount mounts, pam_motd may run
    update-motd. Which of them the service has is said before they run, and modules unknown here are named.

    Looked at are: the session's outcome, variables, directory, plan and record; the configuration; other modules
    and settings in the way; services without the module; the kernel's protections of shared directories; tmp
    cleaners; sudo; the installation. Each problem says what to do, and where commands can do it, which. What is
    only noted is said in one line each; with --verbose (before the command's name) in full.

    Without root: one's own account, and no session is opened. The exit status is 1 if there is a problem;
    what is only noted does not count.
    """
    root = os.geteuid() == 0
    account = _account(user, root)
    if service is not None and (not service or "\0" in service):
        raise click.UsageError("SERVICE cannot be empty")
    announced: list[tuple[str, str, str]] = []

    def announce(found: list[tuple[str, str, str]]) -> None:
        announced.extend(found)
        for module, where, what in found if settings.verbosity >= 0 else []:
            click.echo(f"pam-mktemp: runs {shown(module)} ({shown(where)}), which {what}", err=True)

    patient = examine(account, service, settings.config, full=full, root=root, announce=announce, timeout=timeout)
    report = Report("doctor", settings)
    doctor_rows.add_all(report, patient, checks.run(patient), announced)
    return report


def _account(user: str | None, root: bool) -> Account:
    """Whom to look at. AccountError; PermissionError for another's account without root."""
    if user is not None and (not user or "\0" in user):
        raise click.UsageError("USER cannot be empty")
    if user is None:
        user = os.environ.get("SUDO_USER", "") if root else ""
        if user and accounts.lookup(user) is None:  # anybody can set that variable
            user = ""
    if not user:
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            raise AccountError(str(os.getuid()), "no account has this uid; name one") from None
    account = facts.known(user)
    if not root and account.uid != os.getuid():
        raise PermissionError(1, "another's account is looked at by root alone", user)
    return account
