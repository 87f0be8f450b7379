"""Fixtures: an account whose programs are traced, the witness, and a machine that is as it was after each test."""
from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.privileged.detect import detect
from tests.sandbox import capabilities

FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def _left() -> list[str]:
    return [f"{folder}/{name}" for folder in FOLDERS for name in os.listdir(folder) if name.startswith(".detect-")]


def _running(uids: set[int]) -> list[str]:
    """Command lines of what still runs as the accounts."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read()
            if words and os.stat(f"/proc/{pid}").st_uid in uids:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(fresh_state: None, alice: Any, bob: Any) -> Iterator[None]:
    """Neither a folder of detect's own nor a process of who was traced: of all that is here, not of what is typed."""
    yield
    assert _left() == []
    end = time.monotonic() + 5
    while (running := _running({alice.pw_uid, bob.pw_uid})) and time.monotonic() < end:
        time.sleep(0.02)
    assert running == []


@pytest.fixture(scope="package", autouse=True)
def can_trace() -> None:
    """Nothing here goes without strace."""
    capabilities.need(capabilities.can_trace(), "strace of an own child")


@pytest.fixture(scope="package")
def witness() -> Iterator[str]:
    """tests/programs/tmp_witness.c, linked statically."""
    detect.build("tmp_witness", detect.WITNESS, "-static")
    yield detect.WITNESS
    os.unlink(detect.WITNESS)


@pytest.fixture
def listening() -> Iterator[None]:
    """Somebody listens at the name that the witness knows."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("/tmp/witness.socket")
        os.chmod("/tmp/witness.socket", 0o777)
        server.listen(1)
        yield
