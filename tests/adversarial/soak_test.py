"""Sessions opened and closed for a while, in many processes and in one: nothing is left, nothing grows."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from pam_mktemp_py.sessions import records
from tests.adversarial import aftermath, host

USERS = ("alice", "mallory", "root")
GROWTH = 300 << 10  # bytes of resident memory between the tenth and the last session of a host


def _many(seconds: float) -> int:
    """Hosts one after the other, three at a time; plans get lost and configuration is touched meanwhile."""
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        rounds += 1
        for one in host.together(*USERS):
            assert one.private and not one.problems(closed=True), (one, one.problems(closed=True))
        if rounds % 7 == 0:
            host.forget_plans()
    return rounds


def _in_one_host(sessions: int) -> list[int]:
    """Resident bytes of a host after each of its sessions."""
    done = subprocess.run([host.program(), "-r", str(sessions), host.SERVICE, "alice"], capture_output=True, text=True,
                          timeout=600)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == sessions, (done.returncode, done.stderr, lines[-1:])
    found = [dict(field.split("=") for field in line.split()) for line in lines]
    assert {field["open"] for field in found} == {"0"} and {field["files"] for field in found} == {found[0]["files"]}
    return [int(field["resident"]) for field in found]


def _left() -> None:
    assert records.records() == []
    assert aftermath.tidy() == []
    assert os.listdir(f"{host.RUN}/queue") == os.listdir(f"{host.RUN}/failures") == []
    assert aftermath.locked_slots() == []
    assert os.listdir("/tmp/.private/.aside") == []
    assert sorted(os.listdir("/tmp/.private")) == [".aside", ".new", *sorted(USERS)]


def _soak(site, seconds: float, sessions: int) -> None:
    site(closed=True)
    assert _many(seconds) > seconds * 2
    resident = _in_one_host(sessions)
    assert resident[-1] - resident[10] < GROWTH, f"{resident[10]} -> {resident[-1]} bytes in {sessions} sessions"
    _left()


def test_a_while(site) -> None:
    _soak(site, 8, 1000)


@pytest.mark.long
def test_ten_minutes(site) -> None:
    _soak(site, 600, 50000)


def test_killed_hosts(site) -> None:
    """A host that is killed leaves a record that counts for nothing, and that the next planner sweeps away."""
    site(closed=True)
    host.right("alice")
    sleepers = [subprocess.Popen([host.program(), "-s", host.SERVICE, "alice"], stdout=subprocess.PIPE, text=True)
                for _ in range(20)]
    for sleeper in sleepers:
        assert sleeper.stdout and sleeper.stdout.readline() == "open\n"
    assert [record.alive for record in records.records()] == [True] * 20
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.communicate()
    assert [record.alive for record in records.records()] == [False] * 20
    at = Path("/tmp/.private/alice").stat()
    assert not records.in_use(at.st_dev, at.st_ino)
    host.forget_plans()
    host.right("alice")
    assert records.records() == []
