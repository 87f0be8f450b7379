"""pam-mktemp shims verify: whether the remedies of the catalogue work here, by traced runs without and with each.

The keys of --json beside those that report.py names:

    results [{name state why version before after}]
                       state is proved, failed or skipped; before and after are the names in shared directories that
                       were touched without and with the remedy, null where there was no such run
    recorded           the file that the proofs were written to, null for none
    errors [{file line what do}]   of files that therefore do not count
"""
from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import Any

import click

from pam_mktemp_py.cli import facts, files, shims_list, shims_show
from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.pamstack import lock, places
from pam_mktemp_py.pamstack.signals import as_interrupts
from pam_mktemp_py.prove import verify
from pam_mktemp_py.prove.session import PYTHON
from pam_mktemp_py.prove.verify import FAILED, PROVED, SKIPPED, Result
from pam_mktemp_py.remedies import catalogue, proved
from pam_mktemp_py.remedies.catalogue import Catalogue
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.remedies.proved import Proof
from pam_mktemp_py.tracer import view

_WITHIN = re.compile(r"(?:~[\w.-]+)?/[^\s\"'`;&|()<>{}=:,$]+|~[\w.-]+")
_MARKS = {PROVED: "good", FAILED: "bad", SKIPPED: ""}
_RUN = ("import sys; sys.path.insert(0, sys.argv.pop(1)); from pam_mktemp_py.cli.main import main; main()")


@click.command("verify", short_help="Prove by traced runs that the remedies work here.")
@click.argument("programs", metavar="[PROGRAM]...", nargs=-1, shell_complete=shims_show.complete)
@click.option("-u", "--user", metavar="USER", shell_complete=facts.complete_user,
              help="Run the checks as USER, with the environment of a login. Root only.")
@click.option("--record", metavar="FILE", type=click.Path(readable=False),
              help="Write what is proved to FILE instead of /var/lib/pam-mktemp/shims/proved.toml.")
@click.pass_obj
def command(settings: Settings, programs: tuple[str, ...], user: str | None, record: str | None) -> Report:
    """Run the check of each PROGRAM, of all of the catalogue without one, under the detector: without its remedy and
    with it.

    An entry is proved if /tmp is touched without the remedy and not with it, and the program does its job both
    times; one that has nothing to remedy, if one run shows that. The commands have a HOME and a TMPDIR of their own,
    which are removed; what a program leaves in /tmp without its remedy stays there. What is not installed, or has
    no check, is skipped; as root so is a check that runs another account's file, which is a matter for --user.

    As root what is proved is recorded for this host, and so it is in the FILE of --record. As another user setuid
    and setgid programs run without their privilege under the detector, so that for instance ssh-agent has nothing
    to remedy.

    The exit status is 1 if an entry failed, or if the catalogue knows no such PROGRAM, and 3 where /tmp is a private
    one: as root it is run by pam-mktemp host then.
    """
    account = facts.known(user) if user is not None else None
    if account is not None and os.geteuid() not in (0, account.uid):
        raise TraceError(account.name, "only root can run a check as another user", "leave --user out")
    if view.private_directories(None, ("/tmp",)):  # as below sudo in a session that is bound: all would fail, and
        raise TraceError("/tmp", "it is a private one here, and nothing can be proved in it",  # be recorded as such
                         "as root: pam-mktemp host -- pam-mktemp shims verify")
    found = shims_list.load(settings)
    report = Report("shims verify", settings)
    entries = _wanted(found, programs, report)
    target = target_of(settings, record)
    known_in(target, record, settings)  # before the runs: what cannot be recorded is told at once
    results = []
    with as_interrupts():
        for entry in entries:
            members = [each for each in found.entries.values() if each.group == entry.group]
            why = _exposed(entry) if account is None and os.geteuid() == 0 else ""
            results.append(Result(entry, SKIPPED, why) if why else
                           verify.verify(entry, members, account, run_fresh()))
    report.data["results"] = [_data(result) for result in results]
    report.data["recorded"] = record_in(settings, target, record, results)
    _add_rows(report, results, bool(programs))
    shims_list.add_errors(report, found)
    return report


