"""From times to figures and goals. Pure."""
from __future__ import annotations

import statistics
from typing import NamedTuple

STEADY_TO_MKTEMP = 0.9
STEADY_TO_NAMESPACE = 0.3
FIRST_TO_INTERPRETER = 3.0
GROWTH_KB = 150
LEAK_KB = 64
# The same measurement of the same thing, minutes apart, differs by about this much on a busy machine.
CROWDED = 1.2


class Times(NamedTuple):
    """One contender: microseconds, `added` over pam_permit's median; whole_* is 0 for a bare program."""

    median: float
    p95: float
    added: float
    whole_median: float
    whole_p95: float


class Goal(NamedTuple):
    """A value that must not pass its limit."""

    name: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not pass (nearest rank)."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def times(opens: dict[str, list[int]], wholes: dict[str, list[int]], yardstick: str = "permit") -> dict[str, Times]:
    """Figures of one run by contender, from nanoseconds; YARDSTICK must be among them: `added` is over its median."""
    permit = statistics.median(opens[yardstick]) / 1000
    found = {}
    for name, values in opens.items():
        micro = [value / 1000 for value in values]
        whole = [value / 1000 for value in wholes[name]] or [0.0]
        median = statistics.median(micro)
        found[name] = Times(median, p95(micro), median - permit, statistics.median(whole), p95(whole))
    return found


def speed_goals(found: dict[str, Times]) -> list[Goal]:
    """What the steady and the first login may cost, as far as this run can tell."""
    goals = []
    if "ours" in found:
        if "pam_mktemp" in found:
            ratio = found["ours"].added / found["pam_mktemp"].added
            goals.append(Goal("steady / pam_mktemp, added", ratio, STEADY_TO_MKTEMP))
        elif "pam_namespace noinit" in found:
            ratio = found["ours"].added / found["pam_namespace noinit"].added
            goals.append(Goal("steady / pam_namespace noinit, added", ratio, STEADY_TO_NAMESPACE))
    if "ours, first login" in found:
        ratio = found["ours, first login"].median / found["interpreter"].median
        goals.append(Goal("first login / bare interpreter", ratio, FIRST_TO_INTERPRETER))
    return goals


def crowded_goals(quiet: dict[str, Times], crowded: dict[str, Times]) -> list[Goal]:
    """Many other directories must not make a login slower; each phase is set against its own yardstick."""
    goals = []
    if "ours" in quiet:
        goals.append(Goal("steady, crowded / quiet, added", crowded["ours"].added / quiet["ours"].added, CROWDED))
    if "ours, first login" in quiet:
        before, after = (
            phase["ours, first login"].median / phase["interpreter"].median for phase in (quiet, crowded)
        )
        goals.append(Goal("first login, crowded / quiet", after / before, CROWDED))
    return goals
