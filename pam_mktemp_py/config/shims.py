"""What may stand in the table [shims]: the entries of the catalogue that are enabled, and what they set.

`pam-mktemp shims` writes it (50-shims.toml). A login reads the variables from here: it does not read the catalogue.
"""
from __future__ import annotations

from pam_mktemp_py import expand
from pam_mktemp_py.config.given import File, nearest, shown, strings
from pam_mktemp_py.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.config.toml_lines import Path

MOST_VARIABLES = 32  # in a plan, those that name directories included
OWN = 2              # PATH, and PAM_MKTEMP_SHIMS for /etc/profile.d
MOST_ENABLED = 256
LONGEST_VALUE = 256  # bytes; a plan takes 1024 of what comes of it
LONGEST_VARIABLE = 64
_KEYS = ("enabled", "variables")
_DIGITS = frozenset("0123456789")
_FIRST = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyz")
_ENTRY = _FIRST | frozenset("._+-")
_LONGEST_ENTRY = 40
# A mistake in one of these would keep accounts from logging in, or have them run what they do not mean to.
_LOGINS = frozenset(("HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV", "TERM", "MAIL", "XDG_RUNTIME_DIR"))
_VARIABLE = _DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


def shims(config: Config, file: File, key: str, value: object) -> None:
    """Check the [shims] of one file and put it over `config`. ConfigError."""
    if not isinstance(value, dict):
        raise file.refuse((key,), f"{key} is {shown(value)}", "give a table: [shims]")
    for inner, given in value.items():
        path = (key, inner)
        if inner == "enabled":
            config.shims["enabled"] = _enabled(file, path, given)
        elif inner == "variables":
            config.shims["variables"] = _variables(file, path, given)
        else:
            raise file.refuse(path, f"unknown key {inner!r} in {key}", nearest(inner, list(_KEYS)))
        config.origins[f"{key}.{inner}"] = (file.name, file.lines[path])


def finish(config: Config) -> None:
    """What only all files together can break: more variables than a plan can hold."""
    theirs = {variable for _name, variables in config.directories for variable in variables}
    number = len(theirs | set(config.shims["variables"])) + (OWN if config.shims["enabled"] else 0)
    if number > MOST_VARIABLES and "shims.variables" in config.origins:
        file, line = config.origins["shims.variables"]
        raise ConfigError(file, line, f"{number} variables in all, those of directories and {OWN} for PATH included; "
                          f"at most {MOST_VARIABLES} can be set", "disable some programs, or remove directories")


def unfit(variable: str) -> str:
    """Why the shims can set no variable of this name, or ''."""
    if not (_VARIABLE.issuperset(variable) and variable[:1] not in _DIGITS and 0 < len(variable) <= LONGEST_VARIABLE):
        return "can be no environment variable"
    if variable in _LOGINS or variable.startswith("LD_"):
        return "is a variable of logins, shells or the loader"
    return "is a variable of our own" if variable == "PATH" or variable.startswith("PAM_MKTEMP_") else ""


def unfit_value(value: str) -> str:
    """Why a variable can have no such value, or ''."""
    if not value or not value.isprintable() or len(value.encode("utf-8", "replace")) > LONGEST_VALUE:
        return f"is not 1 to {LONGEST_VALUE} bytes of text in one line"
    return expand.fault(value)


def _enabled(file: File, path: Path, value: object) -> list[str]:
    names = strings(file, path, "shims.enabled", value)
    if len(names) > MOST_ENABLED:
        raise file.refuse(path, f"{len(names)} entries; at most {MOST_ENABLED} can be enabled", "remove some")
    for index, name in enumerate(names):
        if not (_ENTRY.issuperset(name) and name[:1] in _FIRST and len(name) <= _LONGEST_ENTRY):
            raise file.refuse((*path, index), f"{shown(name)} can be no entry of the catalogue",
                              "the names are those of pam-mktemp shims list")
        if name in names[:index]:
            raise file.refuse((*path, index), f"{name} is there twice", "remove one")
    return names


def _variables(file: File, path: Path, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise file.refuse(path, f"shims.variables is {shown(value)}", 'give a table: {TMUX_TMPDIR = "$TMPDIR"}')
    for name, text in value.items():
        if wrong := unfit(name):
            raise file.refuse((*path, name), f"{shown(name)} {wrong}", "use other letters, digits and _")
        if not isinstance(text, str):
            raise file.refuse((*path, name), f"{name} is {shown(text)}", "give text in quotes")
        if wrong := unfit_value(text):
            raise file.refuse((*path, name), f"{name} {wrong}", "correct it")
    return dict(value)
