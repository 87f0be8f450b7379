"""The C program that opens the sessions, spoken to line by line (open_session.c says how)."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from arena import ArenaError, run

SOURCE = "benchmarks/open_session.c"


class Session(NamedTuple):
    """One session: pam_open_session alone and pam_start to pam_end, in ns; TMPDIR as it was exported."""

    open_ns: int
    whole_ns: int
    tmpdir: str


class Growth(NamedTuple):
    """Resident kB of a host before a session, while it is open, after it; `own`: kB kept and not shared."""

    before: int
    open: int
    after: int
    own: int


class Leak(NamedTuple):
    """Descriptors and resident kB of one process before and after many sessions."""

    fds_before: int
    fds_after: int
    before: int
    after: int


class Driver:
    """Compiles the driver of SOURCES into FOLDER and keeps it running; service files are read from CONFDIR.

    HOST is "new" or "usual": what the processes that open the measured sessions have done before.
    """

    def __init__(self, folder: Path, sources: Path, confdir: Path, host: str) -> None:
        self._host = host
        program = folder / "open_session"
        run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, sources / SOURCE, "-lpam")
        self._process = subprocess.Popen(
            [program, confdir], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
        )

    def _ask(self, *words: str) -> list[str]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        rc, *values = self._process.stdout.readline().split() or ["no answer"]
        if rc != "0" or not values:
            raise ArenaError(f"{' '.join(words)}: PAM result {rc}")
        return values

    def session(self, service: str, user: str) -> Session:
        """Open and close one session in a fresh process; raises ArenaError if PAM refuses it."""
        open_ns, whole_ns, tmpdir = self._ask("time", service, user, self._host)
        return Session(int(open_ns), int(whole_ns), tmpdir)

    def growth(self, service: str, user: str) -> Growth:
        """What one session adds to a process that has already had one of pam_permit."""
        return Growth(*map(int, self._ask("grow", service, user)))

    def leak(self, service: str, user: str, count: int) -> Leak:
        """COUNT sessions in one process."""
        return Leak(*map(int, self._ask("leak", service, user, str(count))))

    def program(self, *command: str) -> int:
        """Nanoseconds from starting a program to its end."""
        return int(self._ask("exec", *command)[0])
