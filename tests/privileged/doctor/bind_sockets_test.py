"""Servers whose sockets lie in the host's /tmp: who is bound reaches them when the advice was followed."""
from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.doctor.doctor import USER, assert_cured, find, follow, ids, run
from tests.privileged.logins.session import login

Bound = Callable[..., Path]
CONNECT = 'python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.connect(\'{}\'); print(s.recv(9).decode())"'


@contextlib.contextmanager
def server(*paths: str, mode: int = 0o777) -> Iterator[None]:
    """One that listens at these sockets and greets."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            stack.callback(os.unlink, path)
            os.chmod(path, mode)
            listener.listen()
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=greet, args=(listener,), daemon=True).start()
        yield


def greet(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with listener.accept()[0] as one:
                one.sendall(b"hello")


def reaches(path: str) -> bool:
    """A program of the account's in its view."""
    return login(["su", "-", USER, "-c", CONNECT.format(path)]).stdout == "hello\n"


@pytest.fixture(autouse=True)
def folders() -> Iterator[None]:
    """Where servers should keep them."""
    made = [Path(path) for path in ("/run/postgresql", "/run/mysqld") if not os.path.exists(path)]
    for path in made:
        path.mkdir()
    yield
    for path in made:
        path.rmdir()


@pytest.mark.parametrize("name, kept", [(".s.PGSQL.5433", "/run/postgresql"), ("house.socket", "/run")])
def test_a_server_and_its_links(bound: Bound, name: str, kept: str) -> None:
    with server(f"/tmp/{name}"):
        assert not reaches(f"/tmp/{name}")
        finding = find(run(), "socket-in-tmp")
        assert (finding["where"], finding["commands"]) == (f"/tmp/{name}", [])
        assert f"have the server listen in {kept}" in finding["do"] and f"'{name}' = '{kept}/{name}'" in finding["do"]
    with server(f"/tmp/{name}", f"{kept}/{name}"):  # as it says
        finding = assert_cured("socket-in-tmp")
        written = Path(finding["commands"][1][1].split('"')[-2]).read_text()
        assert all(line in finding["do"] for line in written.splitlines())
        assert reaches(f"/tmp/{name}")


def test_the_links_that_were_there_stay(bound: Bound) -> None:
    bound("[mounts.'/tmp'.links]\n'one' = '/run/one.sock'\n")
    with server("/tmp/two", "/run/two"):
        finding = find(run(), "socket-in-tmp")
        assert "[mounts.'/tmp'.links]; 'one' = '/run/one.sock'; 'two' = '/run/two'" in finding["do"]
        follow(finding)
        assert "socket-in-tmp" not in ids(run())


def test_one_that_has_a_link_already(bound: Bound) -> None:
    """Only the server has to be told: the default names the place."""
    with server("/tmp/.s.PGSQL.5432"):
        finding: Any = find(run(), "socket-in-tmp")
        assert "/run/postgresql" in finding["do"] and "write" not in finding["do"] and finding["commands"] == []
    with server("/tmp/.s.PGSQL.5432", "/run/postgresql/.s.PGSQL.5432"):
        assert "socket-in-tmp" not in ids(run())
        assert reaches("/tmp/.s.PGSQL.5432")


def test_sockets_that_are_nobodys_meeting_place(bound: Bound) -> None:
    """Closed to others, deeper, left by a server that ended, or not directly in /tmp."""
    left = socket.socket(socket.AF_UNIX)
    left.bind("/tmp/left")
    left.close()
    os.chmod("/tmp/left", 0o777)
    Path("/tmp/ssh-x").mkdir()
    with server("/tmp/own", mode=0o755), server("/tmp/ssh-x/agent"):
        assert "socket-in-tmp" not in ids(run())
