"""All entries: those that are shipped, and over them the administrator's, who overrides one by its name."""
from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Container
from dataclasses import dataclass, field

from pam_mktemp_py import paths
from pam_mktemp_py.config import files
from pam_mktemp_py.errors import ConfigError
from pam_mktemp_py.remedies import schema
from pam_mktemp_py.remedies.entry import Entry
from pam_mktemp_py.remedies.proved import SHIPPED, Proof, decode, of_host

FOLDER = "shims/catalogue"  # in a checkout, and in the lib/ of a wheel and an installation
END = ".toml"
MOST_SITE = 500
_QUOTED = re.compile(r"\[([*?\[])\]")  # as glob.escape() has it


@dataclass
class Catalogue:
    """Entries by name, what was proved of them, and what is wrong with files that therefore do not count."""

    entries: dict[str, Entry] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)

    def find(self, program: str) -> list[Entry]:
        """The entry of that name; else those that recognise the program, a base name or an absolute path."""
        if program in self.entries:
            return [self.entries[program]]
        return [entry for _, entry in sorted(self.entries.items()) if recognises(entry, program)]


def recognises(entry: Entry, program: str) -> bool:
    """Whether the program is the entry's, as far as its name tells; a mere name passes every pattern of paths."""
    names, patterns = entry.recognise.names, entry.recognise.paths
    if os.path.basename(program) not in names:
        return False
    return "/" not in program or not patterns or any(fnmatch.fnmatchcase(program, each) for each in patterns)


def literal(pattern: str) -> str:
    """The one path that a pattern of paths means (fnmatch(3)); "" if it can mean several."""
    plain = _QUOTED.sub("", pattern)
    return _QUOTED.sub(lambda found: found[1], pattern) if not set(plain) & set("*?[") else ""


def folder() -> str:
    """Where the shipped entries lie: beside the package in a checkout, else in its lib."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = f"{package}/lib/{FOLDER}"
    return installed if os.path.isdir(installed) else f"{os.path.dirname(package)}/{FOLDER}"


def site_folder(config: str = paths.CONFIG) -> str:
    """Where the administrator's lie: in shims/ of the configuration's folder of drop-ins."""
    return f"{paths.drop_in_folder(config)}/shims"


def load(shipped: str = "", site: str = "", state: str = paths.STATE, *, owner: int = 0,
         only: Container[str] | None = None) -> Catalogue:
    """Everything, or of the entries `only` those of these names; "" for the usual places.

    Site files must be `owner`'s and not writable by others. A site file that cannot be used leaves its name out:
    the shipped entry is what the administrator does not want. ConfigError if the shipped ones cannot be read at all.
    """
    found = Catalogue()
    _shipped(found, shipped or folder(), only)
    _site(found, site or site_folder(), owner, only)
    try:
        found.proofs |= of_host(state, owner)
    except ConfigError as error:
        if not isinstance(error.__cause__, PermissionError):
            found.errors.append(error)
    return found


def _shipped(found: Catalogue, where: str, only: Container[str] | None) -> None:
    try:
        names = sorted(os.listdir(where))
    except OSError as error:
        raise ConfigError(where, 0, f"the catalogue cannot be read: {error.strerror}",
                          "run in a checkout of the sources: sudo make install") from error
    for name in names:
        path = f"{where}/{name}"
        if name != SHIPPED and not (name.endswith(END) and _asked(name, only)):
            continue
        with open(path, "rb") as file:
            raw = file.read()
        try:
            if name == SHIPPED:
                found.proofs = decode(path, raw)
            else:
                _add(found, schema.read(name.removesuffix(END), path, raw))
        except ConfigError as error:
            found.errors.append(error)


def _asked(name: str, only: Container[str] | None) -> bool:
    return only is None or name.removesuffix(END) in only


def _site(found: Catalogue, where: str, owner: int, only: Container[str] | None) -> None:
    try:
        names, _ = files.drop_ins(where, owner, MOST_SITE)
    except ConfigError as error:
        found.errors.append(error)
        return
    for name in (name for name in names if _asked(name, only)):
        path, stem = f"{where}/{name}", name.removesuffix(END)
        found.entries.pop(stem, None)
        found.proofs.pop(stem, None)  # it was of the shipped remedy
        try:
            raw, _ = files.read_one(path, owner)
            if raw is not None:
                _add(found, schema.read(stem, path, raw, site=True))
        except ConfigError as error:
            found.errors.append(error)
        except OSError as error:
            found.errors.append(ConfigError(path, 0, f"cannot be read: {error.strerror}"))


def _add(found: Catalogue, entry: Entry) -> None:
    """A shim can only do one thing: no two entries may mean the same program. ConfigError."""
    mine = entry.recognise
    for other in found.entries.values():
        theirs = other.recognise
        both = sorted(set(mine.names) & set(theirs.names))
        told_apart = (mine.paths, mine.versions) != (theirs.paths, theirs.versions)  # the launcher reads no first line
        if both and not told_apart:
            raise ConfigError(entry.file, 0, f"means {both[0]}, as {other.file} does",
                              f"call it {other.name}{END} to override that one, or give paths or versions")
    found.entries[entry.name] = entry
