"""All that benchmarks/mount.py found."""
from __future__ import annotations

import dataclasses
from typing import Any

from command_report import BWRAP, CommandReport
from figures import Goal, Times

MADE, JOINED, NAMESPACE = "bind, first", "bind, joining", "pam_namespace noinit"
UNSHARE, LAUNCH, RUN = "unshare -Urm", "pam-mktemp-launch", "pam-mktemp run"
MADE_TO_NAMESPACE, JOINED_TO_NAMESPACE = 0.7, 0.5
LAUNCH_TO_BWRAP, LAUNCH_TO_BWRAP_CROWDED = 0.6, 0.15
# What the goal of the crowded command is set for; bwrap's time grows with the number of mounts.
MOUNTS = 1000


@dataclasses.dataclass
class MountReport(CommandReport):
    """Sessions, and commands beside /bin/true alone."""

    mounts: int = 0
    shared: bool = False

    def document(self) -> dict[str, Any]:
        """For programs; times in microseconds."""
        return super().document() | {"mounts": self.mounts, "shared": self.shared}


def session_goals(title: str, found: dict[str, Times]) -> list[Goal]:
    """What a session may add, by what pam_namespace adds in the same phase."""
    limits = {MADE: MADE_TO_NAMESPACE, JOINED: JOINED_TO_NAMESPACE}
    return [
        Goal(f"{title}: {name} / {NAMESPACE}, added", found[name].added / found[NAMESPACE].added, limit)
        for name, limit in limits.items()
    ]


def command_goals(title: str, found: dict[str, Times], mounts: int) -> list[Goal]:
    """What a command may take, by bwrap's time in the same phase; MOUNTS more than the machine's were there."""
    limit = LAUNCH_TO_BWRAP_CROWDED if mounts >= MOUNTS else LAUNCH_TO_BWRAP
    return [Goal(f"{title}: {LAUNCH} / {BWRAP}", found[LAUNCH].median / found[BWRAP].median, limit)]
