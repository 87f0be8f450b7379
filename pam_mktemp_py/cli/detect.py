"""pam-mktemp detect: which programs use /tmp although TMPDIR names another directory, how badly, and by which calls.

The keys of --json beside those that report.py names:

    words              of the command that was run; empty where none was
    tmpdir shared      the private directory, and the shared ones that were watched
    verdict            honours, hardcodes, mixed or none: of all programs together
    programs           [{program verdict private shared secure}]: how many names it made in the private directory and
                       in shared ones; secure: the loader takes TMPDIR from it
    findings           worst first, [{program path class danger rank cwe why name calls chain evidence example count
                       left next remedy}]: path has <pid> <uid> <user> <time> <display> <random> for what varies,
                       and name is that word, or "fixed"; class is shared-ipc, user-ipc, knob, secure-exec, hardcoded,
                       user-requested, anonymous, unusable-tmpdir, already-private or look-only; danger is critical,
                       high, medium, low or none, and rank (0 to 100) orders more finely; cwe ["CWE-59"...]; calls
                       {call: how often}; chain the programs that started it, the first one first; evidence
                       [{line pid program call}] of the log; example a real name, of which there were count, and left
                       of them remained; next what to do; remedy {entry kind group proved enabled command} of the
                       catalogue, null if it has none: proved as in shims list, command what enables it, or null
    dropped            calls on further names, which are not listed
    lines              lines of the log, all runs together
    unread unread_count            the first lines that were not understood, [{line text why}], and how many there were
    unresolved unresolved_count    the same for calls whose path cannot be known from the log
    cut                true: the last line of a log is not whole
    io_uring           true: a program used io_uring, whose calls no log has
    runs               [{status signal timed_out seconds filtered setuid_kept left left_in_tmpdir}] of each run: status
                       is the command's as a shell has it; left [{pid program}] processes that it left behind;
                       left_in_tmpdir names that were still there
    unit drop_in       a service's name and the drop-in for it, or ""
    fix                with --fix {why compared unseen programs}, null if nothing was found, else missing: why nothing
                       was tried, null if it was; compared is what had to be the same with a remedy; unseen [PROGRAM]
                       of those that did nothing of the kind when it was run again; programs [{programs paths state
                       why remedy catalogue tried entries}]: state is known (a remedy of the catalogue works: its
                       entries are in catalogue), found, nothing (to be done) or left (no remedy); remedy is its
                       kind; tried [{remedy result}]; entries [{name program file toml check refused}]: check says
                       whether the command became its check, refused why it is not in file, null else
"""
from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass

import click

from pam_mktemp_py import __version__, paths
from pam_mktemp_py.cli import detect_rows, detect_sources, facts, files
from pam_mktemp_py.cli.detect_remedies import Remembered
from pam_mktemp_py.cli.detect_sources import Wanted
from pam_mktemp_py.cli.detect_traces import Traced, line
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.detect.advice import drop_in, is_unit
from pam_mktemp_py.detect.judge import judged
from pam_mktemp_py.errors import Error


@dataclass(frozen=True)
class Fixing:
    """What becomes of an entry that --fix makes: it is shown alone, stored, or only looked at whether it could be."""

    write: bool = False
    dry_run: bool = False
    force: bool = False


@dataclass
class _How:
    """What only the answer needs."""

    sarif: str | None
    unit: str
    status: str
    fix: Fixing | None = None


@click.command("detect", short_help="Which programs ignore TMPDIR, and how dangerous that is.",
               context_settings={"allow_interspersed_args": False})
@click.argument("command", metavar="COMMAND...", nargs=-1, type=click.UNPROCESSED)
@click.option("-u", "--user", metavar="USER", shell_complete=facts.complete_user,
              help="Run it as USER, with the environment of a login. Root only.")
