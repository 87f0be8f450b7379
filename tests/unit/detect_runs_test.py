"""Two runs of one command: what looks is replaced by what is."""

from __future__ import annotations

import pytest

from pam_mktemp_py.detect.judge import judged
from tests.unit.detect_judge_test import WRITE, counted, opened

EXCLUSIVE = "O_RDWR|O_CREAT|O_EXCL"


def both(one: str, two: str) -> list[tuple[str, str, str]]:
    return [(each.path, each.name, each.danger) for each in judged([counted(one), counted(two)]).findings]


@pytest.mark.parametrize(("one", "two", "path", "name"), [
    ("/tmp/f.aB3dE9", "/tmp/f.Zq81mN", "/tmp/f.<random>", "random"),
    ("/tmp/f.aB3dE9", "/tmp/f.aB3dE9", "/tmp/f.aB3dE9", "fixed"),  # built in, though it looks random
    ("/tmp/fixed", "/tmp/fixed", "/tmp/fixed", "fixed"),
    ("/tmp/tmp-strato", "/tmp/tmp-banana", "/tmp/tmp-<random>", "random"),  # words, and another one each time
    ("/tmp/f-100", "/tmp/f-100", "/tmp/f-<pid>", "pid"),
    ("/tmp/job-strato.x", "/tmp/job-banana.x", "/tmp/job-<random>.x", "random"),
])
def test_names_of_two_runs(one: str, two: str, path: str, name: str) -> None:
    [found] = both(opened(one, EXCLUSIVE, mode=", 0600"), opened(two, EXCLUSIVE, mode=", 0600"))
    assert found[:2] == (path, name)


def test_what_looked_random_and_is_fixed_is_more_dangerous() -> None:
    log = opened("/tmp/f.aB3dE9", WRITE)
    assert [each.danger for each in judged([counted(log)]).findings] == ["medium"]
    assert both(log, log) == [("/tmp/f.aB3dE9", "fixed", "high")]
    assert both(log, opened("/tmp/f.Zq81mN", WRITE)) == [("/tmp/f.<random>", "random", "low")]


def test_names_with_nothing_in_common_stay_apart() -> None:
    found = both(opened("/tmp/abc", WRITE), opened("/tmp/xyz", WRITE))
    assert sorted(path for path, _, _ in found) == ["/tmp/abc", "/tmp/xyz"]


def test_a_third_run_finds_the_pattern_of_two() -> None:
    logs = [opened(f"/tmp/job-{word}.x", EXCLUSIVE) for word in ("strato", "banana", "violet")]
    [finding] = judged([counted(log) for log in logs]).findings
    assert (finding.path, finding.name) == ("/tmp/job-<random>.x", "random")


def test_what_one_run_made_in_its_own_directory_counts() -> None:
    found = judged([counted(""), counted(opened("/tmp/.private/u1/tmp/x", WRITE))])
    assert found.verdict == "honours"


@pytest.mark.parametrize("order", [1, -1])
def test_the_worst_run_counts(order: int) -> None:
    """What the first run makes safely, the second may only find there."""
    safe, bad = opened("/tmp/x", EXCLUSIVE, mode=", 0600"), opened("/tmp/x", WRITE)
    assert both(*[safe, bad][::order]) == [("/tmp/x", "fixed", "high")]
    folder = '100 mkdir("/tmp/d", 0700) = {}\n' + opened("/tmp/d/x", WRITE)
    logs = [folder.format(0), folder.format("-1 EEXIST (File exists)")]
    assert ("/tmp/d/x", "fixed", "high") in both(*logs[::order])
    assert ("/tmp/d/x", "fixed", "none") in both(logs[0], logs[0])
