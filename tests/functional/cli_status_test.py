"""pam-mktemp status on records and memos as the module writes them."""
from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.cli.status import running_in
from pam_mktemp_py.linux import boot
from pam_mktemp_py.pamstack import stack
from pam_mktemp_py.sessions import records
from tests.functional.commands import USER, Command

GONE = 4194304  # above the kernel's largest pid
Session = Callable[..., Path]


def text(**fields: Any) -> str:
    lines = [f"{name} {value}" for name, value in fields.items()]
    return "\n".join([records.HEADER, *lines, "end", ""])


@pytest.fixture
def session(command: Command) -> Iterator[Session]:
    """session(uid, user=..., ...) writes a record, locked as by its host unless `stale`."""
    held = []

    def write(uid: int = 1000, stale: bool = False, **fields: Any) -> Path:
        usual = {"uid": uid, "user": "alice", "service": "sshd", "pid": 7, "opened": 1, "time": 1700000000,
                 "boot": "b", "stage": "env", "outcome": "private", "reason": "because",
                 "directory": "/tmp/.private/alice"}
        path = command.run / "sessions" / f"{uid}.{GONE + len(held)}.1"
        path.write_text(text(**usual | fields))
        held.append(os.open(path, os.O_RDONLY))
        if not stale:
            fcntl.flock(held[-1], fcntl.LOCK_EX)
        return path

    yield write
    for fd in held:
        os.close(fd)


def fail(command: Command, name: str, age: float, text: str = "closed it broke") -> None:
    (command.run / "failures" / name).symlink_to(f"{boot.boottime_ns() - int(age * 10**9)} {text}")


def test_nothing_yet(command: Command) -> None:
    found = command.json("status")
    assert (found["counts"], found["sessions"], found["stale"], found["failures"]) == ([], [], 0, [])
    assert not found["switched_off"] and not found["needs_root"]
    for name in ("sessions", "failures"):
        (command.run / name).rmdir()
    assert command.json("status") == found


def test_open_sessions_by_stage_and_outcome(command: Command, session: Session) -> None:
    for uid in (1000, 1000, 1001):
        session(uid)
    session(0, user="root", stage="off", outcome="shared", reason="exempt%20user", directory="")
    found = command.json("status")
    assert found["counts"] == [{"stage": "env", "outcome": "private", "sessions": 3},
                               {"stage": "off", "outcome": "shared", "sessions": 1}]
    assert found["sessions"][0] == {
        "user": "root", "uid": 0, "service": "sshd", "pid": 7, "since": 1700000000, "stage": "off",
        "outcome": "shared", "reason": "exempt user", "directory": None,
        "namespace": None, "view": None}
    assert len(found["sessions"]) == 4
    shown = command("status").stdout
    assert "private, stage env  3" in shown and "alice, sshd" not in shown
    assert command("-v", "status").stdout.count("alice, sshd  process 7, since 2023-11-1") == 3


def test_a_session_that_failed_open_is_a_finding(command: Command, session: Session) -> None:
    session()
    session(1001, user="b%1Bob", stage="-", outcome="failed-open", reason="no%20space", directory="")
    assert command.json("status", status=1)["finding"]
    shown = command("status")
    assert shown.exit_code == 1 and "! b\\x1bob, sshd" in shown.stdout and "failed-open: no space" in shown.stdout
    assert "alice, sshd" not in shown.stdout


def test_stale_records_are_counted_and_no_finding(command: Command, session: Session) -> None:
    session(stale=True)
    path = session(stale=True)
    path.write_text("cut off")
    session()
    found = command.json("status")
    assert found["stale"] == 2 and len(found["sessions"]) == 1
    assert "stale records" in command("status").stdout


def test_of_one_account(command: Command, session: Session) -> None:
    session(65534, user=USER)
    session(1000)
    session(1000, stale=True)
    fail(command, f"{USER}:su", 60)
    fail(command, "alice:su", 60)
    fail(command, "@planner", 60)
    for asked in (USER, "65534"):
        found = command.json("status", "--user", asked)
        assert (found["user"], found["uid"]) == (USER, 65534)
        assert [each["user"] for each in found["sessions"]] == [USER] and found["stale"] == 0
        assert [each["user"] for each in found["failures"]] == [None, USER]
    assert f"{USER}, sshd" in command("status", "-u", USER).stdout
    ghost = command.json("status", "-u", "1000777")
    assert ghost["user"] is None and [each["planner"] for each in ghost["failures"]] == [True]
    assert command("status", "-u", "nosuchuser").exit_code == 1


