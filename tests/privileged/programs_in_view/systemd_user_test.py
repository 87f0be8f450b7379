"""systemd --user: the service that it opens its session by joins the account's view, and its units are in it."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.privileged.logins.bind_test import VIEW, by, held, said, seen_anywhere
from tests.privileged.logins.session import all_four, eventually, login, open_records, variables
from tests.privileged.programs_in_view.booted import booted

SERVICE = Path("/usr/lib/pam.d/systemd-user")
LOOK = Path("/usr/local/bin/look-around")
RUN = "XDG_RUNTIME_DIR=/run/user/3001 systemd-run --user --quiet --wait --pipe"


@pytest.fixture
def service(pam_service: Callable[..., Path]) -> Iterator[None]:
    """systemd's own PAM file, and a look around once the session is open."""
    LOOK.write_text(f"#!/bin/sh\n{VIEW}\ncat /tmp/f\n")
    LOOK.chmod(0o755)
    lines = SERVICE.read_text().splitlines()
    pam_service("systemd-user", [*lines, f"session required pam_exec.so stdout type=open_session {LOOK}"])
    yield
    LOOK.unlink()


def opened() -> list[str]:
    """What its session sees."""
    done = login(["pamtester", "systemd-user", "alice", "open_session", "close_session"])
    assert done.returncode == 0, done
    return done.stdout.splitlines()[:2]


def test_it_joins_the_view_of_an_open_session(service: None) -> None:
    with held(by("alice", "echo hers > /tmp/f; echo ready; read x")):
        record, = open_records("su-l")
        assert opened() == [f"mnt:[{record.number('namespace')}]", "hers"]


def test_it_makes_the_view_if_it_is_the_first(service: None) -> None:
    """As where lingering is enabled."""
    said(by("alice", "echo hers > /tmp/f"))
    view, hers = opened()
    hosts = subprocess.run(["sh", "-c", VIEW], capture_output=True, text=True, check=True).stdout
    assert hers == "hers" and view != hosts.strip()


@pytest.mark.parametrize("first", ["manager", "login"])
def test_its_units_in_a_booted_system(first: str) -> None:
    """user@.service of a real process 1 opens the session; what the manager starts sees what a login sees."""
    with booted() as inside, ExitStack() as stack:
        start = inside("systemctl", "start", "user@3001.service")
        if first == "manager":
            said(start)
        session = stack.enter_context(held(inside(*by("alice", "echo hers > /tmp/f; echo ready; read x"))))
        if first == "login":
            said(start)
        made, = (record for record in open_records() if record.get("view") == "made")
        assert made.get("service") == ("systemd-user" if first == "manager" else "su-l")
        record, = open_records("systemd-user")
        assert (record.get("stage"), record.get("outcome")) == ("bind", "private")
        assert record.number("namespace") == made.number("namespace")
        view = said(inside(*by("alice", VIEW)))
        output = said(inside(*by("alice", f"{RUN} sh -c '{VIEW}; cat /tmp/f; env'")))
        assert output.startswith(f"{view}hers\n") and variables(output) == all_four("alice")
        assert view == f"mnt:[{record.number('namespace')}]\n" and session.poll() is None
        said(inside("systemctl", "stop", "user@3001.service"))
    eventually(lambda: not seen_anywhere("/.private/"), "the end of all private mounts")
