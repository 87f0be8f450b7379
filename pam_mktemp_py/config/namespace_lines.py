"""The lines of namespace.conf(5), read as pam_namespace reads them. Pure.

`polydir instance_prefix method[:flags] [~]users`; a # ends the line, in quotes too; no line is continued.
"""
from __future__ import annotations

from dataclasses import dataclass

from pam_mktemp_py.config.importing import Source, Translation

METHODS = ("user", "context", "level", "tmpfs", "tmpdir")
_BLANK = " \t\n\v\f\r"  # isspace(3)
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


@dataclass(frozen=True)
class Line:
    """One line; `only` (~): `users` are those for whom it is done, else those for whom it is not."""

    source: Source
    path: str
    prefix: str
    method: str
    flags: tuple[str, ...]
    users: tuple[str, ...]
    only: bool


def read(made: Translation, name: str, text: str) -> list[Line]:
    """The good lines of one file; the others are noted in `made`."""
    found = (_line(made, Source(name, number, line.strip(_BLANK))) for number, line in enumerate(text.split("\n"), 1))
    return [line for line in found if line is not None]


def _line(made: Translation, source: Source) -> Line | None:
    """One line; None if it says nothing, or if it is wrong (pam_namespace then refuses the session)."""
    text = source.text.partition("#")[0]  # in quotes too
    words = _words(text)
    if not words:
        return None
    wrong = _wrong(text, words)
    if wrong:
        made.lose(source, wrong, "correct it: pam_namespace itself refuses every session for it")
        return None
    if len(words) > 4:
        made.lose(source, "pam_namespace ignores what follows the fourth word", "write the users without spaces")
    method, *flags = filter(None, words[2].split(":"))
    listed = words[3] if len(words) > 3 else ""
    users = listed.removeprefix("~")
    return Line(source, _slashes(words[0]), words[1], method, tuple(flags),
                tuple(users.split(",")) if users else (), only=listed.startswith("~"))


def _wrong(text: str, words: list[str]) -> str:
    if "\0" in text:
        return "the line holds a NUL byte"
    if len(words) < 3:
        return f"the line has {len(words)} of at least 3 words: directory, instance prefix, method"
    method = next(filter(None, words[2].split(":")), "")
    if method not in METHODS:
        return f"'{method}' is no method: {', '.join(METHODS)}"
    for path in words[:2] if method != "tmpfs" else words[:1]:
        if ".." in path or not path.startswith(("/", "$HOME")):
            return f"'{path}' is no absolute path without '..'"
    return ""


def _words(text: str) -> list[str]:
    """The words as pam_namespace parts them: "..." and \\x as in argv_parse(), no line is continued."""
    words: list[str] = []
    inside = quoted = False
    at = 0
    while at < len(text):
        c = text[at]
        at += 1
        if not quoted and c in _BLANK:
            inside = False
            continue
        if not inside:
            words.append("")
            inside = True
        if c == '"':
            quoted = not quoted
            continue
        if c == "\\" and not quoted and at < len(text):
            c = _ESCAPES.get(text[at], text[at])
            at += 1
        words[-1] += c
    return words


def _slashes(path: str) -> str:
    return "/" + "/".join(filter(None, path.split("/"))) if path.startswith("/") else path.rstrip("/")
