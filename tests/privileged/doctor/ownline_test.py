"""The line of our module itself: control, twice, never reached."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py.doctor.ownline import CONTROL
from tests.privileged.doctor.doctor import LINE, PLAIN, assert_cured, ids, run


@pytest.mark.parametrize("control, id", [
    ("required", "control-locks-out"),
    ("requisite", "control-locks-out"),
    ("[success=ok default=bad]", "control-locks-out"),
    ("optional", "control-ignores-refusal"),
    ("sufficient", "control-ignores-refusal"),
    ("[success=ok default=ignore]", "control-ignores-refusal"),
])
def test_control(machine: Callable[..., Path], control: str, id: str) -> None:
    path = machine("su", [*PLAIN, f"session {control} pam_mktemp_py.so debug"])
    assert_cured(id)
    assert path.read_text().splitlines()[-1] == f"session {CONTROL} pam_mktemp_py.so debug"
    assert ids(run(), "problem") == set()


def test_twice_in_one_file(machine: Callable[..., Path]) -> None:
    path = machine("su", [*PLAIN, LINE, "session optional pam_permit.so", LINE])
    assert_cured("line-twice")
    assert path.read_text().splitlines()[4:] == [LINE, "session optional pam_permit.so", f"# {LINE}"]


@pytest.mark.parametrize("first", [False, True])
def test_twice_through_the_shared_file(machine: Callable[..., Path], first: bool) -> None:
    """The service's own line is the needless one, wherever it stands."""
    shared = machine("common-session", [*Path("/etc/pam.d/common-session").read_text().splitlines(), LINE])
    if first:
        lines = Path("/etc/pam.d/su").read_text().splitlines()
        machine("su", [LINE, *(line for line in lines if line != LINE)])
    finding = assert_cured("line-twice")
    assert finding["where"].startswith("/etc/pam.d/su:")
    assert LINE in shared.read_text()


def test_the_same_file_included_twice(machine: Callable[..., Path]) -> None:
    machine("part", [LINE])
    again = [*PLAIN, "session include part"]
    machine("su", [*again, "session include part"])
    assert_cured("line-twice", by=lambda: machine("su", again))


@pytest.mark.parametrize("line", [
    "session sufficient pam_permit.so",
    "session [success=done default=ignore] pam_permit.so",
    "session [default=done] pam_permit.so",
])
def test_a_line_that_ends_the_stack(machine: Callable[..., Path], line: str) -> None:
    machine("su", [*PLAIN, line, LINE])
    finding = assert_cured("stack-ends-before")
    assert finding["where"] == "/etc/pam.d/su:5"
    assert run()["session"]["outcome"] == "private"


def test_a_line_that_jumps_over_ours(machine: Callable[..., Path]) -> None:
    jump = "session [success=1 default=ignore] pam_succeed_if.so uid >= 0"
    path = machine("su", [*PLAIN, jump, LINE, "session optional pam_permit.so"])
    assert_cured("stack-jumps-over")
    assert path.read_text().splitlines()[4:6] == [LINE, jump]


@pytest.mark.parametrize("lines", [
    ["session [success=1 default=ignore] pam_permit.so", "session optional pam_permit.so", LINE],
    [LINE, "session sufficient pam_permit.so"],
    ["session [default=1] pam_permit.so", "session requisite pam_deny.so", LINE],
])
def test_what_lets_our_line_run(machine: Callable[..., Path], lines: list[str]) -> None:
    machine("su", [*PLAIN, *lines])
    assert ids(run(), "problem") == set()
