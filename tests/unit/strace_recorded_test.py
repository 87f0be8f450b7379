"""Logs of other versions of strace, recorded with the witnesses of tests/programs/traps in /tmp/w.

VERSION/NAME.strace is the log, NAME.expected what the witness told, with the options in its first line.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from pam_mktemp_py.strace.reader import Reader
from tests import traps
from tests.traps import View

DATA = Path(__file__).parents[1] / "data" / "strace"
LOGS = sorted(DATA.glob("*/*.strace"))
LOOKS = frozenset("newfstatat stat lstat statx access faccessat readlink readlinkat inotify_add_watch".split())


def view(options: list[str]) -> View:
    """What a log with these options does not show."""
    lacks = frozenset() if {"-y", "-yy"} & set(options) else frozenset("ys")
    if "trace=%file,io_uring_setup" in options:
        return View(lacks=lacks | {"c"}, forks=False, masks=False)
    return View(lacks=lacks, calls=LOOKS)


def test_there_are_logs() -> None:
    assert {path.parent.name for path in LOGS} >= {"6.13", "7.2"}
    options = {word for path in LOGS for word in path.with_suffix(".expected").read_text().split("\n", 1)[0].split()}
    assert {"-N", "--color=always", "-Y", "-n", "-i", "-k", "-r", "-T", "-x", "-xx", "-yy", "--seccomp-bpf"} <= options


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded(path: Path) -> None:
    text = path.with_suffix(".expected").read_text()
    options = text.split("\n", 1)[0].split()
    log = path.read_bytes()
    for size in (len(log), 7, 1):
        reader = Reader(watch=("/tmp/w",), cwd="")
        events = list(reader.events(log[at:at + size] for at in range(0, len(log), size)))
        traps.agree(reader, events, traps.read_story(text), view(options))
        assert reader.lines == log.count(b"\n")
