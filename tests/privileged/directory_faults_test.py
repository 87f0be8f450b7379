"""Each system call of the preparation made to fail once, with real strace: nothing is left half made."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.privileged.directories import PRIVATE, assert_right, made, owner_and_mode, tool, witness
from tests.sandbox import capabilities

pytestmark = pytest.mark.usefixtures("fresh_state")


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)


CALLS = ["mkdir,mkdirat", "openat", "newfstatat", "fsetxattr", "fgetxattr", "fremovexattr", "fchmod", "fchown", "ioctl",
         "flock", "rename,renameat,renameat2", "symlink,readlink", "getdents64"]
BEGIN = 'openat(AT_FDCWD, "/", '


def empty_again() -> None:
    """A new /tmp and no state, without what fresh_state does besides."""
    tool("umount", "-l", "/tmp")
    tool("mount", "-t", "tmpfs", "-o", "mode=1777", "x", "/tmp")
    subprocess.run(["rm", "-rf", "/run/pam-mktemp", "/var/lib/pam-mktemp"], check=True)


@pytest.mark.parametrize("error", ["ENOMEM", "EDQUOT", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_each_call_failing_once(call: str, error: str, tmp_path: Path) -> None:
    """After the imports, the first, second... call fails; an undisturbed run then makes everything right.

    What is repaired is a planted directory in a parent that once was writable, so that all steps are taken.
    """
    capabilities.need(capabilities.can_trace(), "strace")
    log = tmp_path / "log"
    traced = ("strace", "-qq", "-o", str(log), "-e", f"trace={call},openat")
    skipped = 0
    for number in range(100):
        empty_again()
        PRIVATE.mkdir()
        (PRIVATE / "alice").symlink_to("/etc")
        PRIVATE.chmod(0o777)
        if not number:
            assert witness("alice", before=traced).returncode == 0
            early = log.read_text().split(BEGIN)[0].splitlines()
            skipped = sum(line.split("(")[0] in call.split(",") for line in early)
            continue
        done = witness("alice", before=(*traced, "-e", f"inject={call}:error={error}:when={skipped + number}"))
        if "INJECTED" not in log.read_text():
            assert number > 1
            return
        # A module that cannot be loaded is Python's own error: the planner's, not a refusal of ours.
        assert "Traceback" not in done.stderr or "ImportError" in done.stderr or "ModuleNotFound" in done.stderr, done
        if done.returncode and "Traceback" not in done.stderr:
            assert done.stdout.startswith("directory-refused /"), done.stdout
        assert owner_and_mode("/etc") == "root:root 755 directory"
        made("alice")
        assert_right("alice")
    raise AssertionError("more than 100 calls")
