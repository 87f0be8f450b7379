"""What a benchmark of commands found."""
from __future__ import annotations

import dataclasses
import subprocess
from typing import Any

from figures import Times
from report import Report

BWRAP = "bwrap"


@dataclasses.dataclass
class CommandReport(Report):
    """Sessions as in Report; `commands` by phase and way, `added` there over the command alone."""

    commands: dict[str, dict[str, Times]] = dataclasses.field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For programs; times in microseconds."""
        found = super().document()
        del found["memory"], found["leak_sessions"]
        version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout
        found["machine"]["bwrap"] = version.strip()
        found["us_of_commands"] = {
            phase: {name: {"median": one.median, "p95": one.p95, "added": one.added} for name, one in times.items()}
            for phase, times in self.commands.items()
        }
        return found
