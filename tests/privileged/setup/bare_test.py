"""On a bare Debian 12 with git, make and the packages that README names: from the clone to the purge."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN
from tests.sandbox.state import CHECKOUT, run, unmount_all

BARE = CHECKOUT / "build/bare"  # contrib/setup/bare makes it
HERE = Path("/run/bare")
Run = Callable[..., str]


@pytest.fixture
def bare() -> Iterator[Run]:
    """Runs a command in a throwaway copy of it; its output."""
    capabilities.need((BARE / "packages").exists(), "no bare Debian: contrib/setup/bare build/bare makes it")
    HERE.mkdir()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "bare", HERE)
    root = HERE / "root"
    for name in ("root", "upper", "work"):
        (HERE / name).mkdir()
    run("mount", "-t", "overlay", "-o", f"lowerdir={BARE}/root,upperdir={HERE}/upper,workdir={HERE}/work", "bare", root)
    run("mount", "-t", "proc", "proc", root / "proc")
    run("mount", "--bind", "/dev", root / "dev")
    for name, mode in (("run", "755"), ("tmp", "1777")):
        run("mount", "-t", "tmpfs", "-o", f"mode={mode}", "bare", root / name)
    (root / "mnt/sources").mkdir()
    run("mount", "--bind", CHECKOUT, root / "mnt/sources")

    def inside(*words: str, status: int = 0) -> str:
        done = subprocess.run(["chroot", root, *words], capture_output=True, text=True, timeout=600, cwd="/",
                              env=CLEAN | {"HOME": "/root"}, stdin=subprocess.DEVNULL)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    yield inside
    unmount_all(str(HERE))
    HERE.rmdir()


def pam() -> dict[str, tuple[int, bytes]]:
    """All of PAM's files in it."""
    return {str(path): (path.stat().st_mode, path.read_bytes())
            for folder in ("etc/pam.d", "var/lib/pam") for path in sorted((HERE / "root" / folder).iterdir())}


def problems(bare: Run, *words: str) -> list[Any]:
    """What doctor finds, notes left out."""
    found = json.loads(bare("sh", "-c", 'pam-mktemp --json doctor "$@" || [ $? = 1 ]', "sh", *words))
    return list(found["findings"])


def test_from_the_clone_to_the_purge(bare: Run) -> None:
    before = pam()
    bare("useradd", "--create-home", "alice")
    bare("git", "-c", "safe.directory=*", "clone", "-q", "/mnt/sources", "/root/pam_mktemp_py")
    bare("make", "-s", "-C", "/root/pam_mktemp_py", "install")
    assert pam() == before
    bare("pam-mktemp", "enable", "--service", "su")
    assert "TMPDIR=/tmp/.private/alice/tmp\n" in bare("su", "alice", "-c", "env")
    assert problems(bare, "alice", "--service", "su") == []
    bare("pam-mktemp", "disable", "--service", "su")
    assert pam() == before
    assert "TMPDIR" not in bare("su", "alice", "-c", "env")
    bare("pam-mktemp", "enable")  # the distribution's way
    assert "TMPDIR=/tmp/.private/alice/tmp\n" in bare("su", "-", "alice", "-c", "env")
    [uncovered] = problems(bare, "alice", "--service", "su")
    assert uncovered["where"] == "/etc/pam.d/runuser"  # Debian's includes nothing
    for command in uncovered["commands"]:
        bare(*command)
    assert problems(bare, "alice", "--service", "su") == []
    bare("pam-mktemp", "uninstall", "--purge")
    assert pam() == before
    assert "TMPDIR" not in bare("su", "-", "alice", "-c", "env")
    left = bare("find", "/usr", "/etc", "/var", "-xdev", "-newer", "/etc/shadow", "-name", "*pam*mktemp*")
    assert left == ""
