"""pam-mktemp config show: what counts, and where it comes from.

The keys of --json beside those that report.py names:

    config             the main file
    settings [{key type value default allowed description origin entries}]
                       origin {file line}, null for a default; default is null for a directory that has none;
                       entries [{value file line}]: what stands in a list, each with its own line
"""
from __future__ import annotations

import difflib
import textwrap
from typing import Any

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli.report import Report, Row
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config import toml_text
from pam_mktemp_py.config.keys import DIRECTORY, KEYS, Key, find
from pam_mktemp_py.config.load import load
from pam_mktemp_py.config.model import Config


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = [key.name.replace("NAME", "tmp") for key in KEYS]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("show", short_help="The values that count, and the file and line each comes from.")
@click.argument("key", required=False, shell_complete=_complete)
@click.pass_obj
def command(settings: Settings, key: str | None) -> Report:
    """Show each setting as it counts after all files are read, with the file and line that it comes from.

    With KEY only that one: stage, exempt_users, directories.tmp.variables and so on; -v adds for each entry of
    a list where it stands, and what a setting means. Values are spelt as in TOML.

    The exit status is 2 if there is no such KEY, and 3 if the configuration cannot be used.
    """
    report = Report("config show", settings, {"config": settings.config, "settings": []})
    wanted = _wanted(key) if key is not None else ""
    config = load(settings.config, owner=settings.owner)
    names = [name for name in _names(config) if not wanted or name == wanted or name.startswith(wanted + ".")]
    if not names:
        there = ", ".join(name for name, _ in config.directories)
        raise click.BadParameter(f"there is no such directory; there are: {there}", param_hint="KEY")
    rows: list[Row] = []
    for name in names:
        about = find(name)
        if about is not None:
            value = _value(config, name)
            report.data["settings"].append(_data(config, name, about, value))
            rows += _rows(config, name, about, value, settings.verbosity > 0)
    report.add("Settings", *rows)
    return report


def _wanted(key: str) -> str:
    if find(key) is None and key != "directories" and key.rpartition(".")[0] != "directories":
        names = [each.name for each in KEYS]
        near = difflib.get_close_matches(key, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(names)}"
        raise click.BadParameter(f"there is no key {key!r}; {hint}", param_hint="KEY")
    return key


def _names(config: Config) -> list[str]:
    """All keys, each directory of its own last."""
    return [key.name for key in KEYS if key.name != DIRECTORY] + [
        f"directories.{name}.variables" for name, _ in config.directories]


def _value(config: Config, name: str) -> Any:
    if name.startswith("directories."):
        return dict(config.directories)[name.split(".")[1]]
    return getattr(config, name)


def _data(config: Config, name: str, about: Key, value: Any) -> dict[str, Any]:
    origin = config.origins.get(name)
    default = None if name.startswith("directories.") and name != "directories.tmp.variables" else about.initial
    entries = [{"value": each, "file": file, "line": line} for each, file, line in _entries(config, name, value)]
    return {"key": name, "type": about.type, "value": value, "default": default, "allowed": about.allowed,
            "description": about.description, "origin": {"file": origin[0], "line": origin[1]} if origin else None,
            "entries": entries}


def _entries(config: Config, name: str, value: Any) -> list[tuple[str, str, int]]:
    """Each entry of a list of names with its own file and line, where they are known."""
    origins = [(each, config.origins.get(f"{name}[{each}]")) for each in (value if isinstance(value, list) else ())]
    return [(each, *origin) for each, origin in origins if origin]


def _rows(config: Config, name: str, about: Key, value: Any, verbose: bool) -> list[Row]:
    found = config.origins.get(name)
    rows = [Row(name, toml_text.value(value), f"{found[0]}:{found[1]}" if found else "the default")]
    if verbose:
        rows += [Row("", each, f"{file}:{line}") for each, file, line in _entries(config, name, value)]
        rows += [Row("", "", line) for paragraph in about.description.split("\n\n")
                 for line in textwrap.wrap(paragraph, 76, break_on_hyphens=False)]
    return rows
