"""su, sudo and runuser: a command and a login, as another account and from one account to another."""
from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import (
    CONFIG, PLANNER, WITNESS, all_four, assert_none_open, assert_private, away, logged, login, open_records, session,
    su, variables, witness_report,
)
from tests.sandbox.accounts import CLEAN
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
MARK = {"KEPT": "yes"}


@pytest.fixture
def sudoers() -> Iterator[None]:
    path = Path("/etc/sudoers.d/test")
    path.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    yield
    path.unlink()


@pytest.mark.parametrize("service, command", [
    ("su", ["su", "alice", "-c", f"{WITNESS} one"]),
    ("su-l", ["su", "-", "alice", "-c", f"{WITNESS} one"]),
    ("sudo", ["sudo", "-u", "alice", WITNESS, "one"]),
    ("sudo-i", ["sudo", "-i", "-u", "alice", WITNESS, "one"]),
    ("runuser", ["runuser", "-u", "alice", "--", WITNESS, "one"]),
    ("runuser-l", ["runuser", "-l", "alice", "-c", f"{WITNESS} one"]),
])
def test_a_session(service: str, command: list[str]) -> None:
    with session(command) as seen:
        assert_private(seen, "alice", service)
    assert_none_open()


@pytest.mark.parametrize("service, command", [
    ("su-l", ["su", "-", "root", "-c", f"{WITNESS} one"]), ("sudo", ["sudo", WITNESS, "one"]),
])
def test_root_has_its_own(service: str, command: list[str]) -> None:
    with session(command) as seen:
        assert_private(seen, "root", service, stranger="alice")
    assert_none_open()


def test_the_second_session_is_like_the_first(syslog: Syslog) -> None:
    """From the plan alone: the planner is taken away, so that nobody can be asked."""
    assert su("alice").returncode == 0
    with away(PLANNER), session(["su", "alice", "-c", f"{WITNESS} one"]) as seen:
        assert_private(seen, "alice", "su")
    assert_none_open()
    assert logged(syslog) == []  # not even 'plan-expired'
    assert os.listdir("/run/pam-mktemp/failures") == []  # and nobody has tried to start it


def test_two_sessions_of_one_account_have_a_record_each() -> None:
    with session(["su", "alice", "-c", f"{WITNESS} one"]), session(["su", "alice", "-c", f"{WITNESS} two"], "two"):
        assert [record.alive for record in open_records("su")] == [True, True]
    assert_none_open()


def test_from_root_to_a_user() -> None:
    """su without - keeps the caller's environment: root's TMPDIR must not go with it."""
    output = login(["su", "-", "root", "-c", "KEPT=yes su alice -c env"]).stdout
    assert "KEPT=yes" in output
    assert variables(output) == all_four("alice")


@pytest.mark.parametrize("command", [
    ["su", "bob", "-c", "env"], ["su", "-", "bob", "-c", "env"],
])
def test_su_from_a_user_to_another(command: list[str], as_user) -> None:
    subprocess.run(["chpasswd"], input="bob:Geheim-1\n", text=True, check=True)
    theirs = all_four("alice") | MARK
    done = as_user(pwd.getpwnam("alice"), command, env=theirs, input="Geheim-1\n")
    assert done.returncode == 0, done.stderr
    assert variables(done.stdout) == all_four("bob")
    assert ("KEPT=yes" in done.stdout) == ("-" not in command)


@pytest.mark.parametrize("command", [
    "sudo -n -u bob env", "sudo -n -i -u bob env", "sudo -n su bob -c env", "sudo -n runuser -u bob env",
])
def test_sudo_from_a_user_to_another(command: str, sudoers: None) -> None:
    done = login(["su", "-", "alice", "-c", f"env; echo; {command}"])
    first, _, second = done.stdout.partition("\n\n")
    assert variables(first) == all_four("alice")
    assert variables(second) == all_four("bob"), done.stderr


def test_sudo_preserving_the_environment(sudoers: None) -> None:
    """sudo puts what -E keeps over what PAM says: all but TMPDIR, which ld.so took from sudo itself."""
    done = login(["su", "-", "alice", "-c", f"sudo -n -E -u bob {WITNESS} one & touch /run/meeting/one.go; wait"])
    assert done.returncode == 0, done.stderr
    seen = witness_report("one")
    assert seen.variables == all_four("alice") | {"TMPDIR": "/tmp/.private/bob/tmp"}
    assert seen.made == dict.fromkeys(("TMP", "TEMP", "TEMPDIR"), "Permission denied") | {"TMPDIR": "ok"}


def test_nothing_of_the_callers_environment_is_believed() -> None:
    lies = {name: "/tmp/mallory" for name in ("TMPDIR", "TMP", "TEMP", "TEMPDIR")}
    done = login(["su", "alice", "-c", "env"], env=CLEAN | lies)
    assert variables(done.stdout) == all_four("alice")


@pytest.mark.parametrize("who, lines", [
    ("exempt", 'exempt_users = ["bob", "root"]\n'), ("failed open", "nonsense\n"),
])
@pytest.mark.parametrize("name", ["bob", "root"])
def test_who_has_no_directory_does_not_keep_the_callers(name: str, who: str, lines: str, as_user) -> None:
    """su without - keeps TMP, TEMP and TEMPDIR: root's files would go into the directory of whom he came from."""
    for account in ("bob", "root"):
        subprocess.run(["chpasswd"], input=f"{account}:Geheim-1\n", text=True, check=True)
    CONFIG.write_text(lines)
    theirs = all_four("alice") | {"TEMP": "/home/alice"}
    done = as_user(pwd.getpwnam("alice"), ["su", name, "-c", "env"], env=theirs, input="Geheim-1\n")
    assert done.returncode == 0, done.stderr
    # What she chose herself, elsewhere, is between her and su.
    assert variables(done.stdout) == {"TMP": "/tmp", "TEMPDIR": "/tmp", "TEMP": "/home/alice"}
