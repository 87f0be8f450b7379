"""The sandbox's own installation: looked at, damaged, put right, and logged in with."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.pamstack import pieces
from tests.privileged.logins.session import LINE, su, variables
from tests.sandbox import accounts
from tests.sandbox.state import CHECKOUT

LIB = Path(pieces.LIBDIR)
COMMAND = Path("/usr/bin/pam-mktemp")
CONFIG = Path("/etc/security/pam_mktemp.toml")
USER = "alice"


def module() -> Path:
    """The installed module."""
    return Path(pieces.security_dir(), "pam_mktemp_py.so")


def make_install(**options: Any) -> subprocess.CompletedProcess[str]:
    """`make install` in the checkout; not checked."""
    return subprocess.run(["make", "-s", "-C", CHECKOUT, "install", "DESTDIR=", "PREFIX=/usr"], capture_output=True,
                          text=True, timeout=100, **options)


def ours(*words: str, status: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """pam-mktemp WORDS, with this exit status."""
    done = subprocess.run(["pam-mktemp", *words], capture_output=True, text=True, timeout=100, cwd="/",
                          env=accounts.CLEAN, **options)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def ask(*words: str, status: int = 0) -> Any:
    """The document of pam-mktemp --json WORDS."""
    return json.loads(ours("--json", *words, status=status).stdout)


def snapshot() -> dict[str, tuple[object, ...]]:
    """Every installed path but bytecode, with its content, mode and owner; and PAM's files."""
    manifest = pieces.read_manifest()
    assert manifest
    names = [*manifest.pieces, *manifest.conffiles, *map(str, Path("/etc/pam.d").iterdir()), *map(str, LIB.rglob("*"))]
    found: dict[str, tuple[object, ...]] = {}
    for name in names:
        path = Path(name)
        about = path.lstat()
        link = os.readlink(path) if path.is_symlink() else ""
        data = path.read_bytes() if path.is_file() and path.suffix != ".pyc" else b""
        found[name] = (about.st_mode, about.st_uid, about.st_gid, link, data)
    return found


def leftovers() -> list[str]:
    """Temporary names of an installation."""
    manifest = pieces.read_manifest()
    folders = {Path(path).parent for path in manifest.pieces} if manifest else set()
    return [str(path) for folder in {*folders, LIB.parent, Path("/etc/security"), Path("/etc/init.d")}
            for path in folder.iterdir() if path.name.endswith((".lock", ".new", "-new", "-old"))
            and "pam" in path.name]


def logs_in(private: bool = True) -> None:
    """su works, and gives a directory, or with private=False just works."""
    done = su(USER)
    assert done.returncode == 0, done.stdout + done.stderr
    if private:
        assert variables(done.stdout).get("TMPDIR") == f"/tmp/.private/{USER}/tmp", done.stdout


@pytest.fixture(scope="module")
def alice() -> Iterator[None]:
    """An account for all tests of a file."""
    accounts.add(USER, uid=2101)
    yield
    accounts.remove(USER)


@pytest.fixture
def enabled(fresh_state: None, alice: None, pam_service: Callable[..., Path]) -> Callable[..., Path]:
    """Our line at the end of su; no state."""
    pam_service("su", [*Path("/etc/pam.d/su").read_text().splitlines(), LINE])
    return pam_service


@pytest.fixture
def whole() -> Iterator[dict[str, tuple[object, ...]]]:
    """The installation as it is; installed anew when the test ends."""
    assert make_install().returncode == 0
    yield snapshot()
    subprocess.run(["rm", "-rf", LIB, COMMAND, module()], check=True)
    done = make_install()
    assert done.returncode == 0, done.stderr
