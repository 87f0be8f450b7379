"""The session record as the lease it is: alive with its host, stale after the host was killed, swept later."""
from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.sessions import records
from tests.privileged.logins.session import (
    WITNESS, all_four, assert_none_open, login, open_records, session, su, variables, witness_report,
)
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("machine")
SESSIONS = Path("/run/pam-mktemp/sessions")


@pytest.fixture
def killed() -> Iterator[records.Record]:
    """What a session of alice leaves whose su was killed with SIGKILL."""
    host = subprocess.Popen(["su", "alice", "-c", f"{WITNESS} killed"], env=CLEAN, cwd="/")
    witness_report("killed")  # su's child is the witness now, and no more a copy of su that holds the lock too
    record, = open_records("su")
    assert record.alive
    assert record.number("pid") == host.pid
    host.kill()
    assert host.wait() == -signal.SIGKILL
    record, = open_records("su")
    yield record
    Path("/run/meeting/killed.go").touch()


def test_of_a_killed_host_is_stale(killed: records.Record) -> None:
    assert not killed.alive
    assert not records.in_use(killed.number("device"), killed.number("inode"))


def test_the_directory_is_held_too() -> None:
    """By a shared lock, which systemd-tmpfiles heeds (tmpfiles.d(5)) and two sessions can hold at once."""
    with session(["su", "alice", "-c", f"{WITNESS} one"]), session(["su", "alice", "-c", f"{WITNESS} two"], "two"):
        directory = os.open("/tmp/.private/alice", os.O_RDONLY)
        fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(directory)


def test_beside_a_live_one(killed: records.Record) -> None:
    with session(["su", "alice", "-c", f"{WITNESS} one"]):
        assert sorted(record.alive for record in open_records("su")) == [False, True]
        assert records.in_use(killed.number("device"), killed.number("inode"))
        assert records.sweep() == 1
        assert [record.alive for record in open_records("su")] == [True]
    assert_none_open()


def test_what_takes_too_long_to_sweep_is_left_to_the_next(killed: records.Record) -> None:
    assert records.sweep(until=time.monotonic()) == 0
    assert records.sweep() == 1


def test_a_multitude_of_stale_ones_makes_no_login_wait(killed: records.Record) -> None:
    """A user who kills his own su leaves as many as he likes: that must not look like a planner that hangs."""
    text = (SESSIONS / killed.file).read_bytes()
    uid, pid, opened = killed.file.split(".")
    for number in range(60_000):
        (SESSIONS / f"{uid}.{pid}.{int(opened) + number}").write_bytes(text)
    start = time.monotonic()
    assert variables(su("bob").stdout) == all_four("bob")  # his first login: the planner runs, and sweeps
    assert time.monotonic() - start < 4
    assert not os.path.lexists("/run/pam-mktemp/failures/@planner")
    shutil.rmtree(SESSIONS)
    SESSIONS.mkdir(0o700)


def test_is_swept_by_a_later_login_that_needs_the_planner(killed: records.Record) -> None:
    login(["runuser", "-u", "alice", "true"])  # another service: there is no plan yet
    assert_none_open()


def test_a_pid_that_was_given_to_another(killed: records.Record) -> None:
    """Only the time tells them apart: a pid alone proves nothing."""
    uid, _, opened = killed.file.split(".")
    time.sleep(0.02)  # more than a tick of the clock that start times are counted in
    with subprocess.Popen(["sleep", "60"]) as other:
        (SESSIONS / killed.file).rename(SESSIONS / f"{uid}.{other.pid}.{opened}")
        assert [record.alive for record in open_records()] == [False]
        (SESSIONS / f"{uid}.{other.pid}.{opened}").rename(SESSIONS / f"{uid}.{os.getpid()}.{opened}")
        assert [record.alive for record in open_records()] == [True]
        other.kill()


def test_a_service_that_closes_cleanly_leaves_none() -> None:
    for _ in range(3):
        assert su("alice", "true").returncode == 0
        assert os.listdir(SESSIONS) == []


def test_says_what_failed_too() -> None:
    """A session that started without a directory is recorded as well, without a directory."""
    os.chmod("/tmp", 0o777)  # not sticky: nothing below it is safe
    with session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        assert seen.variables == {}
        record, = open_records("su")
        assert record.alive
        assert record.get("outcome") == "failed-open"
        assert "/tmp" in record.get("reason")
        assert record.get("directory") == ""
    assert_none_open()


def test_nobody_else_sees_them(as_user) -> None:
    with session(["su", "alice", "-c", f"{WITNESS} one"]):
        done = as_user(pwd.getpwnam("alice"), ["ls", str(SESSIONS)])
        assert "Permission denied" in done.stderr
