"""git and gpg with all that they own in the private directory; screen and tmux with their sockets in it.

All refuse directories that others could write: none may say a word about this one.
"""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.privileged.logins.session import login, open_records

pytestmark = pytest.mark.usefixtures("machine")
ALICE = "/tmp/.private/alice/tmp"


def as_alice(script: str) -> subprocess.CompletedProcess[str]:
    """In a login shell, as everything below; errors end it."""
    return login(["su", "-", "alice", "-c", f"set -e; {script}"])


def assert_quiet(done: subprocess.CompletedProcess[str]) -> None:
    """It worked and did not warn."""
    assert (done.returncode, done.stderr) == (0, "")


def test_git() -> None:
    done = as_alice("""cd $(mktemp -d); git init -q -b main; echo x > x; git add x
        git -c user.name=alice -c user.email=a@example.org commit -q -m x; git log --format=%an; git status -s""")
    assert_quiet(done)
    assert done.stdout == "alice\n"


def test_git_clone() -> None:
    done = as_alice("""cd $TMPDIR; git init -q --bare -b main origin; git clone -q origin copy 2>/dev/null; cd copy
        git -c user.name=alice -c user.email=a@example.org commit -q --allow-empty -m x; git push -q
        git -C ../origin log --format=%an""")
    assert_quiet(done)
    assert done.stdout == "alice\n"


def test_git_takes_the_directory_itself_as_it_takes_tmp() -> None:
    """A work tree's top folder must be the user's own: neither /tmp nor what has /tmp's owner and mode is."""
    refused = [login(["su", "-", "alice", "-c", f"cd {place}; git init -q -b main; git status"]).stderr
               for place in ("/tmp", "$TMPDIR")]
    assert "dubious ownership" in refused[0]
    assert refused[0].replace("/tmp", ALICE) == refused[1]


def test_gpg() -> None:
    """With its agent's socket there too, or the path would be too long for one."""
    done = as_alice("""export GNUPGHOME=$TMPDIR/gnupg; mkdir -m 700 $GNUPGHOME
        gpg --quiet --batch --passphrase '' --quick-generate-key alice ed25519 sign 2>$HOME/generated
        echo text | gpg --quiet --batch --armor --sign | gpg --quiet --batch --decrypt 2>/dev/null
        gpgconf --list-dirs agent-socket; gpg --list-keys --with-colons | grep -c ^pub; gpgconf --kill all""")
    assert_quiet(done)
    lines = done.stdout.splitlines()
    assert lines[0] == "text"
    assert lines[2] == "1"
    assert "unsafe" not in Path("/home/alice/generated").read_text()


def test_tmux() -> None:
    done = as_alice("""export TMUX_TMPDIR=$TMPDIR
        tmux new-session -d -s test 'echo $TMPDIR > $HOME/inside; sleep 60'; ls -d $TMPDIR/tmux-3001/default
        tmux list-sessions -F '#{session_name}'; until [ -s $HOME/inside ]; do sleep 0.05; done
        tmux kill-server; cat $HOME/inside""")
    assert_quiet(done)
    assert done.stdout.splitlines() == [f"{ALICE}/tmux-3001/default", "test", ALICE]


def test_screen() -> None:
    """It wants a socket folder of its own with mode 0700, which the directory's 01777 is no hindrance to."""
    done = as_alice("""export SCREENDIR=$TMPDIR/screen; mkdir -m 700 $SCREENDIR
        screen -dmS test sh -c 'echo $TMPDIR > $HOME/within; sleep 60'
        until [ -s $HOME/within ]; do sleep 0.05; done
        screen -ls | grep -o '[.]test'; screen -S test -X quit; cat $HOME/within""")
    assert_quiet(done)
    assert done.stdout.splitlines() == [".test", ALICE]


def test_a_server_outlives_its_session() -> None:
    """The record goes with the login; what the session left running keeps its directory."""
    assert_quiet(as_alice("TMUX_TMPDIR=$TMPDIR tmux new-session -d -s test 'sleep 60'"))
    assert open_records() == []
    done = as_alice("TMUX_TMPDIR=$TMPDIR tmux list-sessions -F '#{session_name}'; TMUX_TMPDIR=$TMPDIR tmux kill-server")
    assert_quiet(done)
    assert done.stdout == "test\n"
