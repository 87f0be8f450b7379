"""benchmarks/launch.py: that it runs, and says what it should. How fast we are is for it to say, not for a test."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.capabilities import have, need

PROGRAM = Path(__file__).parents[2] / "benchmarks/launch.py"
WAYS = {"/usr/bin/true", "shim, environment", "wrapper in Python", "shim, bind", "bwrap"}


def test_it_measures_every_goal() -> None:
    need(have("gcc") and have("bwrap"), "gcc and bubblewrap")
    before = Path("/proc/self/mountinfo").read_text()
    done = subprocess.run([PROGRAM, "--json", "-n", "3", "--tmp", "tmpfs"], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    found = said["us_of_commands"]["quiet"]
    # firejail is measured where it is installed; where not, that is said
    assert set(found) - {"firejail"} == WAYS and ("firejail" in found) != any("firejail" in n for n in said["notes"])
    assert all(one["p95"] >= one["median"] > 0 for one in found.values())
    goals = {goal["name"]: (goal["value"], goal["limit"], goal["met"]) for goal in said["goals"]}
    added = (found["shim, environment"]["median"] - found["/usr/bin/true"]["median"]) / 1000
    ratio = found["shim, bind"]["median"] / found["bwrap"]["median"]
    assert goals == {
        "ms that shim, environment adds": (pytest.approx(added), 0.6, added <= 0.6),
        "shim, bind / bwrap": (pytest.approx(ratio), 0.6, ratio <= 0.6),
    }
    assert done.returncode == (added > 0.6 or ratio > 0.6)
    assert Path("/proc/self/mountinfo").read_text() == before


def test_a_way_that_does_not_do_what_it_says_is_not_measured() -> None:
    """It would be fast for nothing: here a bwrap that only runs the program."""
    need(have("gcc") and have("bwrap"), "gcc and bubblewrap")
    bwrap, kept = Path("/usr/bin/bwrap"), Path("/usr/bin/bwrap.kept")
    bwrap.rename(kept)
    try:
        bwrap.write_text('#!/bin/sh\nshift 6\nexec "$@"\n')
        bwrap.chmod(0o755)
        done = subprocess.run([PROGRAM, "--json", "-n", "1", "--tmp", "tmpfs"], capture_output=True, text=True,
                              timeout=60)
    finally:
        kept.rename(bwrap)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("launch.py: bwrap: /tmp is not what it should be")
