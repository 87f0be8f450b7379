"""All that benchmarks/detect.py found, for people and for programs."""
from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess

from figures import Goal
from overhead import Overhead
from parsing import Speed, Whole


def rate(taken: list[Speed]) -> float:
    """Lines a second: the best, since the same work on the same text can only be slowed down by what else runs."""
    return max(one.rate for one in taken)


@dataclasses.dataclass
class Report:
    """The figures of one run. `speeds` by (kind of log, reader)."""

    rounds: int
    overheads: dict[str, Overhead] = dataclasses.field(default_factory=dict)
    speeds: dict[tuple[str, str], list[Speed]] = dataclasses.field(default_factory=dict)
    wholes: dict[str, Whole] = dataclasses.field(default_factory=dict)
    scan: dict[str, float] = dataclasses.field(default_factory=dict)  # seconds of scan and grep, and their ratio
    goals: list[Goal] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def as_json(self) -> str:
        """The same for programs; all times in seconds."""
        strace = subprocess.run(["strace", "-V"], capture_output=True, text=True).stdout.partition("\n")[0]
        machine = {"kernel": platform.release(), "processors": os.cpu_count(), "python": platform.python_version(),
                   "strace": strace}
        return json.dumps({
            "schema": 1, "machine": machine, "rounds": self.rounds,
            "overheads": {name: {**one._asdict(), "added": one.added} for name, one in self.overheads.items()},
            "lines_per_second": {f"{log}, {reader}": rate(taken) for (log, reader), taken in self.speeds.items()},
            "through_a_pipe": {name: one._asdict() for name, one in self.wholes.items()},
            "scan": self.scan,
            "goals": [{**goal._asdict(), "met": goal.met} for goal in self.goals], "notes": self.notes,
        }, indent=2)
