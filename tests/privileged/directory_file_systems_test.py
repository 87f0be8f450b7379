"""The directory on every file system, judged by stat, lsattr, getfacl and real users, and how little it costs."""
from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from pam_mktemp_py.errors import DirectoryError
from tests.privileged.directories import (
    PRIVATE, PYTHON, append_only, asides, assert_right, made, owner_and_mode, tool, witness,
)
from tests.sandbox import capabilities

pytestmark = pytest.mark.usefixtures("fresh_state")


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay"])
def test_made_and_kept(kind: str, filesystem, account) -> None:
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    filesystem(kind, "/tmp")
    account("alice", uid=2001)
    append = capabilities.can_set_append_only("/tmp")
    done = made("alice", "tmp", "cache")
    assert_right("alice", leaves=("tmp", "cache"), append=append)
    assert (done.base, done.form, done.path) == ("/tmp", "acl", "/tmp/.private/alice")
    assert [link[0] for link in done.chain] == [".private", "alice", "tmp", "cache"]
    for link, path in zip(done.chain, [PRIVATE, PRIVATE / "alice", PRIVATE / "alice/tmp", PRIVATE / "alice/cache"]):
        found = os.stat(path)
        assert link[1:] == (found.st_dev, found.st_ino, found.st_uid, found.st_gid, found.st_mode & 0o7777)
    shown = tool("getfattr", "--only-values", "-n", "trusted.pam_mktemp", "/tmp/.private/alice")
    assert done.stamp == shown
    assert shown.split()[:3] == ["1", "2001", "alice"] and abs(int(shown.split()[3]) - time.time()) < 60
    assert done.acl == os.getxattr(PRIVATE / "alice", "system.posix_acl_access")
    again = made("alice", "tmp", "cache")
    assert (again.chain, again.stamp, again.acl) == (done.chain, done.stamp, done.acl)
    assert asides() == []


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay"])
def test_repaired(kind: str, filesystem, account) -> None:
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    filesystem(kind, "/tmp")
    account("alice", uid=2001)
    Path("/tmp/.private").write_text("planted")
    made("alice")
    assert_right("alice", append=capabilities.can_set_append_only("/tmp"))
    os.chmod(PRIVATE / "alice", 0o755)
    os.chmod(PRIVATE / "alice/tmp", 0o700)
    made("alice")
    assert_right("alice", append=capabilities.can_set_append_only("/tmp"))
    assert asides() == ["alice", "private"]


def test_protection_from_the_system_itself(account) -> None:
    """With the flag not even root's rmdir or rename takes a user's directory away."""
    account("alice", uid=2001)
    made("alice")
    for command in (["rmdir", "/tmp/.private/alice/tmp"], ["mkdir", "/tmp/.private/alice/tmp"]):
        tool(*command)
    for command in (["rm", "-rf", "/tmp/.private/alice"], ["mv", "/tmp/.private/alice", "/tmp/x"],
                    ["mv", "/tmp/.private", "/tmp/y"]):
        assert subprocess.run(command, capture_output=True).returncode == 1


def test_flag_cleared_by_a_killed_run_is_set_again(account) -> None:
    account("alice", uid=2001)
    made("alice")
    tool("chattr", "-a", PRIVATE)
    made("alice")
    assert append_only(PRIVATE)


def test_flag_is_left_alone_while_another_moves_something(account) -> None:
    account("alice", uid=2001)
    made("alice")
    tool("chattr", "-a", PRIVATE)
    with subprocess.Popen(["flock", "/run/pam-mktemp/lock", "sh", "-c", "echo; read x"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout
        holder.stdout.readline()
        made("alice")
        assert not append_only(PRIVATE)
        holder.stdin.close()
    made("alice")
    assert append_only(PRIVATE)


def test_lock_held_for_too_long(account) -> None:
    account("alice", uid=2001)
    os.makedirs("/run/pam-mktemp")
    with subprocess.Popen(["flock", "/run/pam-mktemp/lock", "sh", "-c", "echo; read x"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout
        holder.stdout.readline()
        start = time.monotonic()
        with pytest.raises(DirectoryError, match="/run/pam-mktemp/lock: held by another process"):
            made("alice")
        assert 2.5 < time.monotonic() - start < 4
        holder.stdin.close()
    assert not os.path.lexists(PRIVATE)


def test_steady_case_is_few_calls_and_no_lock_and_no_listing(account, tmp_path: Path) -> None:
    capabilities.need(capabilities.can_trace(), "strace")
    account("alice", uid=2001)
    assert witness("alice").returncode == 0
    log = tmp_path / "calls"
    subprocess.run(["strace", "-qq", "-o", log, *PYTHON, "alice", "--times", "2"], check=True, capture_output=True)
    calls = log.read_text().splitlines()
    ends = [i for i, line in enumerate(calls) if line.startswith("write(1, \"ok ")]
    own = [line for line in calls[ends[0] + 1:ends[1]] if "/etc/" not in line]
    steady = own[next(i for i, line in enumerate(own) if line.startswith('openat(AT_FDCWD, "/",')):]
    assert len(steady) <= 20, "\n".join(steady)
    assert not [line for line in steady if line.startswith(("flock", "getdents", "mkdir", "rename", "fchmod"))]
    # Neither are costly modules loaded, at the first time or later.
    assert not [line for line in calls if "ctypes" in line or "/re/" in line or "typing" in line]


def test_many_neighbours_are_never_listed(account, tmp_path: Path) -> None:
    account("alice", uid=2001)
    account("bob", uid=2002)
    made("bob")
    for number in range(20000):
        os.mkdir(PRIVATE / f"n{number}", 0o710)
    log = tmp_path / "calls"
    subprocess.run(["strace", "-qq", "-y", "-e", "getdents64", "-o", log, *PYTHON, "alice,bob"], check=True)
    listed = {line.split("<")[1].split(">")[0] for line in log.read_text().splitlines() if "</tmp" in line}
    assert listed <= {"/tmp/.private/.new"}
    assert_right("alice")


def test_two_uids_for_one_name_and_two_names_for_one_uid(account) -> None:
    account("alice", uid=2001)
    account("alias", uid=2001, gid=2001)
    passwd = Path("/etc/passwd").read_text()
    Path("/etc/passwd").write_text(passwd + "alice:x:2009:2001::/:/bin/sh\n")  # getpwnam finds the first one only
    try:
        first, second = made("alice"), made("alias")
    finally:
        Path("/etc/passwd").write_text(passwd)
    assert first.chain == second.chain and first.path == second.path == "/tmp/.private/alice"
    assert asides() == []


def test_the_caller_is_left_as_it_was(account) -> None:
    account("alice", uid=2001)
    before = set(os.listdir("/proc/self/fd"))
    old = os.umask(0o777)
    try:
        made("alice")
        made("alice")
    finally:
        assert os.umask(old) == 0o777
    assert set(os.listdir("/proc/self/fd")) == before
    assert_right("alice")


def test_foreign_group_of_the_caller(account) -> None:
    account("alice", uid=2001)
    done = witness("alice", before=("setpriv", "--regid=2001", "--clear-groups"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert owner_and_mode(PRIVATE / "alice/tmp") == "root:root 1777 directory"
    assert_right("alice")
