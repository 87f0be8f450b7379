"""Accounts with names of every kind: the directory is called as the account if that is safe, else by its uid."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.directories import assert_right
from tests.privileged.logins.session import (
    WITNESS, all_four, assert_none_open, logged, login, open_records, session, su, variables,
)
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
PASSWD = Path("/etc/passwd")
Passwd = Callable[..., None]

# Not '-name' and no empty home: su refuses those, and glibc reads none that begins with '-' from /etc/passwd.
SAFE = ["Jo.hn-Doe_2", "_service", "x", "a" * 27]
UNSAFE = [
    "DOM\\user", "user@realm", "12345", ".dot", "..", "with space", "ünï", "a'b\"c", "x;rm -rf $HOME", "%41",
    "a" * 28, "tab\tname", "\x1b[31mred", "host$", "star*", "sl/ash",
]


@pytest.fixture
def passwd() -> Iterator[Passwd]:
    """passwd("name", 3100, shell="") adds a line, as a directory service would: useradd refuses such names."""
    before = PASSWD.read_bytes()

    def add(name: str, uid: int, gid: int = 65534, home: str = "/", shell: str = "/bin/sh") -> None:
        with PASSWD.open("ab") as file:
            file.write(os.fsencode(f"{name}:*:{uid}:{gid}::{home}:{shell}\n"))

    yield add
    PASSWD.write_bytes(before)


def runuser(name: str) -> dict[str, str]:
    """The variables in a session of this name. root's runuser: no password, and any shell will do."""
    done = login(["runuser", "-u", name, "--", "/usr/bin/env"])
    assert (done.returncode, done.stderr) == (0, "")
    return variables(done.stdout)


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_name(name: str, passwd: Passwd) -> None:
    passwd(name, 3100)
    assert runuser(name) == all_four(name)
    assert_right(name)


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_name_becomes_the_uid(name: str, passwd: Passwd) -> None:
    passwd(name, 3100)
    assert runuser(name) == all_four("3100")
    assert_right(name, dirname="3100")
    assert set(os.listdir("/tmp/.private")) == {".aside", ".new", "3100"}


@pytest.mark.parametrize("name", ["DOM\\user", "user@realm", "a b%c"])
def test_the_record_of_an_unsafe_name(name: str, passwd: Passwd) -> None:
    passwd(name, 3100)
    with session(["runuser", "-u", name, "--", WITNESS, "one"]) as seen:
        assert set(seen.made.values()) == {"ok"}
        record, = open_records()
        assert record.alive
        assert (record.get("user"), record.get("directory")) == (name, "/tmp/.private/3100")
    assert_none_open()


def test_su_of_a_domain_user(passwd: Passwd) -> None:
    passwd("DOM\\user", 3100)
    assert variables(su("DOM\\user").stdout) == all_four("3100")


def test_two_names_of_one_uid_share_the_directory_of_the_first(passwd: Passwd) -> None:
    passwd("alias", 3001)
    assert runuser("alias") == all_four("alice")
    assert su("alice", "echo x > $TMPDIR/x").returncode == 0
    assert su("alias", "cat $TMPDIR/x").stdout == "x\n"
    assert_right("alice")


def test_another_name_of_root(passwd: Passwd) -> None:
    passwd("toor", 0, gid=0)
    assert runuser("toor") == all_four("root")
    assert_right("root")


def test_an_account_without_home_and_shell(passwd: Passwd) -> None:
    passwd("daemonic", 3100, home="/nonexistent", shell="")
    assert runuser("daemonic") == all_four("daemonic")
    passwd("nobody2", 3101, home="/proc/self/fd/9/none", shell="/usr/sbin/nologin")
    assert runuser("nobody2") == all_four("nobody2")


def test_the_home_is_never_opened(passwd: Passwd) -> None:
    """A FIFO there, or a server that does not answer, must not hold up the login."""
    os.mkfifo("/run/meeting/fifo")
    passwd("stuck", 3100, home="/run/meeting/fifo")
    assert runuser("stuck") == all_four("stuck")


def test_a_name_too_long_for_a_plan_fails_open(passwd: Passwd, syslog: Syslog) -> None:
    name = "n" * 250
    passwd(name, 3100)
    assert runuser(name) == {}
    syslog.wait_for(r"\[failed-open\].*empty or too long")


def test_an_escape_sequence_stays_out_of_the_log(passwd: Passwd, syslog: Syslog) -> None:
    passwd("\x1b[31mred", 3100)
    os.chmod("/tmp", 0o777)
    assert runuser("\x1b[31mred") == {}
    assert "failed-open" in logged(syslog)
    assert not [line for line in syslog.lines if "\x1b" in line and "pam_mktemp_py" in line]
