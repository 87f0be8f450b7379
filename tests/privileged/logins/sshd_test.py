"""A real sshd on loopback, with a key: a command, a terminal, several at once."""
from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import (
    PLANNER, WITNESS, all_four, assert_none_open, assert_private, away, eventually, login, open_records, session,
    variables,
)

pytestmark = pytest.mark.usefixtures("machine")
PORT = 2222
Ssh = Callable[..., list[str]]


def answers() -> bool:
    """Whether somebody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", PORT)) == 0


@pytest.fixture(scope="module")
def ssh(people: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """ssh("alice", "command", "-tt") -> the client's command line; the daemon runs for all tests of this file."""
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "key.pub").read_text())
    daemon = subprocess.Popen([
        "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", str(PORT), "-h", folder / "host", "-o", "UsePAM=yes",
        "-o", "ListenAddress=127.0.0.1", "-o", "PidFile=none", "-o", "StrictModes=no",
        "-o", "AuthorizedKeysCommand=/usr/local/bin/keys", "-o", "AuthorizedKeysCommandUser=root",
    ], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    keys = Path("/usr/local/bin/keys")
    keys.write_text(f"#!/bin/sh\ncat {folder}/authorized\n")
    keys.chmod(0o755)
    eventually(answers, "sshd")

    def command(name: str, remote: str, *options: str) -> list[str]:
        return ["ssh", "-F", "none", "-i", str(folder / "key"), "-p", str(PORT), "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", *options,
                f"{name}@127.0.0.1", remote]

    yield command
    daemon.terminate()
    daemon.wait()
    keys.unlink()


@pytest.mark.parametrize("options", [[], ["-tt"]], ids=["command", "terminal"])
def test_a_session(options: list[str], ssh: Ssh) -> None:
    with session(ssh("alice", f"{WITNESS} one", *options)) as seen:
        assert seen.tty == bool(options)
        assert_private(seen, "alice", "sshd")
    assert_none_open()


def test_a_login_shell(ssh: Ssh) -> None:
    """What is typed at a prompt, not a command of sshd's."""
    done = login(ssh("alice", "", "-tt"), input="env\nexit\n")
    assert variables(done.stdout.replace("\r", "")) == all_four("alice")
    assert_none_open()


def test_root(ssh: Ssh) -> None:
    with session(ssh("root", f"{WITNESS} one")) as seen:
        assert_private(seen, "root", "sshd")
    assert_none_open()


def test_two_accounts_at_once(ssh: Ssh) -> None:
    with session(ssh("alice", f"{WITNESS} one")) as first, session(ssh("bob", f"{WITNESS} two"), "two") as second:
        assert first.variables == all_four("alice")
        assert second.variables == all_four("bob")
        assert sorted(record.get("user") for record in open_records("sshd")) == ["alice", "bob"]
    assert_none_open()


def test_a_connection_that_breaks_off(ssh: Ssh) -> None:
    """The client is killed: sshd closes the session, and so the record goes."""
    client = subprocess.Popen(ssh("alice", f"{WITNESS} one", "-tt"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)
    eventually(lambda: open_records("sshd"), "the record")
    client.kill()
    client.wait()
    assert_none_open()


def test_refused_by_policy(ssh: Ssh, stack: Callable[..., None]) -> None:
    """Under `closed` nothing is run, and the user is told why."""
    stack("fail=closed")
    with away(PLANNER):
        done = login(ssh("alice", "echo in"))
        assert done.returncode == 254
        assert "no private temporary directory" in done.stdout  # sshd shows what PAM says there, then ends
        assert "in" not in done.stdout.splitlines()
        assert login(ssh("root", "echo in")).stdout == "in\n"
    assert_none_open()
