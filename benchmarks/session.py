#!/usr/bin/python3
"""What a PAM session costs with each module, side by side in one run. README.md says how to read it."""
from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(REPOSITORY))

import arena  # noqa: E402
import contenders as c  # noqa: E402
import figures  # noqa: E402
import program  # noqa: E402
from driver import Driver  # noqa: E402
from measure import phase, weigh  # noqa: E402
from report import Report  # noqa: E402

# A plan made less than 2 s after its configuration changed is fresh for 2 s only.
SETTLE_S = 2.2
CROWDED = ("permit", c.OURS, c.FIRST)


def prepare(args: argparse.Namespace, notes: list[str]) -> tuple[Driver, list[c.Contender]]:
    """The arena with every contender in it; one that cannot be had is noted and left out, ours never."""
    everyone = c.all_of(args.module, args.skip)
    arena.stage()
    source = arena.copy_sources(REPOSITORY)
    for i, path in enumerate(args.module):
        shutil.copy2(path, arena.STAGE / f"module{i}.so")
    if any(one.name == c.TMPDIR_PACKAGE for one in everyone):
        try:
            c.fetch_tmpdir()
        except arena.ArenaError as error:
            notes.append(f"{c.TMPDIR_PACKAGE} left out: {error}")
            everyone = [one for one in everyone if one.name != c.TMPDIR_PACKAGE]
    confdir = arena.STAGE / "pam.d"
    confdir.mkdir()
    for one in everyone:
        one.write(confdir)
    arena.build([one.user for one in everyone], args.tmp)
    driver = Driver(arena.STAGE, source, confdir, args.host)
    c.place_namespace({one.user for one in everyone})
    names = {one.name for one in everyone}
    if c.TMPDIR_PACKAGE in names:
        c.place_tmpdir()
    if {c.OURS, c.FIRST} & names:
        c.install(source)
    return driver, everyone


def benchmark(args: argparse.Namespace) -> Report:
    """All phases; raises ArenaError if something that they stand on fails."""
    report = Report(args.rounds, args.host, args.sessions)
    driver, everyone = prepare(args, report.notes)
    time.sleep(SETTLE_S)
    quiet = phase("sessions", driver, everyone, report)
    report.goals += figures.speed_goals(quiet)
    weigh(driver, everyone, report)
    if args.directories:
        c.crowd(args.directories)
        few = [one for one in everyone if one.name in CROWDED]
        crowded = phase(f"with {args.directories} directories", driver, few, report)
        report.goals += figures.crowded_goals(quiet, crowded)
    # Last, since it cannot be taken back: plans no longer know their account and NSS is asked.
    os.utime("/etc/passwd")
    named = {"permit", c.OURS, *(path.stem for path in args.module)}
    phase("after a change of /etc/passwd", driver, [one for one in everyone if one.name in named], report)
    return report


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=200, help="rounds of all contenders (default: 200)")
    parser.add_argument("--module", type=Path, action="append", default=[], metavar="PATH",
                        help="a further PAM module, e.g. a pam_mktemp.so (repeatable)")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME",
                        help="leave out contenders whose name starts so (repeatable)")
    parser.add_argument("--directories", type=int, default=0, metavar="COUNT",
                        help="measure again with COUNT directories under /tmp/.private")
    parser.add_argument("--sessions", type=int, default=1000, help="sessions of the leak check (default: 1000)")
    parser.add_argument("--tmp", choices=("ext4", "tmpfs"), default="ext4", help="file system of /tmp")
    parser.add_argument("--host", choices=("new", "usual"), default="new",
                        help="what opens the sessions: a process that did nothing before (default), "
                             "or one that has looked its user up")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """0: every goal met; 1: one missed; 2: usage; 3: could not measure."""
    args = arguments()
    return program.run("session.py", "table", args.json, lambda: benchmark(args))


if __name__ == "__main__":
    sys.exit(main())
