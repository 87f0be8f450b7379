"""The figures of benchmarks/mount.py for people."""
from __future__ import annotations

from typing import TYPE_CHECKING

from command_report import BWRAP
from rich.console import Console
from table import commands, goals, sessions

if TYPE_CHECKING:
    from mount_report import MountReport


def show(report: MountReport) -> None:
    """Print tables of sessions, commands and goals to standard output."""
    console = Console()
    sessions(console, report)
    for title, times in report.commands.items():
        heading = f"commands, {title}: µs from the start of /bin/true to its end, by an ordinary user"
        commands(console, heading, times, BWRAP)
    goals(console, report.goals, report.notes)
