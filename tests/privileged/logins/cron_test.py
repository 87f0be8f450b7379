"""A job of a real cron daemon. Jobs at @reboot, or a test would have to wait for the next minute."""
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.logins.session import (
    PLACE, PLANNER, WITNESS, assert_none_open, assert_private, away, let_go, witness_report,
)
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
TABLE = Path("/etc/cron.d/test")


@pytest.fixture
def cron() -> Iterator[Callable[[], None]]:
    """cron() starts the daemon as after a boot."""
    daemons: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        Path("/run/crond.reboot").unlink(missing_ok=True)
        daemons.append(subprocess.Popen(["cron", "-f"], stdin=subprocess.DEVNULL))

    yield start
    for daemon in daemons:
        daemon.terminate()
        daemon.wait()
    TABLE.unlink(missing_ok=True)
    subprocess.run(["crontab", "-u", "alice", "-r"], check=False, capture_output=True)


@pytest.mark.parametrize("name", ["alice", "root"])
def test_a_job_of_the_system(name: str, cron: Callable[[], None]) -> None:
    TABLE.write_text(f"@reboot {name} {WITNESS} one\n")
    cron()
    assert_private(witness_report("one"), name, "cron")
    let_go("one")
    assert_none_open()


def test_a_job_of_a_user(cron: Callable[[], None]) -> None:
    subprocess.run(["crontab", "-u", "alice", "-"], input=f"@reboot {WITNESS} one\n", text=True, check=True)
    cron()
    assert_private(witness_report("one"), "alice", "cron")
    let_go("one")
    assert_none_open()


def test_refused_by_policy(cron: Callable[[], None], stack: Callable[..., None], syslog: Syslog) -> None:
    """Under `closed` the job is not run."""
    stack("fail=closed")
    TABLE.write_text(f"@reboot alice {WITNESS} alices\n@reboot root {WITNESS} roots\n")
    with away(PLANNER):
        cron()
        syslog.wait_for(r"\[failed-closed\] alice: ")
        assert witness_report("roots").variables == {}
        let_go("roots")
        assert_none_open()
    assert not Path(PLACE, "alices.report").exists()
