"""PAM's files in a sandbox: their state, and a fixture that puts them back."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.accounts import CLEAN
from tests.sandbox.state import unmount_all

PAM_D = Path("/etc/pam.d")
SAVED = Path("/var/lib/pam")
KEPT = Path("/var/tmp/kept-pam")
LINE = "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so"
State = dict[str, tuple[object, ...]]


def command(*words: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the installed pam-mktemp."""
    return subprocess.run(["/usr/bin/pam-mktemp", *words], capture_output=True, text=True, cwd="/", timeout=120,
                          stdin=subprocess.DEVNULL, env=CLEAN | options)


def done(*words: str, **options: str) -> str:
    """The same, which must succeed; its standard output."""
    result = command(*words, **options)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def refused(*words: str, status: int = 1, **options: str) -> str:
    """The same, which must be refused with one line and leave all as it was; that line."""
    before = state()
    result = command(*words, **options)
    assert result.returncode == status, result
    assert result.stderr.startswith("pam-mktemp: ") and result.stderr.count("\n") == 1, result
    assert result.stdout == ""
    assert state() == before
    return result.stderr


def state(folder: Path = PAM_D, hidden: bool = True) -> State:
    """Of each file: content or link, owner, group, mode, attributes. `hidden`: also those that begin with a dot."""
    found: State = {}
    for name in sorted(os.listdir(folder)):
        if name.startswith(".") and not hidden:
            continue
        path = folder / name
        about = os.lstat(path)
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        attributes = {key: os.getxattr(path, key, follow_symlinks=False)
                      for key in os.listxattr(path, follow_symlinks=False)}
        found[name] = (what, about.st_uid, about.st_gid, about.st_mode, tuple(sorted(attributes.items())))
    return found


def ours(name: str) -> list[str]:
    """The lines of a file that name our module."""
    return [line for line in (PAM_D / name).read_text().splitlines() if "pam_mktemp_py" in line]


@pytest.fixture
def pam_files(fresh_state: None) -> Iterator[None]:
    """No state of ours; /etc/pam.d and /var/lib/pam are put back at the end, whatever was done to them."""
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir()
    for folder in (PAM_D, SAVED):
        subprocess.run(["cp", "-a", folder, KEPT / folder.name], check=True)
    yield
    for folder in (PAM_D, SAVED):
        unmount_all(str(folder))
        subprocess.run(["chattr", "-R", "-f", "-i", "-a", folder], check=False)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        subprocess.run(["cp", "-a", f"{KEPT / folder.name}/.", folder], check=True)
