"""The C program that opens the sessions, spoken to line by line (open_session.c says how)."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from arena import ArenaError, run

SOURCE = "benchmarks/open_session.c"


class Session(NamedTuple):
    """One session: pam_open_session alone and pam_start to pam_end, in ns; TMPDIR as it was exported.

    `namespace` is the inode number of the mount namespace in which its process was then.
    """

    open_ns: int
    whole_ns: int
    tmpdir: str
    namespace: int


class Held(NamedTuple):
    """A session that stays open: its mount namespace, as above, and the process that is in it."""

    namespace: int
    pid: int


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

    HOST is "new" or "usual": what the processes that open the measured sessions have done before. ENV: the environment
    of what it starts, if not our own.
    """

    def __init__(self, folder: Path, sources: Path, confdir: Path, host: str,
                 env: dict[str, str] | None = None) -> None:
        self._host = host
        program = folder / "open_session"
        run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, sources / SOURCE, "-lpam")
        self._process = subprocess.Popen(
            [program, confdir], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env=env,
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
        open_ns, whole_ns, tmpdir, namespace = self._ask("time", service, user, self._host)
        return Session(int(open_ns), int(whole_ns), tmpdir, int(namespace))

    def hold(self, service: str, user: str) -> Held:
        """Open a session that stays open until its process is killed, or the driver ends."""
        return Held(*map(int, self._ask("hold", service, user)))

    def growth(self, service: str, user: str) -> Growth:
        """What one session adds to a process that has already had one of pam_permit."""
        return Growth(*map(int, self._ask("grow", service, user)))

    def leak(self, service: str, user: str, count: int) -> Leak:
        """COUNT sessions in one process."""
        return Leak(*map(int, self._ask("leak", service, user, str(count))))

    def program(self, *command: str) -> int:
        """Nanoseconds from starting a program to its end."""
        return int(self._ask("exec", *command)[0])

    def program_of(self, uid: int, *command: str) -> int:
        """The same, started by the user UID, whose group has the same number. What it prints is lost."""
        return int(self._ask("as", str(uid), *command)[0])
