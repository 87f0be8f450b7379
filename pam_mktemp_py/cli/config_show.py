"""pam-mktemp config show: what counts, and where it comes from.

The keys of --json beside those that report.py names:

    config             the main file
    settings [{key type value default allowed description origin entries}]
                       origin {file line}, null for a default; default is null for a table that is there only
                       because a file names it;
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
from pam_mktemp_py.config.keys import KEYS, Key, find
from pam_mktemp_py.config.load import load
from pam_mktemp_py.config.model import TMP, Config

_WIDTH = 50
_TABLES = ("directories", "mounts", "shared")


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = [key.name.replace("directories.NAME", "directories.tmp").replace("DIR", "/tmp") for key in KEYS]
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
        table = wanted.partition(".")[0]
        there = ", ".join(_tables(config)[table]) or "none"
        raise click.BadParameter(f"there is no such table in {table}; there are: {there}", param_hint="KEY")
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
    table, _, which = key.partition(".")
    if find(key) is None and key != "shims" and (table not in _TABLES or ("." in which and table != "mounts")):
        names = [each.name for each in KEYS]
        near = difflib.get_close_matches(key, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(names)}"
        raise click.BadParameter(f"there is no key {key!r}; {hint}", param_hint="KEY")
    return key


def _names(config: Config) -> list[str]:
    """All keys, those of each table last."""
    tables = _tables(config)
    return [key.name for key in KEYS if not key.inner] + [
        f"{table}.{name}.{inner}" for table in _TABLES for name, values in tables[table].items() for inner in values
    ] + [key.name for key in KEYS if key.setting == "shims"]


def _tables(config: Config) -> dict[str, dict[str, dict[str, Any]]]:
    """Of each of _TABLES what is in it by the names that config.origins uses: {name: {inner: value}}."""
    other = {"noexec", "instance"}
    mounts = {f'"{path}"': {key: value for key, value in mount.items()
                            if (key != "instance" if path == TMP else key in other)}
              for path, mount in config.mounts.items()}
    return {"directories": {name: {"variables": variables} for name, variables in config.directories},
            "mounts": mounts, "shared": {name: dict(who) for name, who in config.shared.items()}}


def _value(config: Config, name: str) -> Any:
    table, _, rest = name.partition(".")
    if table in _TABLES:
        which, _, inner = rest.rpartition(".")
        return _tables(config)[table][which][inner]
    return config.shims[rest] if table == "shims" else getattr(config, name)  # type: ignore[literal-required]


def _data(config: Config, name: str, about: Key, value: Any) -> dict[str, Any]:
    origin = config.origins.get(name)
    ours = not about.inner or about.setting == "shims" or name.split(".")[1] in ("tmp", f'"{TMP}"')
    default = about.initial if ours else None
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
    first, *more = textwrap.wrap(toml_text.value(value), _WIDTH, break_on_hyphens=False, break_long_words=False)
    rows = [Row(name, first, f"{found[0]}:{found[1]}" if found else "the default"), *(Row("", one) for one in more)]
    if verbose:
        rows += [Row("", each, f"{file}:{line}") for each, file, line in _entries(config, name, value)]
        rows += [Row("", "", line) for paragraph in about.description.split("\n\n")
                 for line in textwrap.wrap(paragraph, 76, break_on_hyphens=False)]
    return rows
