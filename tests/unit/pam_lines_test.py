"""How a file of /etc/pam.d is read. That libpam reads it so too: tests/privileged/setup/libpam_test.py."""
from __future__ import annotations

import pytest

from pam_mktemp_py.pamstack.lines import LONGEST, Line, parse

ECHO = "session optional pam_echo.so"


def only(text: str) -> Line:
    """The one line of a text."""
    line, = parse(text)
    return line


def test_plain() -> None:
    assert only("session\trequired  pam_x.so a  b=c\n") == Line(1, 1, "session", "required", "pam_x.so", ("a", "b=c"))


@pytest.mark.parametrize("text", ["", "\n", "# x", "  # x\n\t\n", "#"])
def test_nothing(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize(("text", "words", "last"), [
    (f"{ECHO} a \\\n b", ("a", "b"), 2),
    (f"{ECHO} a \\\n# comment\n\n b", ("a", "b"), 4),  # neither ends the line
    (f"{ECHO} a \\  \n b", ("a", "b"), 2),
    (f"{ECHO} a\\\nb", ("a", "b"), 2),  # a backslash stands for a space
    (f"{ECHO} a # c \\\n{ECHO} b", ("a",), 1),  # a comment is not continued
    (f"{ECHO} a#b", ("a",), 1),
    (f"{ECHO} a \\\n b # c \\\nx y z", ("a", "b"), 2),
])
def test_joined(text: str, words: tuple[str, ...], last: int) -> None:
    line = parse(text)[0]
    assert (line.arguments, line.first, line.last, line.trouble) == (words, 1, last, "")


@pytest.mark.parametrize(("text", "line"), [
    ("session [a=1 b=ok]pam_x.so y", Line(1, 1, "session", "[a=1 b=ok]", "pam_x.so", ("y",))),
    ("[session] [required] [pam x.so] [a b\\] c]", Line(1, 1, "session", "[required]", "pam x.so", ("a b] c",))),
    ("SESSION Required pam_x.so", Line(1, 1, "session", "Required", "pam_x.so")),
    ("-session optional pam_x.so", Line(1, 1, "session", "optional", "pam_x.so", silent=True)),
    ("session Include a", Line(1, 1, "session", "include", file="a")),
    ("session [substack] a", Line(1, 1, "session", "substack", file="a")),
    ("@INCLUDE a b", Line(1, 1, "", "@include", file="a")),
])
def test_words(text: str, line: Line) -> None:
    assert only(text) == line


@pytest.mark.parametrize(("text", "trouble"), [
    (f"{ECHO}\r", "carriage return"), (f"{ECHO} \0 x", "NUL"),
    (f"{ECHO} \\", "backslash"), (f"{ECHO} \\\n", "backslash"),
    (f"{ECHO} \\\n# x\n\n", "backslash"), ("sessions a b", "'sessions' is no type"), ("session\fa b c", "is no type"),
    ("session optional", "missing"), ("session", "missing"), ("@include", "names no file"), ("@includes a", "no type"),
    ("--session optional x", "no type"), ("session [a=b pam_x.so", "missing"), ("\f", "no type"),
    (f"{ECHO} " + "x" * LONGEST, "longer"), ("#" + "x" * LONGEST, "longer"),
    (f"{ECHO} {'x' * 500} \\\n{'y' * 500}", "longer"),
])
def test_trouble(text: str, trouble: str) -> None:
    assert trouble in only(text).trouble


@pytest.mark.parametrize(("module", "ours"), [
    ("pam_mktemp_py.so", True), ("/usr/lib/security/pam_mktemp_py.so", True), ("[pam_mktemp_py.so]", True),
    ("pam_mktemp.so", False), ("pam_mktemp_py.so.old", False), ("xpam_mktemp_py.so", False),
])
def test_ours(module: str, ours: bool) -> None:
    assert only(f"session required {module}").ours is ours
