#!/usr/bin/python3
"""How long `pam-mktemp scan /usr/bin` takes beside `grep -rlaF /tmp /usr/bin`: wall time, warm, start-up included.

    benchmarks/scan_speed.py [RUNS]

The command is this tree's, compiled as an installation is, in a copy that is removed again. Both are run in turn, so
that what else the machine does hits both; the first of each warms the page cache and is not counted.
"""
from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "pam_mktemp_py"
FOLDER = "/usr/bin"
LIMIT = 2.0  # times what grep takes
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pam_mktemp_py.cli.main import main; main()"
FOUND = (0, 1)  # the exit statuses of both when nothing went wrong


def measure(runs: int) -> dict[str, float]:
    """Medians of `runs`, in seconds, as `scan` and `grep`, and their `ratio`. OSError if either fails."""
    with tempfile.TemporaryDirectory(prefix="scan-speed-") as folder:
        shutil.copytree(PACKAGE, f"{folder}/{PACKAGE.name}", ignore=shutil.ignore_patterns("__pycache__"))
        if not compileall.compile_dir(folder, quiet=1):
            raise OSError(f"{PACKAGE} cannot be compiled")
        commands = {"scan": [sys.executable, "-I", "-c", START, folder, "scan", FOLDER],
                    "grep": ["grep", "-rlaF", "/tmp", FOLDER]}
        times: dict[str, list[float]] = {name: [] for name in commands}
        _check([*commands["scan"][:-2], "--json", *commands["scan"][-2:]])
        for number in range(runs + 1):
            for name, command in commands.items():
                times[name] += [_took(command)][:number]
    medians = {name: statistics.median(found) for name, found in times.items()}
    return medians | {"ratio": medians["scan"] / medians["grep"]}


def _check(command: list[str]) -> None:
    """What fails is fast, too: there must be programs that were looked at, and all must have been readable."""
    found = json.loads(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).stdout)
    if not found["kinds"].get("elf") or not found["candidates"] or found["skipped"]:
        raise OSError(f"the scan did not work: {found['kinds']}, {found['skipped'][:3]}")


def _took(command: list[str]) -> float:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    started = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment)
    took = time.monotonic() - started
    if done.returncode not in FOUND:
        raise OSError(f"{command[0]} ended with status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return took


def main() -> None:
    """Print the figures as JSON; 1 if the goal is missed."""
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))
    sys.exit(found["ratio"] > LIMIT)


if __name__ == "__main__":
    main()
