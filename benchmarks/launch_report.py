"""What benchmarks/launch.py measures, and what it may cost."""
from __future__ import annotations

from command_report import BWRAP
from figures import Goal, Times

PROGRAM, ENVIRONMENT, BIND = "/usr/bin/true", "shim, environment", "shim, bind"
WRAPPER, FIREJAIL = "wrapper in Python", "firejail"
ADDED_MS = 0.6
BIND_TO_BWRAP = 0.6


def goals(found: dict[str, Times]) -> list[Goal]:
    """What a shim may add to a program, and take by bwrap's time."""
    return [
        Goal(f"ms that {ENVIRONMENT} adds", found[ENVIRONMENT].added / 1000, ADDED_MS),
        Goal(f"{BIND} / {BWRAP}", found[BIND].median / found[BWRAP].median, BIND_TO_BWRAP),
    ]
