"""A syslog daemon of three lines: what any process of the sandbox logs, kept for the test to look at."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

SOCKET = "/dev/log"


class Syslog:
    """The lines that arrived, "<86>Nov 21 04:47:12 su[7]: [id] text", oldest first."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path
        self.lines: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.own.connect(path)  # kept: a test may take the name away
        self.read = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            data = self.socket.recv(65536)
            if data == b"stop":
                return
            if data == b"read":
                self.read.release()
                continue
            self.lines.append(data.decode(errors="backslashreplace").rstrip("\0\n"))

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self.own.send(b"stop")
        self.thread.join()
        self.own.close()
        self.socket.close()
        os.unlink(self.path)

    def _arrived(self) -> list[str]:
        """All that was sent before this call: the thread may lag behind the senders, the socket keeps their order."""
        self.own.send(b"read")
        self.read.acquire()
        return list(self.lines)

    def clear(self) -> None:
        """Forget what arrived until now."""
        self._arrived()
        self.lines.clear()

    def find(self, pattern: str) -> list[str]:
        """The lines that the regular expression is found in."""
        return [line for line in self._arrived() if re.search(pattern, line)]

    def ids(self) -> list[str]:
        """The message ids of our own lines, in order."""
        return [hit[1] for line in self._arrived() if (hit := re.search(r"\[([a-z]+(?:-[a-z]+)*)\] ", line))]

    def wait_for(self, pattern: str, seconds: float = 5) -> str:
        """The first line that matches, as soon as it is there; AssertionError with all lines if it never comes."""
        end = time.monotonic() + seconds
        while not (found := self.find(pattern)):
            assert time.monotonic() < end, f"nothing matches {pattern!r} in:\n" + "\n".join(self.lines)
            time.sleep(0.01)
        return found[0]


@pytest.fixture
def syslog() -> Iterator[Syslog]:
    """A listener at /dev/log while the test runs."""
    listener = Syslog()
    yield listener
    listener.close()
