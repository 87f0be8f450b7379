"""login -f on a terminal of its own, as a getty calls it."""
from __future__ import annotations

import os
import pty
import threading
from collections.abc import Callable

import pytest

from tests.privileged.logins.session import (
    PLANNER, WITNESS, assert_none_open, assert_private, away, let_go, witness_report,
)
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("machine")


class Console:
    """A terminal with a login on it; what it shows is read all the time, or the login would block."""

    def __init__(self, *command: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, CLEAN | {"TERM": "dumb"})
        self.shown = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.terminal, 4096)
            except OSError:  # EIO: the last one on the terminal has closed it
                return
            if not data:
                return
            self.shown += data

    def type(self, line: str) -> None:
        """One line at the keyboard."""
        os.write(self.terminal, line.encode() + b"\n")

    def end(self) -> int:
        """Wait; the exit status."""
        _, status = os.waitpid(self.pid, 0)
        self.reader.join()
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("name", ["alice", "root"])
def test_a_session(name: str) -> None:
    console = Console("login", "-f", name)
    console.type(f"exec {WITNESS} one")
    seen = witness_report("one")
    assert seen.tty
    assert_private(seen, name, "login")
    let_go("one")
    assert console.end() == 0, console.shown
    assert_none_open()


def test_refused_by_policy(stack: Callable[..., None]) -> None:
    stack("fail=closed")
    with away(PLANNER):
        console = Console("login", "-f", "alice")
        assert console.end() != 0
    assert b"no private temporary directory" in console.shown
    assert b"$" not in console.shown
