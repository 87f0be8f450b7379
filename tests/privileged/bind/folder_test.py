"""The folder of a view, which logins make and sweep: real logins that find it being made, or nothing to make it in."""
from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.privileged.doctor.conftest import bound, machine, profiles  # noqa: F401  stage bind, our line in su
from tests.privileged.logins.bind_test import by
from tests.privileged.setup.installed import alice  # noqa: F401  fixture
from tests.sandbox.accounts import CLEAN

VIEWS = Path("/run/pam-mktemp/views")
LOG = Path("/var/tmp/folder-of-a-view.log")
LOGIN = by("alice", "readlink /proc/self/ns/mnt")
pytestmark = pytest.mark.usefixtures("bound")


def login(*before: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*before, *LOGIN], stdout=subprocess.PIPE, text=True, env=CLEAN, cwd="/")


def is_bound(running: subprocess.Popen[str]) -> bool:
    out, _ = running.communicate(timeout=20)
    return running.returncode == 0 and out.startswith("mnt:[") and out.strip() != os.readlink("/proc/self/ns/mnt")


def test_two_make_it_at_once() -> None:
    assert is_bound(login())
    folder, = (path for path in VIEWS.iterdir() if path.name.startswith("2101."))
    shutil.rmtree(folder)
    slow = login("strace", "-f", "-o", str(LOG), "-e", "trace=mkdir", "-e",
                 "inject=mkdir:delay_enter=500000:when=1")
    while not (LOG.exists() and "mkdir" in LOG.read_text()):
        time.sleep(0.01)
    folder.mkdir(0o700)
    assert is_bound(slow)
    assert "EEXIST" in LOG.read_text()
    LOG.unlink()


def test_a_planner_makes_what_it_lies_in() -> None:
    assert is_bound(login())
    shutil.rmtree(VIEWS)
    assert is_bound(login())
    assert VIEWS.stat().st_mode & 0o7777 == 0o700
