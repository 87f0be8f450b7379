"""Agents that are met at a socket in /tmp: ssh-agent, those that sshd forwards, and gpg-agent."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, held, said
from tests.privileged.logins.session import eventually, login
from tests.privileged.logins.sshd_test import PORT, Ssh
from tests.sandbox.accounts import CLEAN

ON = "export SSH_AUTH_SOCK=$(cat socket)"
QUIET = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"


@pytest.fixture
def agent(ssh: Ssh) -> Iterator[dict[str, str]]:
    """An agent of root's on the host that holds the key which sshd lets in; the environment to use it."""
    command = ssh("alice", "")
    key = command[command.index("-i") + 1]
    found = subprocess.run(["ssh-agent"], capture_output=True, text=True, check=True, env=CLEAN).stdout
    values = dict(line.split(";")[0].split("=") for line in found.splitlines() if "=" in line)
    subprocess.run(["ssh-add", "-q", key], check=True, env=CLEAN | values)
    yield CLEAN | values
    os.kill(int(values["SSH_AGENT_PID"]), 15)


def test_ssh_agent() -> None:
    """Setgid in Debian, so without TMPDIR: its socket is in /tmp. Every login of the account can use it, no other."""
    start = "ssh-keygen -q -t ed25519 -N '' -f key; eval $(ssh-agent) > agent; echo $SSH_AUTH_SOCK > socket; echo ready"
    with held(by("alice", f"{start}; read x; ssh-add -l; kill $SSH_AGENT_PID")):
        path = Path("/home/alice/socket").read_text().strip()
        assert path.startswith("/tmp/ssh-") and not os.path.exists(path)
        said(by("alice", f"{ON}; ssh-add -q key"))
        assert "alice@sandbox (ED25519)" in said(by("alice", f"{ON}; ssh-add -l"))
        ask = f"SSH_AUTH_SOCK={path} ssh-add -l"
        for command in (by("bob", ask), ["sh", "-c", ask]):
            refused = login(command)
            assert (refused.returncode, refused.stderr) == (2, "Error connecting to agent: No such file or directory\n")


def test_forwarding(ssh: Ssh, agent: dict[str, str]) -> None:
    """To alice, and from her to bob: sshd puts each socket into that account's own /tmp."""
    def hop(name: str, remote: str) -> str:
        return f"ssh -A -p {PORT} {QUIET} {name}@127.0.0.1 {remote!r}"

    show = "echo $SSH_AUTH_SOCK; ssh-add -l"
    done = login(ssh("alice", f"{show}; {hop('bob', f'{show}; ls -A /tmp')}", "-A"), env=agent)
    assert (done.returncode, done.stderr) == (0, ""), done
    first, key, second, again, *entries = done.stdout.splitlines()
    assert first != second and first.startswith("/tmp/ssh-") and second.startswith("/tmp/ssh-")
    assert key == again and key.endswith("(ED25519)")
    assert second.split("/")[2] in entries and first.split("/")[2] not in entries
    eventually(lambda: not list(Path("/tmp/.private").glob("*/tmp/ssh-*")), "the end of both sockets")


def test_a_forwarded_agent_in_another_login(ssh: Ssh, agent: dict[str, str]) -> None:
    """As a tmux does that was started in an earlier login."""
    command = ssh("alice", "echo $SSH_AUTH_SOCK > socket; echo ready; read x", "-A")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=agent) as client:
        assert client.stdout and client.stdout.readline() == "ready\n"
        assert said(by("alice", f"{ON}; ssh-add -l")).endswith("(ED25519)\n")
        onward = f"{ON}; ssh -A -p {PORT} {QUIET} bob@127.0.0.1 'id -un; ssh-add -l'"
        assert said(by("alice", onward)).startswith("bob\n256 SHA256:")
        client.communicate("go\n", timeout=20)
    assert client.returncode == 0


def test_gpg() -> None:
    """Its agent is started by one login, with the socket in /tmp, and signs for the next."""
    home = "export GNUPGHOME=/tmp/keys"
    make = "gpg --quiet --batch --passphrase '' --quick-generate-key alice ed25519 sign 2>made"
    agent = "gpg-connect-agent --no-autostart 'getinfo pid' /bye"
    sign = "echo text | gpg --quiet --batch --sign | gpg --quiet --batch --decrypt 2>said"
    pid = said(by("alice", f"{home}; mkdir -m 700 /tmp/keys; {make}; {agent}; gpgconf --list-dirs agent-socket"))
    assert pid.startswith("D ") and pid.endswith("\n/tmp/keys/S.gpg-agent\n")
    output = said(by("alice", f"{home}; {sign}; {agent}; gpgconf --kill all"))
    assert output == "text\n" + pid.removesuffix("/tmp/keys/S.gpg-agent\n")
    assert "unsafe" not in Path("/home/alice/made").read_text()
    assert 'Good signature from "alice"' in Path("/home/alice/said").read_text()
