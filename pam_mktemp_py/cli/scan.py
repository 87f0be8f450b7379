"""pam-mktemp scan: which files look as if they used a shared directory whatever TMPDIR says.

The keys of --json beside those that report.py names:

    paths watched      what was looked at, and the directories that were looked for
    scanned            how many files were looked at
    kinds              {kind number}: of which kinds they were; files of no kind are in scanned alone
    candidates         [{path kind read level reason cwe line offset evidence}], one for each place: kind is elf,
                       python, shell, perl, php, ruby or properties; read is how it was read: sections or segments of
                       an ELF file, the tree of Python, else strings; level is likely, possible or weak; cwe may be
                       ""; line counts from 1 and is 0 in an ELF file, offset is in bytes and -1 where there is none
    more               paths of candidates with more places than are shown
    skipped            [{path why}]: what could not be read
    cut                [{path bytes}]: what was too large, and how many of its first bytes were looked at
    dropped            how many further candidates and skipped paths are not listed, because there are too many
"""
from __future__ import annotations

import os

import click

from pam_mktemp_py.cli import scan_rows
from pam_mktemp_py.cli.report import Report
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.scan.model import Limits
from pam_mktemp_py.scan.run import run
from pam_mktemp_py.scan.watched import DIRECTORIES, Watched

LEAST = 3  # characters of a directory to look for: /x is in too much


def directory(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The directories of --watch, normalised."""
    normal = tuple(os.path.normpath(each) for each in value)
    for given, each in zip(value, normal):
        if not each.startswith("/") or len(each) < LEAST or not each.isprintable():
            raise click.BadParameter(f"{given!r} is no absolute path of at least {LEAST} characters", ctx, parameter)
    return normal


@click.command("scan", short_help="Which files look as if they ignored TMPDIR.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--watch", metavar="DIR", multiple=True, callback=directory,
              help="A shared directory to look for beside /tmp, /var/tmp and /dev/shm.")
@click.option("--exclude", metavar="GLOB", multiple=True,
              help="Leave out files and directories below PATH whose name, or whole path as shown, matches.")
@click.option("--max-size", metavar="MB", type=click.IntRange(1, 4096), default=64, show_default=True,
              help="How much of a program's data is looked at; of a script it is always 2 MB.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), default=None,
              help="How many processes look. Default: one for each processor.")
@click.pass_obj
def command(settings: Settings, paths: tuple[str, ...], watch: tuple[str, ...], exclude: tuple[str, ...],
            max_size: int, jobs: int | None) -> Report:
    """Look at files without running them, and name those that may use /tmp whatever TMPDIR says.

    PATH is a file or a directory, which is looked at with all that is below it on the same file system; links
    are not followed. Of programs (ELF) the imports of mktemp, tmpnam, tempnam and tmpfile count, and strings that
    begin with a shared directory; of Python what the syntax tree shows; of shell, Perl, PHP and Ruby scripts and
    Java properties their strings. Nothing is run, and only regular files are opened.

    What is found are candidates, each with its reason, and no verdict: a program can have the path in a library
    or a configuration file, or never use the one that it has. Of 12 programs that provably ignore TMPDIR, their
    strings alone gave away 2. Proof is pam-mktemp detect, which runs the program and watches it.

    A candidate is likely, possible (it has TMPDIR as a string too, say) or weak (a fallback where TMPDIR is not
    set, a comparison, a mention). Weak ones are only counted; with --verbose (before the command's name) they are
    listed, and all that is known of each file. The exit status is 1 if there are candidates that are not weak.
    """
    watched = Watched((*DIRECTORIES, *watch))
    limits = Limits(elf=max_size << 20)
    with scan_rows.progress(settings) as progress:
        outcome = run(paths, watched, limits, exclude, jobs or len(os.sched_getaffinity(0)), progress)
    report = Report("scan", settings)
    scan_rows.add_all(report, paths, watched, outcome)
    return report
