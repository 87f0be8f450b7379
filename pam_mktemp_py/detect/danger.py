"""How another user of the machine could attack what a program does in a shared directory.

The order is that of STING (Vijayakumar et al., USENIX Security 2012): whoever can take a name before the program
does decides what the program writes to, talks to or runs. The kernel's protected_symlinks, protected_regular and
protected_fifos (proc(5)) stop some of it where they are set; they are not counted on.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pam_mktemp_py.detect.facts import READABLE, WRITABLE, Facts
from pam_mktemp_py.detect.model import RANDOM

CWE = {
    59: "Improper Link Resolution Before File Access ('Link Following')",
    283: "Unverified Ownership",
    377: "Insecure Temporary File",
    379: "Creation of Temporary File in Directory with Insecure Permissions",
    426: "Untrusted Search Path",
    732: "Incorrect Permission Assignment for Critical Resource",
}


class Danger(NamedTuple):
    """`level` is one of model.DANGERS, `rank` from 0 to 100 orders more finely, `cwe` are numbers of CWE."""

    level: str
    rank: int
    cwe: tuple[int, ...]
    why: str


# The counters of Facts, any of which opens the way; {} in the reason is what is known of the name.
_Way = tuple[tuple[str, ...], Danger]
_ALWAYS: tuple[_Way, ...] = (
    (("anonymous",), Danger("none", 5, (), "no name at all (O_TMPFILE)")),
    (("reopened",), Danger("low", 8, (), "opened again by name after it was made")),
)
_GUESSED: tuple[_Way, ...] = (
    (("read",), Danger("low", 12, (377,), "reads {}: another user can put it there")),
    (("removed",), Danger("low", 14, (377,), "removes {}, whoever made it")),
    (("connected",), Danger("low", 18, (), "connects to {}, and looked at its owner")),
    (("made", "hindered"), Danger("low", 20, (377,), "{}, made exclusively: whoever takes it first stops the program")),
    (("directories", "there"), Danger("medium", 30, (379,), "a directory of {}: whoever makes it first owns what is "
                                                            "in it")),
    (("bound",), Danger("medium", 32, (377,), "a socket of {}: whoever binds it first answers the clients")),
    (("unasked",), Danger("medium", 40, (283,), "connects to {} without looking at who owns it")),
    (("altered",), Danger("medium", 41, (377,), "changes {} though it may be another user's")),
    (("nofollow",), Danger("medium", 42, (377,), "opens {} for writing though it may be another user's")),
    (("searched",), Danger("high", 54, (426,), "looks for code at {}, where another user can put some")),
    (("executed",), Danger("high", 55, (426,), "runs {}, which another user can put there")),
    (("followed",), Danger("high", 58, (59, 377), "changes {} through whatever link stands there")),
    (("unsafe",), Danger("high", 60, (59, 377), "opens {} for writing, without O_EXCL and O_NOFOLLOW: a link planted "
                                                "there decides what is overwritten")),
)
_RANDOM: tuple[_Way, ...] = (
    (("active",), Danger("low", 9, (), "uses {}")),
    (("made", "directories", "bound", "reopened"), Danger(
        "low", 10, (), "{}, made exclusively: in the shared directory, but safe from others")),
    (("read",), Danger("low", 11, (), "reads {}")),
    (("unsafe", "nofollow", "followed"), Danger("low", 15, (377,), "{}, but opened without O_EXCL")),
    (("doubtful",), Danger("medium", 35, (377,), "what looks like {} (--runs 2 makes it sure), opened without O_EXCL: "
                                                 "if it is fixed, a link planted there is followed")),
    (("executed",), Danger("medium", 40, (426,), "runs {}, which was not made here")),
)
_NAMES = {"fixed": "a fixed name", "pid": "a name with a process id, which can be guessed",
          "uid": "a name with a user id, which everybody knows", "user": "a name with a user name",
          "time": "a name with the time, which can be guessed", "display": "a name with a display number",
          RANDOM: "a random name"}


def danger(facts: Facts) -> Danger:
    """The danger of one finding. The worst that was done decides."""
    if facts.names and facts.sealed >= facts.names:
        return Danger("none", 6, (), "inside a directory of its own that nobody else can enter")
    if facts.names and facts.shield >= facts.names:
        inside = Danger("none", 7, (), "inside a directory of its own that nobody else can write to")
        return _opened(inside, facts) if facts.mode & WRITABLE or facts.opened_up else inside
    worst = max(_ways(facts), key=lambda way: way.rank)
    return _opened(worst, facts) if (facts.active and facts.mode & WRITABLE) or facts.opened_up else worst


def _ways(facts: Facts) -> Iterator[Danger]:
    """Every way that there is to attack it."""
    yield Danger("none", 0, (), "looked at, not used")
    for counters, way in _ALWAYS + (_RANDOM if facts.name == RANDOM else _GUESSED):
        if any(getattr(facts, counter) for counter in counters):
            yield way._replace(why=way.why.format(_NAMES[facts.name]))


def _opened(worst: Danger, facts: Facts) -> Danger:
    """Worse, since others may write to it, or may read what a later chmod opened."""
    if not facts.mode & WRITABLE:
        return Danger(worst.level, worst.rank, worst.cwe + (732,), worst.why + _open_to_all(facts))
    how = "chmod made it" if facts.opened_up else "it is made"
    why = f"{worst.why}; {how} writable by everybody"
    if facts.bound and not (facts.unsafe or facts.nofollow or facts.followed or facts.made):
        return Danger(worst.level, worst.rank + 1, worst.cwe + (732,), f"{worst.why}; everybody may connect to it")
    if worst.rank >= 55:
        return Danger("critical", worst.rank + 30, worst.cwe + (732,), why)
    level = {"none": "low", "low": "medium", "medium": "high", "high": "high"}[worst.level]
    return Danger(level, worst.rank + 15, worst.cwe + (732,), why)


def _open_to_all(facts: Facts) -> str:
    return "; chmod lets everybody read it" if facts.opened_up and facts.mode & READABLE else ""
