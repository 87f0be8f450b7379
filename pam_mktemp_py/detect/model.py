"""What is known beforehand about a trace, and what is found in it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

SHARED = ("/tmp", "/var/tmp", "/dev/shm")

SHARED_IPC, USER_IPC, KNOB, SECURE_EXEC = "shared-ipc", "user-ipc", "knob", "secure-exec"
HARDCODED, USER_REQUESTED, ANONYMOUS = "hardcoded", "user-requested", "anonymous"
UNUSABLE, ALREADY_PRIVATE, LOOK_ONLY = "unusable-tmpdir", "already-private", "look-only"
CLASSES = {
    SHARED_IPC: "Programs of several users or sessions meet at this name: it must stay shared.",
    USER_IPC: "Programs of one user meet at this name in a shared directory.",
    KNOB: "An option, a variable or a configuration file moves this file out of the shared directory.",
    SECURE_EXEC: "The loader takes TMPDIR from a program that is setuid, setgid or has capabilities, so that it and "
                 "what it starts use a shared directory.",
    HARDCODED: "The program uses a shared directory although TMPDIR names another, and no knob of it is known.",
    USER_REQUESTED: "The name stood in the command that was typed, or lies in the folder where that was started.",
    ANONYMOUS: "The program makes files without a name (O_TMPFILE) in a shared directory, and nothing else there.",
    UNUSABLE: "The process could not use the directory that TMPDIR names, mostly since it runs as another account.",
    ALREADY_PRIVATE: "The name lies in a mount that the process's own mount namespace has there.",
    LOOK_ONLY: "Nothing was made, written, changed or connected to.",
}
TOLD = frozenset({USER_REQUESTED, ALREADY_PRIVATE, LOOK_ONLY})  # shown, and no fault of the program's
NOT_TO_DO = TOLD | {ANONYMOUS}  # no remedy is needed

HONOURS, HARDCODES, MIXED, NONE = "honours", "hardcodes", "mixed", "none"

# How dangerous a finding is to the user whose program it is, worst first.
DANGERS = ("critical", "high", "medium", "low", "none")

# How a name is made. All but RANDOM can be guessed by another user.
FIXED, RANDOM = "fixed", "random"


# What a folder that was there before is to other users: they can write to it, can enter it, can do neither.
OPEN, CLOSED, SEALED = 0, 1, 2


class Known(NamedTuple):
    """What is known beforehand of a program's use of a name: `entry` names what knows it, `kind` is the class of it
    ("" if the calls have to tell), `advice` what to do next."""

    entry: str
    kind: str
    advice: str


Lookup = Callable[[str, str], Known | None]  # a program and a name, both as a finding has them


def nothing_known(_program: str, _path: str) -> Known | None:
    """Where no catalogue is at hand."""
    return None


def _nothing_secure(_program: str) -> bool:
    return False


def _nothing_closed(_folder: str) -> int:
    return OPEN


@dataclass(frozen=True)
class Context:
    """What the judge has to know beside the trace.

    `cwd`: where the command was started, or "". `typed`: the words of the command that a person typed; empty:
    those of the first process of the trace.
    `wrapper`: that command only starts what was meant (a script that holds one command line): the words of the
    first process's children count as typed, too. `uids` and `users`: numbers and names of the accounts that ran
    it. `secure` tells of a program's path whether the loader runs it in secure mode, `folder` of a folder
    whether others can write to it, as OPEN, CLOSED or SEALED. `private`: watched directories that are the
    account's own for all of the trace. `now`: when it was made, in Unix seconds.
    """

    tmpdir: str
    shared: tuple[str, ...] = SHARED
    cwd: str = ""
    typed: tuple[str, ...] = ()
    wrapper: bool = False
    uids: frozenset[int] = frozenset()
    users: frozenset[str] = frozenset()
    secure: Callable[[str], bool] = _nothing_secure
    folder: Callable[[str], int] = _nothing_closed
    private: frozenset[str] = frozenset()
    now: float = 0


@dataclass(frozen=True)
class Evidence:
    """One call of those that make a finding: the line in the log, and who made it."""

    line: int
    pid: int
    program: str
    call: str


@dataclass
class Finding:
    """What one program did to one name: `path` has <pid>, <uid>, <user>, <time>, <display>, <random> for what varies.

    `left` of `count` real names were still there at the end.
    """

    program: str
    path: str
    kind: str  # one of CLASSES; "class" in the output
    danger: str
    rank: int  # orders findings of one danger: higher is worse
    cwe: tuple[str, ...]
    why: str  # in words: what another user could do, or why none could
    name: str  # FIXED, RANDOM, or what makes it vary: pid, uid, user, time, display
    calls: dict[str, int]  # how often each was made
    chain: tuple[str, ...]  # programs, from the first process of the trace to this one
    evidence: list[Evidence]
    example: str  # a real name
    count: int  # how many real names
    left: int  # how many of them were still there at the end
    advice: str = ""
    entry: str = ""  # what knows a remedy


@dataclass
class ProgramVerdict:
    """One program: `private` and `shared` are how many names it made in its directory and in shared ones."""

    program: str
    verdict: str
    private: int = 0
    shared: int = 0
    secure: bool = False


@dataclass
class Verdict:
    """All of it. `dropped`: findings beyond the limit, which are counted alone."""

    verdict: str
    programs: list[ProgramVerdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0

    @property
    def fault(self) -> bool:
        """Whether something was found that is not as it should be: 1 as exit status."""
        return any(each.kind not in TOLD for each in self.findings)
