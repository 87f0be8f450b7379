"""Names without what varies between two runs: the same program gives the same name, and one sees whether it is guessed.

A name is fixed, or carries a process or user id, a time or a display, all of which another user can know or try,
or is random. One run shows the first ones by what is known of the processes; that something is random is judged
by its looks, which --runs 2 replaces by certainty (runs.py).
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from pam_mktemp_py.detect.model import FIXED
from pam_mktemp_py.detect.random_text import looks_random

_DISPLAYS = re.compile(r"(\.t?X|/\.X11-unix/X|/server-)(\d+)(?=-lock$|\.xkm$|$)")
_USERS = re.compile(r"(/tmux-|/emacs|/\.wine-|/krb5cc_|/pulse-|/screens/S-)(\d+)(?=/|_|$)")
_NUMBER = re.compile(r"(?<!\d)\d+(?!\d)")
_DIGIT = re.compile(r"[0-9]")
_CHUNK = re.compile(r"[A-Za-z0-9]{6,}")  # mkstemp(3) has six letters: less is not looked at
_LONG_NUMBER = re.compile(r"([A-Za-z]*?)(?:\d{15}|\d{17,18}|\d{20,})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
# Python's tempfile uses small letters, digits and _: where that is not certain, a digit among them is asked for.
_PYTHON = re.compile(r"(tmp|pymp-)[a-z0-9_]{8}$")
_PYTHON_SURELY = re.compile(r"(tmp|pymp-)(?=[a-z]*[0-9_])[a-z0-9_]{8}$")
_PYTHON_PREFIXED = re.compile(r"(^|[-.])(?=[a-z0-9_]*\d[a-z_])[a-z0-9_]{8}$")
_PROBE = re.compile(r"/[a-z0-9_]{8}$")  # what tempfile tries a directory with
_MARK = re.compile(r"<(pid|uid|user|time|display|random)>")
_TEMPLATED = re.compile(r"([a-z]{2,})([A-Za-z0-9]{6})(?![A-Za-z0-9])")  # wordXXXXXX
_TEMPLATE = re.compile(r"X{6,}")
_WORST = ("random", "time", "pid", "display", "user", "uid")  # which one a name with several is called by
_TIMES = {10: 1, 13: 10 ** 3, 16: 10 ** 6, 19: 10 ** 9}  # digits of a Unix time in s, ms, us, ns
_LEAST_DIGITS = 9  # of a number drawn by chance
_PAST, _FUTURE = 3 * 366 * 86400, 2 * 86400  # s around the trace


# How a name came to be: it was only used; made so that it cannot have been there before; so, and closed to others, as
# mkstemp(3) and mkdtemp(3) do; so, and as Python's tempfile does it, which has tells of its own.
USED, EXCLUSIVE, FRESH, PYTHON = 0, 1, 2, 3


class Identity(NamedTuple):
    """Numbers and names that belong to who made a name: `near` are the process's own and its ancestors' pids.

    `now`: the Unix time of the trace, about.
    """

    near: Set[int]
    pids: Set[int]
    uids: Set[int]
    users: Set[str]
    now: float = 0


def normalised(path: str, top: str, who: Identity, made: int = USED) -> tuple[str, str]:
    """`path`, below the watched directory `top`, without what varies; and what makes it vary, the worst to guess.

    `made`: the more it was made as mkstemp(3) makes one, the less is needed to take a part of it for random,
    and the less a mistake costs.
    """
    rest = path[len(top):]
    if _DIGIT.search(rest):
        rest = _USERS.sub(r"\1<uid>", _DISPLAYS.sub(r"\1<display>", rest))
    rest = _PROBE.sub("/<random>", rest) if made == PYTHON else rest
    rest = "/".join([part and _component(part, who, made) for part in rest.split("/")])
    return top + rest, how(rest)


def how(normal: str) -> str:
    """FIXED, RANDOM or what else the marks in a normalised name tell."""
    marks = set(_MARK.findall(normal))
    return next((mark for mark in _WORST if mark in marks), FIXED)


def _component(part: str, who: Identity, made: int) -> str:
    if "<" in part and _MARK.search(part):
        return part
    if part.count("-") >= 4:
        part = _UUID.sub("<random>", part)
    found = (_PYTHON if made else _PYTHON_SURELY).search(part)
    found = found or (_PYTHON_PREFIXED.search(part) if made else None)
    if found:
        return part[:found.start()] + found[1] + "<random>"
    for user in who.users if len(who.users) < 2 else sorted(who.users, key=len, reverse=True):
        if user in part:
            part = re.sub(rf"(?<![A-Za-z0-9]){re.escape(user)}(?![A-Za-z0-9])", "<user>", part)
    if made and (found := _TEMPLATED.match(part)) and looks_random(found[2], True, made >= FRESH):
        part = found[1] + "<random>" + part[found.end():]
    part = "".join([piece if mark else _CHUNK.sub(lambda found: _chunk(found[0], made), piece)
                    for mark, piece in _pieces(part)])
    return _NUMBER.sub(lambda found: _number(found, part, who, made), part) if _DIGIT.search(part) else part


def _pieces(part: str) -> Iterator[tuple[bool, str]]:
    """What is a mark already, and what is not."""
    if "<" not in part:
        yield False, part
        return
    at = 0
    for found in _MARK.finditer(part):
        yield False, part[at:found.start()]
        yield True, found[0]
        at = found.end()
    yield False, part[at:]


def _number(found: re.Match[str], part: str, who: Identity, made: int) -> str:
    text, start = found[0], found.start()
    number = int(text) if len(text) < 20 else -1
    if number in who.near or (number in who.pids and (len(text) > 2 or text == part or part[:start].endswith("pid"))):
        return "<pid>"
    if number in who.uids and (number or part[:start][-1:] in "-_."):
        return "<uid>"
    unit = _TIMES.get(len(text))
    if unit and who.now - _PAST <= number // unit < who.now + _FUTURE:
        return "<time>"
    return "<random>" if made and len(text) >= _LEAST_DIGITS else text


def _chunk(text: str, made: int) -> str:
    if _TEMPLATE.fullmatch(text):  # that nobody filled in
        return text
    if number := _LONG_NUMBER.fullmatch(text):
        return number[1] + "<random>"
    return "<random>" if looks_random(text, made > USED, made >= FRESH) else text
