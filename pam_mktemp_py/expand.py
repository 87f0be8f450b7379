"""Values of the catalogue with $TMPDIR and the like in them. No shell: a name, or $$ for one dollar sign.

The planner reads this: no `re`. shims/launch expands the same values by the same rules.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("TMPDIR", "UID", "USER", "HOME", "XDG_RUNTIME_DIR")
_DIGITS = frozenset("0123456789")
_NAME = _DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


def pieces(text: str) -> tuple[list[tuple[str, str]], str]:
    """What stands before each $ with what is behind it, "$" or a name or "", and what follows the last one."""
    found, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        end = dollar + 1
        if text.startswith("$", end):
            end += 1
        elif text[end:end + 1] not in _DIGITS:
            while end < len(text) and text[end] in _NAME:
                end += 1
        found.append((text[at:dollar], text[dollar + 1:end]))
        at = end
    return found, text[at:]


def fault(text: str) -> str:
    """What is wrong with a value, in words; "" if it can be expanded wherever its names have a value."""
    if "\0" in text:
        return "holds a NUL byte, which no variable and no argument can"
    for _before, name in pieces(text)[0]:
        if not name:
            return "has a $ without one of the names behind it; $$ stands for a dollar sign"
        if name != "$" and name not in NAMES:
            return f"names ${name}; known are ${', $'.join(NAMES)}"
    return ""


def used(text: str) -> set[str]:
    """The names that a value needs."""
    return {name for _before, name in pieces(text)[0]} - {"$", ""}


def expand(text: str, values: Mapping[str, str]) -> str:
    """The value with each name replaced, once: what a value holds is not looked at again.

    ValueError if fault() has something to say of it; KeyError, with the name, if `values` has none or "" for one.
    """
    if wrong := fault(text):
        raise ValueError(f"{text!r} {wrong}")
    found, last = pieces(text)
    made = ""
    for before, name in found:
        if name != "$" and not values.get(name):
            raise KeyError(name)
        made += before + ("$" if name == "$" else values[name])
    return made + last