def _wanted(found: Catalogue, programs: tuple[str, ...], report: Report) -> list[Entry]:
    if not programs:
        return [entry for _, entry in sorted(found.entries.items())]
    wanted: dict[str, Entry] = {}
    for program in programs:
        entries = found.find(program)
        wanted |= {entry.name: entry for entry in entries}
        if not entries:
            report.add("Not in the catalogue", Row(program, "", shims_show.nothing(program, found), "bad"))
    return list(wanted.values())


def _exposed(entry: Entry) -> str:
    """Why root must not run the check of an entry, "" if it may: detect --fix -u stores another account's program."""
    words = [word for command in entry.check.commands for word in command] if entry.check else []
    # Within words as well: sh -c 'cd /home/her && ./it', make -f/home/her/it.
    within = [os.path.expanduser(found) for word in words for found in _WITHIN.findall(word)]
    for path in [*words, *within, *map(catalogue.literal, entry.recognise.paths)]:
        if path.startswith("/") and (fault := places.fault(path)) and _counts(fault.component):
            return f"{fault.component} is not root's alone, and root would run it: give --user"
    return ""


def _counts(path: str) -> bool:
    """Not /dev/null, nor what is missing in a folder of root's; what is missing in hers is there when root runs it."""
    try:
        return not stat.S_ISCHR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def run_fresh() -> tuple[str, ...]:
    """pam-mktemp run of this very package, whoever runs it."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return PYTHON, "-I", "-B", "-c", _RUN, package, "-q", "run", "--fresh", "--"


def _data(result: Result) -> dict[str, Any]:
    return {"name": result.entry.name, "state": result.state, "why": result.why, "version": result.version or None,
            "before": None if result.before is None else list(result.before),
            "after": None if result.after is None else list(result.after)}


def target_of(settings: Settings, record: str | None) -> str:
    """Where it is recorded: "" for nowhere. OSError."""
    if record is not None:
        files.check(record)
        return record
    return settings.state + proved.HOST if os.geteuid() == settings.owner else ""


def record_in(settings: Settings, path: str, record: str | None, results: list[Result]) -> str | None:
    """Keep what is proved in target_of(); what failed now is proved no longer. StackError, ConfigError, OSError."""
    if not path or all(result.state == SKIPPED for result in results):
        return None
    today, name = time.strftime("%Y-%m-%d", time.gmtime()), system()
    lone = lock.held("pam-mktemp shims", f"{settings.run}/setup.lock") if record is None else contextlib.nullcontext()
    with lone:  # what another has recorded while the programs ran stays
        known = known_in(path, record, settings)
        for result in results:
            if result.state == PROVED:
                known[result.entry.name] = Proof(result.version, today, name)
            elif result.state == FAILED:
                known.pop(result.entry.name, None)
        if record is None:
            for folder, mode in ((settings.state, 0o711), (os.path.dirname(path), 0o755)):  # closed, whatever the umask
                os.makedirs(folder, mode, exist_ok=True)
        files.write(path, proved.encode(known).decode())
        if record is None:
            os.chmod(path, 0o644)  # the umask is the caller's, and what others can write would not be read
    return path


def known_in(path: str, record: str | None, settings: Settings) -> dict[str, Proof]:
    """What was recorded there so far. ConfigError, OSError."""
    if not path:
        return {}
    if record is None:
        return proved.of_host(settings.state, settings.owner)
    try:
        with open(path, "rb") as file:
            return proved.decode(path, file.read())
    except FileNotFoundError:
        return {}


def system() -> str:
    """'Debian GNU/Linux 12 (bookworm), x86_64', of os-release(5)."""
    import platform
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.machine()}"


def _add_rows(report: Report, results: list[Result], named: bool) -> None:
    for state, title in ((FAILED, "Failed"), (PROVED, "Proved"), (SKIPPED, "Skipped")):
        rows = [Row(result.entry.name, result.version, result.why, _MARKS[state]) for result in results
                if result.state == state]
        if rows and (state != SKIPPED or named or report.settings.verbosity > 0):
            report.add(title, *rows)
    skipped = sum(result.state == SKIPPED for result in results)
    if skipped and not named and report.settings.verbosity <= 0:
        report.notes.append(f"{skipped} entries were skipped: not installed here, or without a check (-v: which)")
