"""What may stand in the configuration. Every refusal names the line, what is wrong and what to do.

Nothing is guessed: a misspelt key that is skipped would leave a host open that its administrator
believes closed.
"""
from __future__ import annotations

from pam_mktemp_py.config import mounts, shims
from pam_mktemp_py.config.given import File, nearest, shown, strings
from pam_mktemp_py.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.config.toml_lines import Path

STAGES = ("bind", "shim", "env", "off")
FAILURES = ("open", "closed")
LARGEST_UID = 2**32 - 2  # -1 means 'no uid' (chown(2))
FRESH_FOR = (2, 86400)
MOST_DIRECTORIES = 8
MOST_VARIABLES = 32
LONGEST_DIRECTORY = 16  # keeps TMPDIR's siblings below the limit of socket paths
LONGEST_NAME = 256

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_DIRECTORY = _LOWER | _DIGITS | frozenset("_-")
_VARIABLE = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ") | _DIGITS | frozenset("_")


def apply(config: Config, data: dict[str, Any], file: File) -> None:
    """Check what one file says and put it over `config`: scalars override, lists replace. ConfigError."""
    for key, value in data.items():
        check = _CHECKS.get(key)
        if check is None:
            raise file.refuse((key,), f"unknown key {key!r}", nearest(key, list(_CHECKS)))
        check(config, file, key, value)
        if key not in ("directories", "mounts", "shared", "shims"):
            config.origins[key] = (file.name, file.lines[(key,)])


def possible_name(name: str) -> bool:
    """Whether an account, a group or a service could be called so."""
    return name.isprintable() and 0 < len(name) <= LONGEST_NAME and name == name.strip()


def finish(config: Config) -> None:
    """What only all files together can break: numbers of things, and a variable set twice."""
    if len(config.directories) > MOST_DIRECTORIES:
        file, line = config.origins[f"directories.{config.directories[-1][0]}.variables"]
        raise ConfigError(file, line, f"{len(config.directories)} directories, tmp included; "
                          f"at most {MOST_DIRECTORIES} can be had", "remove some")
    seen: dict[str, str] = {}
    for name, variables in config.directories:
        for variable in variables:
            if variable in seen:
                key = f"directories.{name}.variables"
                if key not in config.origins:  # tmp's defaults: the other one is in a file
                    key = f"directories.{seen[variable]}.variables"
                file, line = config.origins[key]
                raise ConfigError(file, line, f"{variable} is set by directories.{seen[variable]} and by "
                                  f"directories.{name}", "leave it in one of them")
            seen[variable] = name
    mounts.finish(config)
    if len(seen) > MOST_VARIABLES:
        file, line = max(config.origins[k] for k in config.origins if k.startswith("directories."))
        raise ConfigError(file, line, f"{len(seen)} variables in all; at most {MOST_VARIABLES} can be set",
                          "remove some")
    shims.finish(config)


def _word(config: Config, file: File, key: str, value: object) -> None:
    allowed = STAGES if key == "stage" else FAILURES
    wanted = " or ".join(f'"{word}"' for word in allowed)
    if not isinstance(value, str):
        raise file.refuse((key,), f"{key} is {shown(value)}", f"give {wanted}")
    if value not in allowed:
        raise file.refuse((key,), f"{key} is {shown(value)}", nearest(value, list(allowed), f"give {wanted}"))
    setattr(config, key, value)


def _number(config: Config, file: File, key: str, value: object) -> None:
    low, high = (0, LARGEST_UID) if key == "min_uid" else FRESH_FOR
    hint = f"give a whole number from {low} to {high}" + (" (seconds)" if key == "fresh_for" else "")
    # bool is an int in Python: min_uid = true must not become 1
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise file.refuse((key,), f"{key} is {shown(value)}", hint)
    setattr(config, key, value)


def _names(config: Config, file: File, key: str, value: object) -> None:
    names = strings(file, (key,), key, value)
    for index, name in enumerate(names):
        if not possible_name(name):
            raise file.refuse((key, index), f"{key} holds {shown(name)}, which can be no name", "correct it")
        if key == "login_services" and "*" in name:
            raise file.refuse((key, index), f"{key} holds {shown(name)}: sudo and su of a command must not be logins",
                              "name each service that starts one")
        if key.endswith("services") and "*" in name and name != "*":
            raise file.refuse((key, index), f"{key} holds {shown(name)}: patterns are not known here",
                              'give exact names of services, or "*" for all')
    for old in [old for old in config.origins if old.startswith(f"{key}[")]:
        del config.origins[old]
    for index, name in enumerate(names):
        config.origins.setdefault(f"{key}[{name}]", (file.name, file.lines[(key, index)]))
    setattr(config, key, names)


def _directories(config: Config, file: File, key: str, value: object) -> None:
    if not isinstance(value, dict):
        raise file.refuse((key,), f"{key} is {shown(value)}", "give a table: [directories.tmp]")
    for name, table in value.items():
        path = (key, name)
        if not 0 < len(name) <= LONGEST_DIRECTORY or not _DIRECTORY.issuperset(name):
            raise file.refuse(path, f"{shown(name)} can be no directory of ours",
                              f"use 1 to {LONGEST_DIRECTORY} of a-z, 0-9, _ and -")
        if name.startswith("svc-"):
            raise file.refuse(path, f"directories.{name} has a name that is for services", "give it another name")
        if not isinstance(table, dict):
            raise file.refuse(path, f"directories.{name} is {shown(table)}", f"give a table: [directories.{name}]")
        for inner in table:
            if inner != "variables":
                raise file.refuse((*path, inner), f"unknown key {inner!r} in directories.{name}",
                                  nearest(inner, ["variables"]))
        _directory(config, file, name, table)


def _directory(config: Config, file: File, name: str, table: dict[str, object]) -> None:
    known = [known for known, _variables in config.directories]
    if "variables" not in table:
        if name not in known:
            raise file.refuse(("directories", name), f"directories.{name} has no variables",
                              'say which shall name it: variables = ["XDG_CACHE_HOME"]')
        return
    path: Path = ("directories", name, "variables")
    variables = strings(file, path, f"directories.{name}.variables", table["variables"])
    for index, variable in enumerate(variables):
        good = _VARIABLE.issuperset(variable) and variable[:1] not in _DIGITS and 0 < len(variable) <= LONGEST_NAME
        if not good:
            raise file.refuse((*path, index), f"{shown(variable)} can be no environment variable",
                              "use letters, digits and _, no digit first")
        if variable in variables[:index]:
            raise file.refuse((*path, index), f"{variable} is there twice", "remove one")
    config.origins[f"directories.{name}.variables"] = (file.name, file.lines[path])
    if name in known:
        config.directories[known.index(name)] = (name, variables)
    else:
        config.directories.append((name, variables))


_CHECKS = {"stage": _word, "failure": _word, "min_uid": _number, "exempt_users": _names, "exempt_groups": _names,
           "services": _names, "exempt_services": _names, "login_services": _names, "fresh_for": _number,
           "directories": _directories, "mounts": mounts.mounts, "shared": mounts.shared, "shims": shims.shims}
