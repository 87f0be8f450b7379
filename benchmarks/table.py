"""The figures for people."""
from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from figures import Goal, Times
    from report import Report


def micro(value: float) -> str:
    """Microseconds, or a dash where there are none."""
    return f"{value:,.0f}" if abs(value) >= 0.5 else "–"


def goals(console: Console, found: list[Goal], notes: list[str]) -> None:
    """Print which goals are met, and the notes."""
    table = Table(title="goals", title_justify="left")
    for column in ("goal", "value", "at most", ""):
        table.add_column(column)
    for goal in found:
        verdict = "[green]met[/]" if goal.met else "[red]missed[/]"
        table.add_row(goal.name, f"{goal.value:.2f}", f"{goal.limit:g}", verdict)
    console.print(table)
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False)


def sessions(console: Console, report: Report) -> None:
    """Print a table of times for each phase."""
    for title, times in report.phases.items():
        heading = f"{title}: {report.rounds} rounds, {report.host} host, µs of pam_open_session and of start to end"
        table = Table(title=heading, title_justify="left")
        table.add_column("module", no_wrap=True)
        for column in ("open", "p95", "added", "× permit", "whole", "p95"):
            table.add_column(column, justify="right")
        permit = times["permit"].median
        for name, one in times.items():
            ratio = f"{one.median / permit:.1f}"
            figures = (one.median, one.p95, one.added)
            table.add_row(name, *map(micro, figures), ratio, micro(one.whole_median), micro(one.whole_p95))
        console.print(table)


def commands(console: Console, heading: str, times: dict[str, Times], beside: str) -> None:
    """Print a table of ways to run a command, each beside the way BESIDE."""
    table = Table(title=heading, title_justify="left")
    table.add_column("way", no_wrap=True)
    for column in ("median", "p95", "added", f"× {beside}"):
        table.add_column(column, justify="right")
    for name, one in times.items():
        ratio = f"{one.median / times[beside].median:.2f}"
        table.add_row(name, *map(micro, (one.median, one.p95, one.added)), ratio)
    console.print(table)


def show(report: Report) -> None:
    """Print tables of times, memory and goals to standard output."""
    console = Console()
    sessions(console, report)
    heading = f"memory: one session, then {report.leak_count} sessions in one process"
    table = Table(title=heading, title_justify="left")
    table.add_column("module", no_wrap=True)
    for column in ("kB while open", "kB after", "unshared", "kB leaked", "fds leaked"):
        table.add_column(column, justify="right")
    for name, memory in report.memory.items():
        table.add_row(name, *map(str, memory))
    console.print(table)
    goals(console, report.goals, report.notes)
