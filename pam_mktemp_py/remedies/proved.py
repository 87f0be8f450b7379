"""What `pam-mktemp shims verify` has proved: of each entry the version, the day and the system.

One TOML file, a table for each entry. The one that is shipped lies in the catalogue's folder, the host's own in
/var/lib/pam-mktemp; of an entry that is in both the host's counts.
"""
from __future__ import annotations

import datetime
from dataclasses import dataclass

from pam_mktemp_py import paths
from pam_mktemp_py.config import files, toml_text
from pam_mktemp_py.config.given import File, nearest, shown
from pam_mktemp_py.config.load import parse
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.remedies.schema import NAME

SHIPPED = "PROVED"
HOST = "/shims/proved.toml"  # below paths.STATE
_KEYS = ("version", "date", "system")


@dataclass(frozen=True)
class Proof:
    """The program's version ("" if it tells none), YYYY-MM-DD, and the system in words; `here`: on this host."""

    version: str
    date: str
    system: str
    here: bool = False


def of_host(state: str = paths.STATE, owner: int = 0) -> dict[str, Proof]:
    """What was proved on this host; {} for nothing yet. ConfigError; `owner` is whose the file must be."""
    try:
        raw, _ = files.read_one(state + HOST, owner)
    except OSError as error:
        raise ConfigError(state + HOST, 0, f"cannot be read: {error.strerror}") from error
    return {} if raw is None else decode(state + HOST, raw, here=True)


def decode(file: str, raw: bytes, *, here: bool = False) -> dict[str, Proof]:
    """The results by the names of the entries. ConfigError."""
    data, lines = parse(file, raw)
    about = File(file, lines)
    found = {}
    for name, table in data.items():
        if not NAME.fullmatch(name) or not isinstance(table, dict):
            raise about.refuse((name,), f"{shown(name)} is no entry with its results", "remove it")
        for key in table:
            if key not in _KEYS:
                raise about.refuse((name, key), f"unknown key {key!r}", nearest(key, list(_KEYS)))
        for key in _KEYS:
            value = table.get(key)
            if not isinstance(value, str) or not (value.isprintable() and (value or key == "version")):
                raise about.refuse((name, key) if key in table else (name,), f"{name} has no {key} in words",
                                   f"prove it again: pam-mktemp shims verify {name}")
        try:
            datetime.date.fromisoformat(table["date"])
        except ValueError as error:
            raise about.refuse((name, "date"), f"date is {shown(table['date'])}", "give YYYY-MM-DD") from error
        found[name] = Proof(table["version"], table["date"], table["system"], here)
    return found


def encode(results: dict[str, Proof]) -> bytes:
    """The text of a file that decode() reads back."""
    parts = ["# Written by: pam-mktemp shims verify\n"]
    for name, proof in sorted(results.items()):
        parts.append(f"\n[{toml_text.value(name)}]\n" + "".join(
            f"{key} = {toml_text.value(getattr(proof, key))}\n" for key in _KEYS))
    return "".join(parts).encode()
