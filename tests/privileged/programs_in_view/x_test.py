"""X: its sockets are the host's for all, live in both directions; its lock files are each account's own.

Servers here have no abstract socket (-nolisten local), which would be met without any file.
"""
from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import by, held, said
from tests.privileged.logins.session import PLACE, eventually, login

XVFB = "Xvfb :%d -nolisten tcp -nolisten local"
SOCKETS = Path("/tmp/.X11-unix")


def answers(name: str, number: int) -> bool:
    """Whether a client of the account's meets that display's server."""
    done = login(by(name, f"xdpyinfo -display :{number}"))
    assert done.returncode == 0 or "unable to open display" in done.stderr, done
    return done.returncode == 0


@contextmanager
def server(number: int) -> Iterator[None]:
    """One of root's on the host, as a display manager starts it."""
    process = subprocess.Popen((XVFB % number).split(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually((SOCKETS / f"X{number}").exists, "the server")
    yield
    process.terminate()
    assert process.wait(10) == 0


@pytest.fixture(params=["session before server", "server before session"])
def served(request: pytest.FixtureRequest) -> Iterator[int]:
    """A display on the host, and an open session of alice's, in either order."""
    with ExitStack() as stack:
        if request.param.startswith("server"):
            SOCKETS.mkdir()
            SOCKETS.chmod(0o1777)
            stack.enter_context(server(50))
        stack.enter_context(held(by("alice", "echo ready; read x")))
        if request.param.startswith("session"):
            stack.enter_context(server(50))
        yield 50


def test_a_server_on_the_host(served: int) -> None:
    assert answers("alice", served) and answers("bob", served)
    assert said(by("alice", f"xwininfo -display :{served} -root | grep -c 'IsViewable'")) == "1\n"
    assert login(by("alice", f"ls /tmp/.X{served}-lock")).returncode != 0


def test_servers_that_come_and_go_while_a_session_is_open() -> None:
    with held(by("alice", "echo ready; read x")):
        for _ in range(2):
            with server(51):
                assert answers("alice", 51)
            assert not answers("alice", 51)
    with server(51):
        assert answers("alice", 51)


def test_a_server_in_a_view() -> None:
    """Met from the host and from another account's view; its lock file is where nobody else sees it."""
    script = f"{XVFB % 52} 2>/dev/null & until xdpyinfo -display :52 >/dev/null 2>&1; do sleep 0.05; done; echo ready"
    with held(by("alice", f"{script}; read x; kill $!; wait")):
        assert answers("bob", 52)
        assert subprocess.run(["xdpyinfo", "-display", ":52"], stdout=subprocess.DEVNULL).returncode == 0
        assert (Path("/tmp/.private/alice/tmp/.X52-lock").exists(), Path("/tmp/.X52-lock").exists()) == (True, False)
        about = (SOCKETS / "X52").stat()
        assert stat.S_ISSOCK(about.st_mode) and about.st_uid == 3001
    assert not (SOCKETS / "X52").exists()


def test_xvfb_run_of_two_accounts_at_once() -> None:
    """Neither sees the other's lock, and both begin to look at :99: each gets a display of its own."""
    client = "echo $DISPLAY; xdpyinfo | head -n 1; touch $0/$LOGNAME; until [ -e $0/go ]; do sleep 0.05; done"
    runs = [subprocess.Popen(by(name, f"xvfb-run -a sh -c '{client}' {PLACE}"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True) for name in ("alice", "bob")]
    eventually(lambda: len(os.listdir(PLACE)) == 2, "both inside")
    Path(PLACE, "go").touch()
    found = [run.communicate(timeout=20)[0].splitlines() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(found) == [[f":{number}", f"name of display:    :{number}"] for number in (100, 99)]
    eventually(lambda: not list(Path("/tmp/.private").glob("*/tmp/.X*-lock")), "the end of both servers")
