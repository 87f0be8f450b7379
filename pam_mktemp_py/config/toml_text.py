"""Values and comments spelt as TOML, so that tomllib reads back what was given (https://toml.io/en/v1.0.0)."""
from __future__ import annotations

from typing import Any

from pam_mktemp_py import log

_SHORT = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def value(given: Any) -> str:
    """A string, a whole number, a truth value, or a list or table of those; TypeError else, and for lone surrogates."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, dict):
        return "{" + ", ".join(f"{value(key)} = {value(each)}" for key, each in given.items()) + "}"
    if isinstance(given, list):
        return "[" + ", ".join(value(each) for each in given) + "]"
    if isinstance(given, int):
        return str(given)
    if not isinstance(given, str) or any(0xd800 <= ord(c) <= 0xdfff for c in given):
        raise TypeError(f"no TOML of ours: {given!r}")
    return '"' + "".join(_SHORT.get(c) or (c if c.isprintable() else _escaped(c)) for c in given) + '"'


def comment(text: str) -> str:
    """One line of comment; what a file may hold and a comment may not is escaped as in the log."""
    return "# " + log.escaped(text)


def _escaped(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) <= 0xffff else f"\\U{ord(c):08x}"
