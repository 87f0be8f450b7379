"""benchmarks/mount.py: that it runs, and says what it should. How fast we are is for it to say, not for a test."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.capabilities import have, need

PROGRAM = Path(__file__).parents[2] / "benchmarks/mount.py"
SESSIONS = {"permit", "bind, no login", "bind, first", "bind, joining", "pam_namespace noinit"}
COMMANDS = {"/bin/true", "bwrap", "unshare -Urm", "pam-mktemp-launch", "pam-mktemp run"}


def measured(*options: str) -> dict[str, Any]:
    """The document of a run, whose exit status says whether its goals are met."""
    need(have("gcc") and have("bwrap"), "gcc and bubblewrap")
    command = [PROGRAM, "--json", "-n", "3", "--tmp", "tmpfs", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (not all(goal["met"] for goal in found["goals"]))
    return found


@pytest.mark.parametrize("options", [(), ("--shared",)], ids=["private", "shared"])
def test_it_measures_every_goal(options: tuple[str, ...]) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    said = measured("--mounts", "50", *options)
    assert set(said["us"]) == {"quiet", "with 50 mounts"}
    goals = {goal["name"]: goal for goal in said["goals"]}
    for phase, times in said["us"].items():
        assert set(times) == SESSIONS and all(one["p95"] >= one["median"] > 0 for one in times.values())
        ours, theirs = times["bind, first"]["added"], times["pam_namespace noinit"]["added"]
        goal = goals[f"{phase}: bind, first / pam_namespace noinit, added"]
        assert goal["value"] == pytest.approx(ours / theirs) and goal["limit"] == 0.7
        assert goals[f"{phase}: bind, joining / pam_namespace noinit, added"]["limit"] == 0.5
        commands = said["us_of_commands"][phase]
        assert set(commands) == COMMANDS and all(one["median"] > 0 for one in commands.values())
        goal = goals[f"{phase}: pam-mktemp-launch / bwrap"]
        assert goal["value"] == pytest.approx(commands["pam-mktemp-launch"]["median"] / commands["bwrap"]["median"])
        assert goal["limit"] == 0.6  # 50 mounts are no crowd
    assert len(goals) == 6
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_it_says_what_it_cannot_measure_without() -> None:
    """Not after half of the time: bwrap is what a goal is set against."""
    need(have("bwrap"), "bubblewrap")
    hidden = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /usr/bin/bwrap && exec "$0" --json', PROGRAM]
    done = subprocess.run(hidden, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "mount.py: /usr/bin/bwrap: missing\n")
