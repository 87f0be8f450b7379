"""The manual and the completion where `make install` puts them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import Bash

LIBRARY = "/usr/share/bash-completion/bash_completion"


@pytest.mark.parametrize(("page", "name", "says"), [
    ("man1/pam-mktemp.1", "pam-mktemp", "pam-mktemp enable"),
    ("man1/pam-mktemp-launch.1", "pam-mktemp-launch", "start-stop-daemon"),
    ("man5/pam_mktemp.toml.5", "pam_mktemp.toml", "exempt_users"),
    ("man8/pam_mktemp_py.8", "pam_mktemp_py", "failed-open"),
])
def test_pages_can_be_read(page: str, name: str, says: str) -> None:
    path = Path("/usr/share/man") / page
    about = path.stat()
    assert (about.st_uid, about.st_mode & 0o7777) == (0, 0o644)
    done = subprocess.run(["mandoc", "-Tascii", path], capture_output=True, text=True, check=True)
    text = subprocess.run(["col", "-b"], input=done.stdout, capture_output=True, text=True, check=True).stdout
    assert f"{name} - " in text and says in text
    if shutil.which("man"):
        found = subprocess.run(["man", "-w", name], capture_output=True, text=True)
        assert found.stdout.strip() == str(path), found.stderr


@pytest.mark.parametrize("user", ["root", "alice"])
def test_tab(user: str, account: Callable[..., Any]) -> None:
    """Loaded by bash-completion when it is first asked for; the command needs no root for it."""
    alice = account("alice", uid=2101)
    shell = Bash(f"source {LIBRARY}", "/usr/bin:/bin", "/nonexistent", alice if user == "alice" else None)
    assert shell.completed("pam-mktemp en") == ["enable", "enter"]
    assert "su" in shell.completed("pam-mktemp enable --service ")
    assert shell.completed("pam-mktemp plan ali") == ["plan", "alice"]
    assert shell.completed("pam-mktemp where /usr/lib/pam-mktemp-r") == ["where", "/usr/lib/pam-mktemp-run"]
    shell.close()
