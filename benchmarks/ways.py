"""What a command costs an ordinary user, by each way to start it; those that have a private /tmp."""
from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import NamedTuple

import figures
from arena import STAGE, ArenaError, run
from command_report import BWRAP
from driver import Driver
from measure import WARM_UP
from mount_report import LAUNCH, RUN, UNSHARE

COMMAND = "/bin/true"
LAUNCHER = "/usr/bin/pam-mktemp-launch"
BWRAP_PROGRAM = "/usr/bin/bwrap"
# They take as long as dozens of the others; they are reported, and no goal stands on them.
SELDOM = 10


class Way(NamedTuple):
    """A command and the words before it; measured once in `every` rounds."""

    name: str
    before: tuple[str, ...]
    every: int = 1
    command: str = COMMAND


def bwrap(directory: str, command: str = COMMAND) -> Way:
    """COMMAND with DIRECTORY as /tmp."""
    return Way(BWRAP, (BWRAP_PROGRAM, "--dev-bind", "/", "/", "--bind", directory, "/tmp"), command=command)


def private_tmp(directory: str) -> list[Way]:
    """All ways to have DIRECTORY as /tmp; the bare command first."""
    script = STAGE / "bind"
    script.write_text('#!/bin/sh\nmount --bind "$1" /tmp && shift && exec "$@"\n')
    script.chmod(0o755)
    return [
        Way(COMMAND, ()),
        bwrap(directory),
        Way(UNSHARE, ("/usr/bin/unshare", "-Urm", str(script), directory)),
        Way(LAUNCH, (LAUNCHER, "--")),
        Way(RUN, ("/usr/bin/pam-mktemp", "run", "--"), SELDOM),
    ]


def directory_of(user: str) -> str:
    """The directory that is /tmp for a command of USER, with the plan by which the C program mounts it."""
    words = ("/usr/bin/pam-mktemp", "run", "--user", user, "--")
    return run(*words, "/bin/sh", "-c", 'echo "$TMPDIR"').strip()


def said(words: tuple[str, ...], uid: int, env: dict[str, str] | None = None) -> list[str]:
    """The words that a command of UID prints. ArenaError: it failed."""
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, user=uid, group=uid, extra_groups=(), env=env)
    if done.returncode:
        raise ArenaError(f"{' '.join(words)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout.split()


def number(path: str) -> list[str]:
    """As `stat -c "%d %i"` prints it."""
    at = Path(path).stat()
    return [str(at.st_dev), str(at.st_ino)]


def prove(way: Way, uid: int, directory: str) -> None:
    """A command that keeps the host's /tmp would be fast for nothing."""
    if said((*way.before, "/usr/bin/stat", "-c", "%d %i", "/tmp"), uid) != number(directory if way.before else "/tmp"):
        raise ArenaError(f"{way.name}: /tmp is not {directory}")


def measure(driver: Driver, everyone: list[Way], uid: int, rounds: int) -> dict[str, figures.Times]:
    """ROUNDS interleaved rounds in ever new order, each way after the first one, not counted; see measure.measure."""
    taken: dict[str, list[int]] = {way.name: [] for way in everyone}
    order, bare = list(everyone), everyone[0]
    for i in range(WARM_UP + rounds):
        random.shuffle(order)
        for way in order:
            if i % way.every:
                continue
            driver.program_of(uid, bare.command)
            took = driver.program_of(uid, *way.before, way.command)
            if i >= WARM_UP or way.every > 1:
                taken[way.name].append(took)
    return figures.times(taken, {name: [] for name in taken}, bare.name)


def missing() -> list[str]:
    """Programs of others that this stands on and that are not there."""
    return [name for name in (BWRAP_PROGRAM, "/usr/bin/unshare") if not os.access(name, os.X_OK)]