def test_failures(command: Command) -> None:
    fail(command, "alice:su", 29)
    fail(command, "b%C3%A9:cron", 7300, "open old")
    fail(command, "@planner", 31, "- the planner took more than 5 s")
    for name in ("nonsense", "a:b:c", "future:su"):
        fail(command, name, -100)
    (command.run / "failures" / "file:su").write_text("1 open x")
    (command.run / "failures" / "bob:su").symlink_to("no memo")
    found = command.json("status", status=1)["failures"]
    assert [(each["user"], each["service"], each["policy"], each["remembered"], each["planner"]) for each in found] == [
        (None, None, "-", False, True), ("alice", "su", "closed", True, False), ("bé", "cron", "open", False, False)]
    assert found[1]["message"] == "it broke" and 29 <= found[1]["seconds"] < 30
    shown = command("status").stdout
    assert "! alice, su" in shown and "29 s ago, heeded by logins" in shown and "2 h ago, the next login tries" in shown
    (command.run / "failures" / "alice:su").unlink()
    assert not command.json("status")["finding"]


def test_switched_off(command: Command) -> None:
    command.off.touch()
    assert command.json("status")["switched_off"] and f"{command.off} exists" in command("status").stdout


def test_ten_thousand_records(command: Command) -> None:
    """Most of them of a process that lives: then nothing is saved."""
    own = os.getpid()
    now = boot.boottime_ns()
    for number in range(10_000):
        uid, pid = number % 100, own if number % 4 else GONE
        path = command.run / "sessions" / f"{uid}.{pid}.{now + number}"
        path.write_text(text(uid=uid, user=f"user{uid}", service="cron", pid=own, opened=now + number, time=1,
                             stage="env", outcome="private", reason="x" * 100))
    began = time.monotonic()
    result = command("status")
    took = time.monotonic() - began
    assert result.exit_code == 0 and "7500" in result.stdout and "2500" in result.stdout
    assert took < 2, took


STACKS = {
    "common-session": "session required pam_unix.so\nsession [success=ok default=bad] pam_mktemp_py.so debug\n",
    "su": "auth required pam_unix.so\n@include common-session\n",
    "sshd": "session substack common-session\n",
    "runuser": "session required pam_unix.so\n# session required pam_mktemp_py.so\n",
    "cron": "auth required pam_mktemp_py.so\nsession required /usr/lib/security/pam_mktemp_py.so\n",
    "crlf": "session required pam_mktemp_py.so\r\n",
}


def test_where_pam_runs_it(tmp_path: Path) -> None:
    for name, text in STACKS.items():
        (tmp_path / name).write_text(text)
    stacks = {name: stack.session(name, str(tmp_path), str(tmp_path / "none")) for name in STACKS}
    assert running_in({name: stacks[name] for name in ("su", "sshd", "runuser", "cron", "crlf")}) == (
        ["cron", "sshd", "su"], [f"{tmp_path}/common-session:2", f"{tmp_path}/cron:2"])


def test_what_is_no_record(command: Command, session: Session) -> None:
    """Only root can put it there; it may keep neither the command nor the planner from their work."""
    session(uid=1, pid="9" * 5000, time="9" * 5000)
    folder = command.run / "sessions"
    (folder / f"1.{GONE}.2").mkdir()
    (folder / f"1.{GONE}.3").symlink_to("/etc/passwd")
    os.mkfifo(folder / f"1.{GONE}.4")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / f"1.{GONE}.5"))
    found = command.json("status")
    assert [(each["pid"], each["since"]) for each in found["sessions"]] == [(0, 0)] and found["stale"] == 4
    assert not records.in_use(1, 1, str(folder))
    assert records.sweep(str(folder)) == 3
    listener.close()
    assert command.json("status")["stale"] == 1  # a folder is left alone
