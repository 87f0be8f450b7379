"""The figures of benchmarks/launch.py for people."""
from __future__ import annotations

from typing import TYPE_CHECKING

from command_report import BWRAP
from launch_report import PROGRAM
from rich.console import Console
from table import commands, goals

if TYPE_CHECKING:
    from command_report import CommandReport


def show(report: CommandReport) -> None:
    """Print tables of ways and goals to standard output."""
    console = Console()
    for title, times in report.commands.items():
        heading = f"{title}: {report.rounds} rounds, µs from the start of {PROGRAM} to its end, by an ordinary user"
        commands(console, heading, times, BWRAP)
    goals(console, report.goals, report.notes)
