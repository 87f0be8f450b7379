"""What any user can take from all others: inodes and space of /tmp; and what an administrator can lose: /run."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adversarial import host
from tests.sandbox import capabilities, state

EXEMPT = 'exempt_users = ["exempt"]\n'
SUCCESS = host.SUCCESS


@pytest.fixture
def exempt(account) -> None:
    """An account that the configuration exempts."""
    account("exempt", uid=1503)


def _in_a_child(act: Callable[[], None], account: str) -> None:
    """What the account can do in /tmp, until nothing is left: OSError."""
    child = os.fork()
    if child == 0:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        try:
            act()
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def _take_inodes() -> None:
    for number in range(1000000):
        os.close(os.open(f"/tmp/mine{number}", os.O_CREAT | os.O_WRONLY | os.O_EXCL))


def _take_space() -> None:
    with open("/tmp/mine", "wb", buffering=0) as file:
        for size in (65536, 1024, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    os._exit(2)
    raise OSError


@pytest.fixture
def taken(request, filesystem) -> str:
    """A small /tmp, to be spoiled as the test's parameter says."""
    if request.param == "space":  # in a tmpfs a directory needs none
        filesystem("ext4", "/tmp")
    elif request.param == "quota":  # btrfs has one that counts for root too
        capabilities.need(capabilities.can_mount_loop(), "loop devices")
        filesystem("btrfs", "/tmp")
        state.run("btrfs", "quota", "enable", "/tmp")
    else:
        filesystem("tmpfs", "/tmp", "mode=1777,nr_inodes=200,size=1m")
    return request.param


def _spoil(how: str) -> None:
    if how == "read-only":
        state.run("mount", "-o", "remount,ro", "/tmp")
    elif how == "inodes":
        _in_a_child(_take_inodes, "mallory")
    elif how == "quota":
        state.run("btrfs", "qgroup", "limit", "1M", "/tmp")
        _in_a_child(_take_space, "mallory")
        os.sync()  # counted when it is written
    else:  # ext4 keeps 5 % for root, and for what root makes for users: a daemon of root's has taken these too
        _in_a_child(_take_space, "root")


def _release(how: str) -> None:
    if how == "read-only":
        state.run("mount", "-o", "remount,rw", "/tmp")
        return
    if how == "quota":
        state.run("btrfs", "qgroup", "limit", "none", "/tmp")
    for name in os.listdir("/tmp"):
        if name.startswith("mine"):
            os.unlink(f"/tmp/{name}")


REASON = {"inodes": "No space left", "space": "No space left", "read-only": "Read-only file system",
          "quota": "Disk quota exceeded"}


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("taken", REASON, indirect=True)
def test_tmp(site, exempt, taken: str, closed: bool, syslog) -> None:
    site(closed, EXEMPT)
    _spoil(taken)
    assert (one := host.login("root")).result == SUCCESS and not one.problems(closed=False), one
    assert not one.variables
    assert (one := host.login("exempt")).result == SUCCESS and not one.variables
    refused = host.login("alice")
    assert refused.denied == closed and not refused.variables and not refused.problems(closed=closed), refused
    line = syslog.wait_for(rf"\[failed-{'closed' if closed else 'open'}\] alice: .*{REASON[taken]}")
    assert "/tmp/.private" in line
    if closed:
        assert "the reason is in the system's log" in refused.heard  # paths and settings are not for everybody
    _release(taken)
    assert host.login("alice").result == refused.result  # remembered
    host.forget_failures()
    for user in ("alice", "root", "mallory"):
        host.right(user)


@pytest.mark.parametrize("taken", REASON, indirect=True)
def test_who_has_a_directory_keeps_it(site, taken: str) -> None:
    site(closed=True)
    host.right("alice")
    _spoil(taken)
    for _ in range(2):
        one = host.login("alice")
        assert one.result == SUCCESS and one.variables["TMPDIR"] == "/tmp/.private/alice/tmp", one
        host.forget_plans()  # and a new plan can be made


@pytest.fixture
def small_run(filesystem) -> Path:
    """A small /run/pam-mktemp."""
    os.mkdir(host.RUN, 0o711)
    point = filesystem("tmpfs", host.RUN, "mode=0711,nr_inodes=40,size=64k")
    point.chmod(0o711)
    return point


def _fill(folder: Path, what: str) -> None:
    try:
        if what == "inodes":
            for number in range(100):
                (folder / f"fill{number}").touch()
        else:
            (folder / "fill").write_bytes(b"x" * 100000)
    except OSError as error:
        assert error.errno == errno.ENOSPC
        return
    raise AssertionError("not full")


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("what", ["inodes", "space"])
def test_run(site, exempt, small_run: Path, what: str, closed: bool, syslog) -> None:
    """/run full: no plan, no record, no memory of the failure. Root gets in, and nobody waits for it.

    Who is exempt stands in the configuration, which only the planner reads: with a plan from before he gets in.
    """
    site(closed, EXEMPT)
    host.right("root")
    assert host.login("exempt").result == SUCCESS
    _fill(small_run, what)
    for user, denied in {"root": False, "exempt": False, "alice": closed}.items():
        one = host.login(user)
        assert one.denied == denied, one
        assert not one.problems(closed=closed and user == "alice")
        assert one.seconds < 2, one
    syslog.wait_for(rf"\[failed-{'closed' if closed else 'open'}\] alice: ")
    for path in small_run.glob("fill*"):
        path.unlink()
    host.forget_failures()
    host.right("alice")
