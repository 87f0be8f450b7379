"""What the tests of the scan share: a file as the walk sees it, and the look at it."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pam_mktemp_py.scan.look import look
from pam_mktemp_py.scan.model import Limits, Looked
from pam_mktemp_py.scan.regular import Task
from pam_mktemp_py.scan.watched import Watched
from tests.sandbox.capabilities import have, need

WATCHED = Watched()
UNSAFE = """
extern char *mktemp(char *), *tmpnam(char *), *tempnam(const char *, const char *);
extern void *tmpfile(void), *getenv(const char *);
static char name[] = "/var/tmp/witness.XXXXXX";
int main(void) { tmpfile(); tmpnam(0); tempnam("/dev/shm", "x"); return mktemp(name) == 0; }
"""
FIXED = """
extern int open(const char *, int, ...);
int main(void) { return open("/tmp/witness.out", 0101, 0600) < 0; }
"""


def task(path: Path | str) -> Task:
    """As the walk would see it."""
    seen = os.stat(path)
    return Task(str(path), seen.st_dev, seen.st_ino, seen.st_size)


def looked(path: Path, data: bytes | str | None = None, limits: Limits = Limits()) -> Looked:
    """The look at `path`, which gets `data` first."""
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return look(task(path), WATCHED, limits)


def reasons(found: Looked) -> list[str]:
    """The reasons of all places, in order."""
    return [place.reason for place in found.places]


def compiled(path: Path, source: str, *options: str) -> Path:
    """`source` compiled by gcc."""
    need(have("gcc"), "gcc")
    subprocess.run(["gcc", "-w", "-x", "c", "-o", path, *options, "-"], input=source, text=True, check=True,
                   stderr=subprocess.DEVNULL)
    return path