@click.option("--tmpdir", metavar="DIR", type=click.Path(readable=False),
              help="The private directory, instead of a fresh one; with --trace, the one that TMPDIR named then.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(0.1), help="End it after so long.")
@click.option("--runs", metavar="N", type=click.IntRange(1, 100), default=1, show_default=True,
              help="Run it N times: what is the same name each time is fixed, what is not is random.")
@click.option("-k", "--keep", metavar="FILE", type=click.Path(readable=False),
              help="Keep the log of strace in FILE, mode 0600; of N runs in FILE.1 to FILE.N.")
@click.option("-p", "--pid", "pids", metavar="PID", type=click.IntRange(1), multiple=True,
              help="Watch a process that runs, until it ends or Ctrl-C. May be given more than once.")
@click.option("-t", "--trace", metavar="FILE", type=click.Path(readable=False),
              help="Judge a log that was recorded before, by strace -f -y; .xz and .gz are unpacked, - is the standard "
                   "input.")
@click.option("-w", "--watch", metavar="DIR", multiple=True, type=click.Path(readable=False),
              help="A further shared directory beside /tmp, /var/tmp and /dev/shm. May be given more than once.")
@click.option("--wrapper", is_flag=True,
              help="COMMAND (or the first one of the log) only starts what is meant, as a script of one line does: the "
                   "paths that its children were given count as typed.")
@click.option("--all-calls", is_flag=True, help="Trace every call that names a file. Slower; shows who looks first.")
@click.option("--unit", metavar="NAME", help="The systemd service that it is about: a drop-in for it is shown.")
@click.option("--sarif", metavar="FILE", type=click.Path(readable=False), help="Write SARIF 2.1.0 to FILE, too.")
@click.option("--exit-status", type=click.Choice(["findings", "command"]), default="findings", show_default=True,
              help="Whose exit status to end with.")
@click.option("--fix", is_flag=True, help="Run it again and again, to find a remedy that works for each program.")
@click.option("--write", is_flag=True, help="With --fix: store the remedies that are found. Root only.")
@click.option("--dry-run", is_flag=True, help="With --write: only say what would be stored.")
@click.option("--force", is_flag=True, help="With --write: replace what is stored of a program, or shipped.")
@click.pass_obj
def command(settings: Settings, command: tuple[str, ...], user: str | None, tmpdir: str | None, timeout: float | None,
            runs: int, keep: str | None, pids: tuple[int, ...], trace: str | None, watch: tuple[str, ...],
            wrapper: bool, all_calls: bool, unit: str | None, sarif: str | None, exit_status: str, fix: bool,
            write: bool, dry_run: bool, force: bool) -> Report:
    """Run COMMAND with TMPDIR, TMP, TEMP and TEMPDIR set to a fresh private directory, trace it, and say whether it
    and all that it starts honour them.

    Its input, output, terminal and signals are its own; the report follows on the standard output when it has
    ended, or goes to -o FILE (before the command's name). The log of strace is removed unless --keep is given; it
    holds no environment. What is left in the fresh directory is counted and removed. Processes that COMMAND leaves
    behind are ended after a second, since strace's filter cannot be taken off them; they are named.

    Each finding is a program, a name in a shared directory, a class (whether the program could do otherwise, or
    must meet others there), how another user could attack it, with the CWE, and what to do next. Its evidence are
    the calls themselves. A name that you typed yourself, what lies in a mount of its own, and what was only looked
    at are shown, and not counted. -v shows all evidence.

    With --pid no filter is possible, and everything the process does is slower for that long; it runs on after
    Ctrl-C. As another user than root, setuid and setgid programs run without their privilege under strace, and
    are marked as what they would do with it cannot be seen.

    --fix tries remedies for each program that was found, from the least to the most invasive: the catalogue's, a
    variable that the program's file names (for the session, then for this program alone), a private /tmp. The first
    one counts with which the program touches nothing shared and COMMAND does as it did: it ends with 0, and prints
    what it printed, where that is the same twice. So COMMAND and its side effects run several times, without
    terminal and input; it must ask for nothing. The entry for the catalogue is shown, with COMMAND as its check and
    proved by it; --write stores it in /etc/security/pam_mktemp.d/shims, together with the proof.

    The exit status is 0 if no program used a shared directory of its own accord, 1 if one did (with --fix: and a
    remedy is lacking), 3 if it could not be traced; with --exit-status=command that of COMMAND.
    """
    wanted = Wanted(command, user, tmpdir, timeout, runs, keep, pids, trace, watch, wrapper, all_calls)
    _check(wanted, exit_status, unit)
    how = Fixing(write, dry_run, force) if fix else None
    _check_fix(settings, wanted, how, write or dry_run or force)
    if sarif is not None:
        files.check(sarif)
    traces, context = detect_sources.trace(wanted, settings)
    return _report(settings, wanted, traces, context, _How(sarif, unit or "", exit_status, how))


def _check(wanted: Wanted, exit_status: str, unit: str | None) -> None:
    """Raise UsageError for what does not go together."""
    sources = [bool(wanted.command), bool(wanted.pids), wanted.trace is not None]
    if sum(sources) != 1:
        raise click.UsageError("give one of COMMAND, --pid and --trace" if sum(sources) else
                               "what shall be traced? Give COMMAND, --pid PID or --trace FILE")
    if not wanted.command and (exit_status == "command" or wanted.runs > 1 or wanted.user is not None):
        raise click.UsageError("--user, --runs and --exit-status=command need a COMMAND")
    if wanted.trace is not None and not wanted.tmpdir:
        raise click.UsageError("--trace needs --tmpdir DIR: what TMPDIR was when the log was recorded")
    if wanted.trace is not None and (wanted.keep or wanted.timeout or wanted.all_calls):
        raise click.UsageError("--keep, --timeout and --all-calls are for what is traced now, not for --trace")
    if unit is not None and not is_unit(unit):
        raise click.BadParameter(f"{unit!r} is no name of a service", param_hint="--unit")
    for folder in (*wanted.watch, *([wanted.tmpdir] if wanted.tmpdir else [])):
        if not folder.startswith("/"):
            raise click.BadParameter(f"{folder!r} is no absolute path", param_hint="--watch and --tmpdir")


def _check_fix(settings: Settings, wanted: Wanted, how: Fixing | None, stores: bool) -> None:
    """UsageError, Error."""
    if how is None and stores:
        raise click.UsageError("--write, --dry-run and --force need --fix")
    if how is None:
        return
    if not wanted.command:
        raise click.UsageError("--fix needs a COMMAND: it runs it again")
    if (how.dry_run or how.force) and not how.write:
        raise click.UsageError("--dry-run and --force need --write")
    if wanted.tmpdir or wanted.watch or wanted.wrapper:
        raise click.UsageError("--fix does not go with --tmpdir, --watch and --wrapper")
    if how.write and not how.dry_run and os.geteuid() != settings.owner:  # before the command runs
        raise Error("not-root", f"--write changes {paths.drop_in_folder(settings.config)}/shims; run it as root")


def _report(settings: Settings, wanted: Wanted, traces: list[Traced], context: detect_sources.Context,
            how: _How) -> Report:
    remedies = Remembered(settings)
    verdict = judged([each.counted for each in traces], remedies.known)
    unit = how.unit or next((each.unit for each in traces if each.unit), "")
    if unit and not unit.endswith(".service"):
        unit += ".service"
    report = Report("detect", settings, {
        "words": list(wanted.command), "tmpdir": context.tmpdir, "shared": list(context.shared)})
    report.data |= detect_rows.data(verdict, traces, remedies)
    report.data |= {"unit": unit, "drop_in": drop_in(unit, verdict.findings) if unit else ""}
    detect_rows.add_all(report, verdict, traces, unit)
    report.notes += dict.fromkeys(note for each in traces for note in each.notes)
    report.notes += remedies.notes
    if how.sarif is not None:
        from pam_mktemp_py.detect.sarif import sarif as as_sarif
        document = as_sarif(verdict, __version__, line(wanted.command), all(each.complete for each in traces),
                            remedies.data)
        files.write(how.sarif, json.dumps(document, indent=2) + "\n")
    if how.fix is not None:
        report.data["fix"] = None
        if verdict.fault:
            from pam_mktemp_py.cli import detect_fix  # here: nothing else needs it
            detect_fix.add(report, wanted, verdict, remedies.all, how.fix)
    if how.status == "command":
        report.status = traces[-1].status
    sys.stdout.flush()
    return report
