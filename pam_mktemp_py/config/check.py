"""All that is wrong with the configuration at once; a login stops at the first error."""
from __future__ import annotations

from dataclasses import dataclass, field

from pam_mktemp_py import paths
from pam_mktemp_py.config import files, load, schema
from pam_mktemp_py.config.model import Config
from pam_mktemp_py.errors import ConfigError


@dataclass
class Checked:
    """`config` is None if a login could not use it; `errors` then says why, in the order of the files.

    `sizes` gives the bytes of each file that was looked for, None if it is not there, or is in `unread`: there, and
    not read because of an error. `overrides` are (key, the file and line that count, those that no longer do).
    """

    config: Config | None = None
    errors: list[ConfigError] = field(default_factory=list)
    sizes: dict[str, int | None] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    overrides: list[tuple[str, tuple[str, int], tuple[str, int]]] = field(default_factory=list)


def check(path: str, owner: int) -> Checked:
    """Look at `path` and its drop-ins; `owner` is the uid that they must have. Nothing is raised for what they hold."""
    found = Checked()
    try:
        found.config = load.load(path, owner=owner)
    except ConfigError as error:
        whole = error
    scratch = Config(path)
    found.sizes[path] = None  # the first, in the order in which they count
    for file in [path, *_drop_ins(found, path, owner)]:
        _file(found, scratch, file, owner)
    if found.config is not None:
        found.errors.clear()  # changed since: what a login would have read was right
    elif all(str(error) != str(whole) for error in found.errors):
        found.errors.append(whole)  # of what only all files together break
    return found


def _drop_ins(found: Checked, path: str, owner: int) -> list[str]:
    folder = paths.drop_in_folder(path)
    try:
        names, state = files.drop_ins(folder, owner)
    except ConfigError as error:
        found.errors.append(error)
        found.sizes[folder] = None
        found.unread.add(folder)
        return []
    if state is None:
        found.sizes[folder] = None
    return [f"{folder}/{name}" for name in names]


def _file(found: Checked, scratch: Config, file: str, owner: int) -> None:
    """Key by key, so that one error does not hide the next."""
    found.sizes[file] = None
    try:
        raw, _ = files.read_one(file, owner)
        found.sizes[file] = None if raw is None else len(raw)
    except (ConfigError, OSError) as error:
        found.errors.append(error if isinstance(error, ConfigError) else
                            ConfigError(file, 0, f"cannot be read: {error.strerror}"))
        found.unread.add(file)
        return
    try:
        data, lines = load.parse(file, raw or b"")
    except ConfigError as error:
        found.errors.append(error)
        return
    for key, value in data.items():
        before = dict(scratch.origins)
        try:
            schema.apply(scratch, {key: value}, schema.File(file, lines))
        except ConfigError as error:
            found.errors.append(error)
        for name, old in before.items():
            new = scratch.origins.get(name, old)
            if new != old and "[" not in name:
                found.overrides.append((name, new, old))
