"""The figures of benchmarks/detect.py for people."""
from __future__ import annotations

from typing import TYPE_CHECKING

import table
from detect_report import rate
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from detect_report import Report


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left")
    made.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        made.add_column(column, justify="right")
    return made


def show(report: Report) -> None:
    """Print all of it to standard output."""
    console = Console()
    _overheads(console, report)
    shown = _table(f"reading and judging a log: {report.rounds} rounds, lines a second of one processor",
                   "log", "reader", "lines", "lines/s")
    for (log, reader), taken in report.speeds.items():
        shown.add_row(log, reader, f"{taken[0].lines:,}", f"{rate(taken):,.0f}")
    console.print(shown)
    shown = _table("pam-mktemp detect --trace -, the whole process", "log", "MB", "lines", "s", "lines/s", "peak MB")
    for log, one in report.wholes.items():
        shown.add_row(log, f"{one.size / 1e6:,.0f}", f"{one.lines:,}", f"{one.seconds:.1f}",
                      f"{one.lines / one.seconds:,.0f}", f"{one.peak_kb / 1e3:.0f}")
    console.print(shown)
    shown = _table("all of /usr/bin", "", "s")
    for name in ("scan", "grep"):
        shown.add_row(name, f"{report.scan[name]:.2f}")
    console.print(shown)
    table.goals(console, report.goals, report.notes)


def _overheads(console: Console, report: Report) -> None:
    shown = _table(f"programs: {report.rounds} rounds, seconds, and detect in relation to the others",
                   "program", "plain", "strace", "core", "detect", "/ plain", "/ strace", "added")
    for name, one in report.overheads.items():
        seconds = (f"{value:.3f}" for value in (one.plain, one.strace, one.core, one.detect))
        ratios = (f"{one.detect / value:.2f}" for value in (one.plain, one.strace))
        shown.add_row(name, *seconds, *ratios, f"{one.added:.2f}" if one.slowed else "–")
    console.print(shown)
