"""What is left of users' files is measured whatever the users have made of it."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import remains
from pam_mktemp_py.pamstack.remains import Remain


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A /tmp/.private of this test's own."""
    path = tmp_path / ".private"
    path.mkdir()
    yield path
    subprocess.run(["rm", "-rf", path], check=True)  # shutil recurses, too


@pytest.fixture
def not_for_ever() -> Iterator[None]:
    """Who opens a FIFO waits for a writer that never comes."""
    def stop(*_: object) -> None:
        raise AssertionError("it waits")  # an OSError might be caught

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def measured(private: Path) -> dict[str, Remain]:
    return {one.path.rpartition("/")[2]: one for one in remains.remaining(str(private.parent))}


def test_folders_deeper_than_python_can_recurse(private: Path) -> None:
    at = os.open(private, os.O_RDONLY)
    for name in ("alice", *["deep"] * 1500):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    found = measured(private)["alice"]
    assert found.files == 100 and not found.whole


def test_what_is_no_folder_is_not_opened(private: Path, not_for_ever: None) -> None:
    os.mkfifo(private / "fifo")
    (private / "alice").mkdir()
    os.mkfifo(private / "alice/fifo")
    (private / "alice/link").symlink_to("/usr")
    (private / "link").symlink_to(private / "fifo")
    found = measured(private)
    assert [(found[name].files, found[name].whole) for name in ("alice", "fifo", "link")] == [
        (2, True), (0, True), (0, True)]
