#!/usr/bin/python3
"""What a PAM session costs with each module, side by side in one run. README.md says how to read it."""
from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import random
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(REPOSITORY))

import arena  # noqa: E402
import contenders as c  # noqa: E402
import figures  # noqa: E402
from driver import Driver  # noqa: E402

WARM_UP = 3
# A plan made less than 2 s after its configuration changed is fresh for 2 s only.
SETTLE_S = 2.2
CROWDED = ("permit", c.OURS, c.FIRST)
MEMORY = ("open_kb", "after_kb", "own_kb", "leaked_kb", "leaked_fds")


@dataclasses.dataclass
class Report:
    """All that a run found; the fields of a memory row are named in MEMORY."""

    rounds: int
    leak_count: int
    phases: dict[str, dict[str, figures.Times]] = dataclasses.field(default_factory=dict)
    memory: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    goals: list[figures.Goal] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def as_json(self) -> str:
        """The same for programs; times in microseconds."""
        machine = {"kernel": platform.release(), "processors": os.cpu_count(), "interpreter": c.INTERPRETER}
        phases = {phase: {n: t._asdict() for n, t in times.items()} for phase, times in self.phases.items()}
        return json.dumps({
            "schema": 1, "machine": machine, "rounds": self.rounds, "leak_sessions": self.leak_count,
            "us": phases, "memory": {n: dict(zip(MEMORY, m)) for n, m in self.memory.items()},
            "goals": [{**goal._asdict(), "met": goal.met} for goal in self.goals], "notes": self.notes,
        }, indent=2)


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
    driver = Driver(arena.STAGE, confdir)
    c.place_namespace()
    names = {one.name for one in everyone}
    if c.TMPDIR_PACKAGE in names:
        c.place_tmpdir()
    if {c.OURS, c.FIRST} & names:
        c.install(source)
    return driver, everyone


def measure(driver: Driver, everyone: list[c.Contender], rounds: int) -> dict[str, figures.Times]:
    """ROUNDS interleaved rounds in ever new order, after warm-up rounds that are not counted.

    Before each measured session one of pam_permit is opened and not counted, so that nobody pays for the
    caches that the contender before him left behind.
    """
    opens: dict[str, list[int]] = {one.name: [] for one in everyone}
    wholes: dict[str, list[int]] = {one.name: [] for one in everyone}
    opens["interpreter"], wholes["interpreter"] = [], []
    order: list[c.Contender | None] = [*everyone, None]
    for i in range(WARM_UP + rounds):
        random.shuffle(order)
        for one in order:
            if one and one.reset:
                one.reset()
            driver.session("permit", "bench-permit")
            if one is None:
                took, whole, name = driver.program(*c.INTERPRETER), 0, "interpreter"
            else:
                took, whole, tmpdir = driver.session(one.service, one.user)
                name = one.name
                c.check(one, tmpdir)
            if i >= WARM_UP:
                opens[name].append(took)
                wholes[name] += [whole] if whole else []
    return figures.times(opens, wholes)


def phase(title: str, driver: Driver, everyone: list[c.Contender], report: Report) -> dict[str, figures.Times]:
    """One measurement; says so if the steady sessions were not steady."""
    ours = [one for one in everyone if one.name == c.OURS]
    for one in ours:
        driver.session(one.service, one.user)
    before = c.plans("bench-ours")
    report.phases[title] = measure(driver, everyone, report.rounds)
    if ours and (not before or before != c.plans("bench-ours")):
        report.notes.append(f"{title}: the plan of the steady account changed; its sessions were not all steady")
    return report.phases[title]


def weigh(driver: Driver, everyone: Iterable[c.Contender], report: Report) -> None:
    """Memory of a host with one session, and of one after many."""
    for one in everyone:
        if one.reset or one.name in c.NAMESPACE:
            continue  # the same module again; pam_namespace stacks mounts in one process by design
        growth = driver.growth(one.service, one.user)
        leak = driver.leak(one.service, one.user, report.leak_count)
        growths = growth.open - growth.before, growth.after - growth.before, growth.own
        report.memory[one.name] = *growths, leak.after - leak.before, leak.fds_after - leak.fds_before
    if c.OURS in report.memory:
        open_kb, after_kb, _, leaked_kb, leaked_fds = report.memory[c.OURS]
        report.goals += [
            figures.Goal("kB that a session adds to its host", max(open_kb, after_kb), figures.GROWTH_KB),
            figures.Goal(f"kB leaked by {report.leak_count} sessions", leaked_kb, figures.LEAK_KB),
            figures.Goal(f"descriptors leaked by {report.leak_count} sessions", leaked_fds, 0),
        ]


def benchmark(args: argparse.Namespace) -> Report:
    """All phases; raises ArenaError if something that they stand on fails."""
    report = Report(args.rounds, args.sessions)
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
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def main() -> int:
    """0: every goal met; 1: one missed; 2: usage; 3: could not measure."""
    args = arguments()
    try:
        arena.enter()
        report = benchmark(args)
    except (arena.ArenaError, OSError) as error:
        print(f"session.py: {error}", file=sys.stderr)
        return 3
    if args.json:
        print(report.as_json())
    else:
        import table

        table.show(report)
    return 0 if all(goal.met for goal in report.goals) else 1


if __name__ == "__main__":
    sys.exit(main())
