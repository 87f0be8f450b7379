"""All that a run found."""
from __future__ import annotations

import dataclasses
import json
import os
import platform
from typing import Any

from contenders import INTERPRETER
from figures import Goal, Times

MEMORY = ("open_kb", "after_kb", "own_kb", "leaked_kb", "leaked_fds")


@dataclasses.dataclass
class Report:
    """The figures of one run; the fields of a memory row are named in MEMORY."""

    rounds: int
    host: str
    leak_count: int
    phases: dict[str, dict[str, Times]] = dataclasses.field(default_factory=dict)
    memory: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    goals: list[Goal] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The same for programs; times in microseconds."""
        machine = {"kernel": platform.release(), "processors": os.cpu_count(), "interpreter": INTERPRETER}
        phases = {phase: {n: t._asdict() for n, t in times.items()} for phase, times in self.phases.items()}
        return {
            "schema": 1, "machine": machine,
            "rounds": self.rounds, "host": self.host, "leak_sessions": self.leak_count,
            "us": phases, "memory": {n: dict(zip(MEMORY, m)) for n, m in self.memory.items()},
            "goals": [{**goal._asdict(), "met": goal.met} for goal in self.goals], "notes": self.notes,
        }

    def as_json(self) -> str:
        """The document as text."""
        return json.dumps(self.document(), indent=2)
