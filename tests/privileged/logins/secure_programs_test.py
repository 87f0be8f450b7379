"""Setuid and setgid programs in a session: glibc takes TMPDIR from them (sysdeps/generic/unsecvars.h), not the others.

That is why four variables are exported. A program that runs as another account cannot use the session's directory,
which is closed to that account, and cannot be lured into it either.
"""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import PROGRAMS, all_four, su

pytestmark = pytest.mark.usefixtures("machine")
ALICE = "/tmp/.private/alice/tmp"
Setup = Callable[..., None]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The witness, compiled once."""
    program = tmp_path_factory.mktemp("secure") / "witness"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", program, PROGRAMS / "secure_witness.c"], check=True)
    return program


@pytest.fixture
def secure(compiled: Path) -> Iterator[Setup]:
    """secure("bob", "root", 0o4755) installs it as /usr/local/bin/secure-witness."""
    path = Path("/usr/local/bin/secure-witness")

    def install(owner: str, group: str, mode: int) -> None:
        shutil.copy(compiled, path)
        shutil.chown(path, owner, group)
        os.chmod(path, mode)

    yield install
    path.unlink(missing_ok=True)


def seen() -> dict[str, list[str]]:
    """What the witness says in a session of alice: first word -> the others."""
    done = su("alice", "secure-witness")
    assert (done.returncode, done.stderr) == (0, "")
    return {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()}


def test_an_ordinary_program_has_all(secure: Setup) -> None:
    secure("root", "root", 0o755)
    found = seen()
    assert found.pop("secure")[0] == "0"
    assert found == {name: [ALICE, "ok"] for name in all_four("alice")}


def test_setuid_of_another_account(secure: Setup) -> None:
    secure("bob", "root", 0o4755)
    found = seen()
    assert found.pop("secure") == ["1", "euid 3002 egid 3001"]
    assert found.pop("TMPDIR") == ["-", "-"]
    assert found == {name: [ALICE, "Permission denied"] for name in ("TMP", "TEMP", "TEMPDIR")}


def test_setuid_root(secure: Setup) -> None:
    """root may go everywhere; what it makes there alice cannot rename or remove, only root's own /tmp rules hold."""
    secure("root", "root", 0o4755)
    found = seen()
    assert found.pop("secure") == ["1", "euid 0 egid 3001"]
    assert found.pop("TMPDIR") == ["-", "-"]
    assert found == {name: [ALICE, "ok"] for name in ("TMP", "TEMP", "TEMPDIR")}


def test_setgid(secure: Setup) -> None:
    """Debian's ssh-agent and crontab are such: TMPDIR gone, but the directory can be used by its other names."""
    secure("root", "bob", 0o2755)
    found = seen()
    assert found.pop("secure") == ["1", "euid 3001 egid 3002"]
    assert found.pop("TMPDIR") == ["-", "-"]
    assert found == {name: [ALICE, "ok"] for name in ("TMP", "TEMP", "TEMPDIR")}


def test_what_root_left_there_the_account_cannot_touch() -> None:
    assert su("alice", "true").returncode == 0
    theirs = Path(ALICE, "of-root")
    theirs.write_text("precious")
    for attempt in (f"rm -f {theirs}", f"mv {theirs} {theirs}.x", f"echo x > {theirs}", f"rmdir {ALICE}",
                    f"mv {ALICE} {ALICE}.x"):
        assert su("alice", f"exec 2>/dev/null; {attempt}").returncode != 0, attempt
    assert theirs.read_text() == "precious"
