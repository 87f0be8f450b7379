"""tmux: its server is started in one login and met from another, at a socket with a fixed name in /tmp."""
from __future__ import annotations

import subprocess

from tests.privileged.logins.bind_test import by, said
from tests.privileged.logins.session import eventually
from tests.privileged.logins.sshd_test import Ssh
from tests.sandbox.accounts import CLEAN

START = "tmux new-session -d -s $LOGNAME"


def test_a_server_is_met_by_the_next_login(ssh: Ssh) -> None:
    """Attached at sshd's terminal, and asked from a third login."""
    said(by("alice", START))
    command = ssh("alice", "TERM=xterm tmux attach-session -t alice", "-tt")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=CLEAN) as client:
        eventually(lambda: said(by("alice", "tmux list-clients")), "the client")
        said(by("alice", "tmux send-keys 'echo $LOGNAME in $TMUX' Enter"))
        eventually(lambda: "alice in /tmp/tmux-3001/default," in said(by("alice", "tmux capture-pane -p")), "an answer")
        said(by("alice", "tmux detach-client -s alice"))
        output, _ = client.communicate(timeout=20)
    assert (client.returncode, "[detached (from session alice)]" in output) == (0, True), output
    said(by("alice", "tmux kill-server"))


def test_two_accounts_with_one_socket_name_do_not_meet() -> None:
    """The name is the same, and each finds only what is its own."""
    people = ("alice", "bob")
    for name in people:
        said(by(name, f"tmux -S /tmp/work new-session -d -s {name}"))
    for name in people:
        assert said(by(name, "tmux -S /tmp/work list-sessions -F '#{session_name}'")) == f"{name}\n"
        said(by(name, "tmux -S /tmp/work kill-server"))
