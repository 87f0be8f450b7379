"""What the main() of every benchmark does."""
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Protocol

import arena
from figures import Goal


class Report(Protocol):
    """What was found."""

    goals: list[Goal]

    def as_json(self) -> str:
        """For programs."""


def run(name: str, table: str, as_json: bool, benchmark: Callable[[], Report]) -> int:
    """Measure and print, by the module `table` or as JSON. 0: every goal met; 1: one missed; 3: could not measure."""
    try:
        # first of all: a missing rich should not be found out after the measurement
        show = None if as_json else importlib.import_module(table).show
        arena.enter()
        report = benchmark()
    except (arena.ArenaError, ImportError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 3
    if show is None:
        print(report.as_json())
    else:
        show(report)
    return 0 if all(goal.met for goal in report.goals) else 1
