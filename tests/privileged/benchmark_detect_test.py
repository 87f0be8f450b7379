"""benchmarks/detect.py: that it runs, and says what it should. How fast we are is for it to say, not for a test."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.capabilities import can_trace, have, need

PROGRAM = Path(__file__).parents[2] / "benchmarks/detect.py"
TAR = "tar: added by detect / by strace"
SPEED = {TAR, "git clone: added by detect / by strace", "sha256sum: under detect / plain", "µs for a line of a log",
         "scan of /usr/bin / grep"}
SIZE = "MB resident at most"
READERS = {"recorded, ours", "recorded, naive", "worst, ours", "worst, naive"}


def test_it_measures_every_goal() -> None:
    need(can_trace() and have("gcc") and have("git"), "strace, gcc and git")
    before = set(Path("/tmp").iterdir()) | set(Path("/var/tmp").iterdir())
    command = [PROGRAM, "--json", "-n", "1", "--size", "5", "--scale", "0.02"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    goals = {goal["name"]: goal for goal in said["goals"]}
    assert set(goals) == SPEED | {SIZE}
    assert done.returncode == (not all(goal["met"] for goal in said["goals"]))
    assert goals[SIZE]["met"], said["through_a_pipe"]
    for name in ("tar", "git clone", "sha256sum", "gcc", "python", "true"):
        one = said["overheads"][name]
        assert all(one[way] > 0 for way in ("plain", "strace", "core", "detect")) and one["lines"] > 3
    tar = said["overheads"]["tar"]
    assert tar["lines"] >= 400, "one call at least for each of the files"
    added = (tar["detect"] - tar["plain"]) / (tar["strace"] - tar["plain"])
    assert goals[TAR]["value"] == pytest.approx(added)
    assert set(said["lines_per_second"]) == READERS and all(said["lines_per_second"].values())
    recorded, worst = (said["through_a_pipe"][name] for name in ("recorded", "worst"))
    assert recorded["size"] >= 5_000_000 and recorded["lines"] > 39_000 and worst["lines"] > 0
    assert said["scan"]["ratio"] == pytest.approx(said["scan"]["scan"] / said["scan"]["grep"])
    assert set(Path("/tmp").iterdir()) | set(Path("/var/tmp").iterdir()) == before


def test_it_says_what_it_cannot_measure_without(tmp_path: Path) -> None:
    """Not in the middle, with half of the time spent; and not as if a goal had been missed."""
    for name in ("git", "gcc", "tar", "sha256sum", "unshare", "mount"):
        if have(name):
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([PROGRAM, "--json"], capture_output=True, text=True, timeout=60, env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "detect.py: strace is missing\n")
