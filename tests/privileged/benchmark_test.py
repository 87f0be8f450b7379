"""benchmarks/session.py: that it runs, and says what it should. How fast we are is for it to say, not for a test."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks/session.py"
SPEED = {"steady / pam_namespace noinit, added", "first login / bare interpreter", "steady, crowded / quiet, added",
         "first login, crowded / quiet"}
SIZE = {"kB that a session adds to its host", "kB leaked by 100 sessions", "descriptors leaked by 100 sessions"}


def measured(*options: str) -> tuple[int, dict[str, Any]]:
    """Exit status and document of a run without what would have to be downloaded."""
    command = [PROGRAM, "--json", "--skip", "libpam-tmpdir", "--tmp", "tmpfs", "--sessions", "100", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_it_measures_every_goal() -> None:
    status, said = measured("-n", "5", "--directories", "2000")
    goals = {goal["name"]: goal["met"] for goal in said["goals"]}
    assert set(goals) == SPEED | SIZE
    assert all(goals[name] for name in SIZE), said["goals"]
    assert status == (not all(goals.values()))


def test_a_module_that_is_named_by_its_path() -> None:
    """It is measured beside ours; one called pam_mktemp.so sets the goal."""
    (permit,) = Path("/usr/lib").glob("*/security/pam_permit.so")
    named = Path("/var/tmp/pam_mktemp.so")
    named.write_bytes(permit.read_bytes())
    try:
        status, said = measured("-n", "5", "--module", str(named))
    finally:
        named.unlink()
    times = said["us"]["sessions"]
    assert {"permit", "ours", "ours, first login", "pam_namespace", "pam_namespace noinit", "pam_mktemp",
            "interpreter"} == set(times)
    assert all(one["p95"] >= one["median"] > 0 for one in times.values())
    assert times["ours"]["added"] == pytest.approx(times["ours"]["median"] - times["permit"]["median"])
    goals = {goal["name"]: goal for goal in said["goals"]}
    steady = goals["steady / pam_mktemp, added"]
    assert steady["value"] == pytest.approx(times["ours"]["added"] / times["pam_mktemp"]["added"])
    assert "steady / pam_namespace noinit, added" not in goals and status == (not all(g["met"] for g in goals.values()))
