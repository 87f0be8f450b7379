"""What a command found: once as data for --json, once as rows for a person.

The JSON document is one object. "schema": 1 and "command" come first; null means 'needs root', and then
"needs_root" is true. Keys may be added within a schema, none is removed or changes its meaning.
"""
from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pam_mktemp_py import log
from pam_mktemp_py.cli import files
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.cli.streams import drop

SCHEMA = 1
WIDTH = 110
NEEDS_ROOT = "needs root"
_SIGNS = {"bad": "!", "unknown": "?"}
_STYLES = {"good": "green", "bad": "bold red", "unknown": "yellow", "": ""}


@dataclass
class Row:
    """One line: what, its value, the reason; `mark` is good, bad (a finding), unknown (needs root) or ''.

    `command`: the value is one of typed(), shown as it is.
    """

    label: str
    value: str
    why: str = ""
    mark: str = ""
    command: bool = False


@dataclass
class Report:
    """The answer of one command. `text`, if it is given, is shown as it is instead of the rows; `status`, if it is
    given, is the exit status whatever was found."""

    command: str
    settings: Settings
    data: dict[str, Any] = field(default_factory=dict)
    sections: list[tuple[str, list[Row]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finding: bool = False
    text: str = ""
    status: int | None = None

    def add(self, title: str, *rows: Row) -> None:
        """A section; rows marked bad make the whole a finding."""
        self.sections.append((title, list(rows)))
        self.finding = self.finding or any(row.mark == "bad" for row in rows)


def shown(text: str) -> str:
    """Text that a user may have chosen, without what a terminal acts upon or what hides its meaning."""
    return "".join(c if c.isprintable() and c != "\\" else log.escaped(c) for c in text)


def typed(words: Sequence[str]) -> str:
    """A command as it can be copied into a shell: no backslash is doubled, and what acts on a terminal is $'...'."""
    return " ".join(shlex.quote(word) if word.isprintable() else
                    "$'" + log.escaped(word).replace("'", "\\'") + "'" for word in words)


def deliver(report: Report) -> int:
    """Write the report where it shall go; the exit status. OSError if it cannot be written."""
    settings = report.settings
    if settings.verbosity >= 0:
        for note in report.notes:
            print(f"pam-mktemp: {shown(note)}", file=sys.stderr, flush=True)
    if settings.json:
        head = {"schema": SCHEMA, "command": report.command}
        text = json.dumps(head | report.data | {"finding": report.finding}, indent=2) + "\n"
    elif report.text:
        text = report.text
    else:
        lines = list(_lines(report))
        text = _styled(lines) if _colored(settings) else ""
        text = text or "".join("".join(piece for piece, _ in line) + "\n" for line in lines)
    if settings.output == "-":
        _print(text)
    else:
        files.write(settings.output, text)
    if report.status is not None:
        return report.status
    return 1 if report.finding else 0


def _colored(settings: Settings) -> bool:
    if settings.color != "auto":
        return settings.color == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"  # https://no-color.org
    return settings.output == "-" and sys.stdout.isatty() and not plain


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop(sys.stdout)
        raise OSError(error.errno, error.strerror, "the standard output") from error


def _lines(report: Report) -> Iterator[list[tuple[str, str]]]:
    """Lines of (text, style): the same with and without a terminal."""
    for number, (title, rows) in enumerate(report.sections):
        if number:
            yield []
        yield [(shown(title), "bold")]
        width = max((len(shown(row.label)) for row in rows), default=0)
        for row in rows:
            value, why, style = row.value if row.command else shown(row.value), shown(row.why), _STYLES[row.mark]
            start = f"{_SIGNS.get(row.mark, ' ')} {shown(row.label):{width}}  "
            if not value and not why:
                yield [(start.rstrip(), style)]
            elif len(start) + len(value) + len(why) + 2 <= WIDTH or not value:
                yield [(start, style), (value, style), ("  " if why and value else "", ""), (why, "dim")]
            else:
                yield [(start, style), (value, style)]
                if why:
                    yield [(" " * (width + 4) + why, "dim")]


def _styled(lines: list[list[tuple[str, str]]]) -> str:
    """The same with colors; "" where rich is not installed: what was done is still to be told."""
    try:
        from rich.console import Console  # 100 ms: only for a terminal
        from rich.text import Text
    except ModuleNotFoundError:
        return ""
    console = Console(force_terminal=True, no_color=False, highlight=False, markup=False, emoji=False,
                      color_system="standard", width=WIDTH)
    with console.capture() as capture:
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
    return capture.get()
