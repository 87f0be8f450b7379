"""The same workload plain, under plain strace and under detect: measured in interleaved rounds."""
from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from arena import ArenaError
from figures import Goal
from installed import Installed
from workloads import ADDED, WHOLE, Workload

from pam_mktemp_py.tracer import arguments

ADDED_TO_STRACE = 0.3
WHOLE_TO_PLAIN = 1.1
SLOWED = 1.5
# strace as a person types it to see which files a program touches; the strace that detect starts; all of detect.
PLAIN, STRACE, CORE, DETECT = "plain", "strace", "core", "detect"
WAYS = (PLAIN, STRACE, CORE, DETECT)
LOG = Path("/var/tmp/benchmark.log")  # where detect has its own
Words = Callable[[tuple[str, ...]], list[str]]


class Overhead(NamedTuple):
    """Medians in seconds; `lines` of the log that detect read."""

    plain: float
    strace: float
    core: float
    detect: float
    lines: int

    @property
    def slowed(self) -> bool:
        """Whether strace slows it down at all: else what is added to nothing says nothing."""
        return self.strace > self.plain * SLOWED

    @property
    def added(self) -> float:
        """The time that detect adds, by that which plain strace adds."""
        return (self.detect - self.plain) / (self.strace - self.plain)


def ways(command: Installed, work: Path) -> dict[str, Words]:
    """How each way runs the words of a workload."""
    strace = shutil.which("strace") or "strace"
    detect = [*command.words("--quiet", "-o", str(work / "report")), "detect", "--"]
    return {
        PLAIN: lambda words: list(words),
        STRACE: lambda words: [strace, "-f", "-o", str(LOG), "-e", "trace=%file", *words],
        CORE: lambda words: arguments.for_command(strace, str(LOG), False, True, words),
        DETECT: lambda words: [*detect, *words],
    }


def timed(words: list[str], fine: tuple[int, ...] = (0,)) -> float:
    """Seconds from starting a program to its end. ArenaError: it ended otherwise than it should."""
    begin = time.perf_counter()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - begin
    if done.returncode not in fine:
        raise ArenaError(f"{' '.join(words)[:200]}: exit {done.returncode}: {done.stderr.decode()[-600:]}")
    return seconds


def seen(command: Installed, one: Workload, work: Path) -> int:
    """Lines of the log of a first run. ArenaError: the workload failed there, or detect could not use its filter."""
    answer = work / "answer"
    one.clear()
    timed([*command.words("--json", "-o", str(answer)), "detect", "--", *one.command], (0, 1))
    found = json.loads(answer.read_text())
    if found["runs"][0]["status"] or found["unread_count"] or not found["runs"][0]["filtered"]:
        raise ArenaError(f"{one.name} under detect: {found['runs']}, {found['unread']}, {found['notes']}")
    return int(found["lines"])


def measure(command: Installed, workloads: list[Workload], rounds: int, work: Path) -> dict[str, Overhead]:
    """Each workload in each way once a round, in ever new order; a first round is not counted."""
    how = ways(command, work)
    lines = {one.name: seen(command, one, work) for one in workloads}
    taken: dict[tuple[str, str], list[float]] = {(one.name, way): [] for one in workloads for way in WAYS}
    order = [(one, way) for one in workloads for way in WAYS]
    for number in range(rounds + 1):
        random.shuffle(order)
        for one, way in order:
            one.clear()
            seconds = timed(how[way](one.command), (0, 1) if way == DETECT else (0,))
            if number:
                taken[one.name, way].append(seconds)
            if LOG.exists():
                os.unlink(LOG)
    found = {}
    for one in workloads:
        plain, strace, core, detect = (statistics.median(taken[one.name, way]) for way in WAYS)
        found[one.name] = Overhead(plain, strace, core, detect, lines[one.name])
    return found


def goals(workloads: list[Workload], found: dict[str, Overhead]) -> list[Goal]:
    """What tracing may cost."""
    goals = []
    for one in workloads:
        if one.goal == ADDED:
            goals.append(Goal(f"{one.name}: added by detect / by strace", found[one.name].added, ADDED_TO_STRACE))
        elif one.goal == WHOLE:
            ratio = found[one.name].detect / found[one.name].plain
            goals.append(Goal(f"{one.name}: under detect / plain", ratio, WHOLE_TO_PLAIN))
    return goals
