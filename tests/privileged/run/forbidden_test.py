"""Where an ordinary user can have no user namespace: found by trying, and told what forbids it and the way round."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import LAUNCH, RUN, good
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("fresh_state")
AS_ALICE = ("setpriv", "--reuid=2101", "--regid=2101", "--clear-groups")
# unshare(2) and clone(2) with CLONE_NEWUSER are refused, as containers' filters do; by a flag, so that forks go on.
FILTER = r"""
import ctypes, os, platform, struct, sys
one, two, arch = {"x86_64": (272, 56, 0xC000003E), "aarch64": (97, 220, 0xC00000B7)}[platform.machine()]
code = [(0x20, 0, 0, 4), (0x15, 0, 6, arch), (0x20, 0, 0, 0), (0x15, 1, 0, one), (0x15, 0, 3, two), (0x20, 0, 0, 16),
        (0x45, 0, 1, 0x10000000), (0x06, 0, 0, int(sys.argv[1], 0)), (0x06, 0, 0, 0x7FFF0000)]
text = b"".join(struct.pack("HBBI", *each) for each in code)
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(Program(len(code), text)), 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""


def refused(*before: str, env: dict[str, str] | None = None) -> str:
    """What run says when it is started so, and that the launcher says something, too; the command must not run."""
    said = []
    for program in (RUN, LAUNCH):
        done = subprocess.run([*before, *AS_ALICE, *program, "--", "echo", "ran"], env=CLEAN | (env or {}), cwd="/",
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (125, ""), done.stdout + done.stderr
        said.append(done.stderr)
    assert "a user namespace is not allowed here" in said[1]
    assert "pam-mktemp run --user alice" in said[0]
    return said[0]


@pytest.fixture(autouse=True)
def works(fresh_state: None, alice: Any) -> None:
    """It does where nothing forbids it: the plan of that time is there for the launcher."""
    good(*RUN, "--user", "alice", "--", "true")
    good(*RUN, "--", "true", user=alice)


@contextmanager
def nested(script: str) -> Iterator[tuple[str, ...]]:
    """A user namespace with all ids of ours, so that its limits can be set; the words to run something in it."""
    with subprocess.Popen(["unshare", "--user", "--mount", "sh", "-c", 'read x; exec sh -c "$0"',
                           f"{script}; echo ready; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        assert holder.stdin and holder.stdout
        own = os.readlink("/proc/self/ns/user")
        while os.readlink(f"/proc/{holder.pid}/ns/user") == own:
            pass
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}/{name}").write_text("0 0 4294967295")
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "ready\n"
        yield ("nsenter", "--user", "--mount", f"--target={holder.pid}")
        holder.stdin.close()


@pytest.mark.parametrize("name", ["max_user_namespaces", "max_mnt_namespaces"])
def test_switched_off(name: str) -> None:
    with nested("true") as inside:
        done = subprocess.run([*inside, *AS_ALICE, *LAUNCH, "echo", "ran"], capture_output=True, text=True, env=CLEAN,
                              cwd="/")
        assert done.stdout == "ran\n", done.stderr
    with nested(f"echo 0 > /proc/sys/user/{name}") as inside:
        said = refused(*inside)
        assert f"user.{name} is 0" in said and f"sysctl user.{name}=10000" in said


def test_seccomp(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    script = tmp_path / "filter.py"
    script.write_text(FILTER)
    said = refused("/usr/bin/python3", str(script), "0x00050001")  # SECCOMP_RET_ERRNO, EPERM
    assert "seccomp" in said and "Operation not permitted" in said
    assert "seccomp" in refused("/usr/bin/python3", str(script), "0x00050026").replace("no user namespaces", "seccomp")


def test_chroot() -> None:
    jail = Path("/srv/jail")
    jail.mkdir()
    try:
        subprocess.run(["mount", "--rbind", "/", jail], check=True)
        subprocess.run(["mount", "--make-rprivate", jail], check=True)
        assert "chroot" in refused("chroot", str(jail))
    finally:
        subprocess.run(["umount", "-R", "-l", jail], check=True)
        jail.rmdir()


def test_dry_run_says_it(tmp_path: Path) -> None:
    with nested("echo 0 > /proc/sys/user/max_user_namespaces") as inside:
        done = subprocess.run([*inside, *AS_ALICE, "pam-mktemp", "run", "--dry-run", "--", "true"], env=CLEAN, cwd="/",
                              capture_output=True, text=True)
        assert done.returncode == 1 and "user.max_user_namespaces is 0" in done.stdout, done.stderr
