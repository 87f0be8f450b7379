"""Ten seconds without an answer from the directory service."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversarial import host
from tests.sandbox import state

FLAG = Path("/run/nss-dead")
SWITCH = Path("/etc/nsswitch.conf")
GROUPS = 'exempt_groups = ["nobody-has-this"]\n'  # so that the planner has to ask for groups
DEAD_FOR = 10.0  # seconds
PLANNER = 5.0


@pytest.fixture
def directory_service() -> Iterator[None]:
    """An NSS module for groups that hangs while FLAG exists."""
    library = host.build("nss_dead.c", "libnss_dead.so.2", "-shared", "-fPIC")
    folder = Path(state.run("gcc", "-print-file-name=libc.so.6").strip()).resolve().parent
    before = SWITCH.read_text()
    (folder / "libnss_dead.so.2").write_bytes(library.read_bytes())
    SWITCH.write_text("".join(line for line in before.splitlines(True) if not line.startswith("group:"))
                      + "group: files dead\n")
    yield
    FLAG.unlink(missing_ok=True)
    SWITCH.write_text(before)
    (folder / "libnss_dead.so.2").unlink()


def _die() -> float:
    FLAG.touch()
    return time.monotonic() + DEAD_FOR


def test_logins_go_on(site, directory_service, account, syslog) -> None:
    account("bob", uid=1502)
    site(closed=False, text=GROUPS)
    host.right("alice")
    host.right("root")
    end = _die()
    # alice's plan is fresh and asks nobody; bob has none, and his first login finds out.
    assert (one := host.login("alice")).private and one.seconds < 0.5
    first = host.login("bob")
    assert first.problems(closed=False) == [] and not first.private
    assert PLANNER - 0.5 < first.seconds < PLANNER + 1.5
    waited = 0.0
    for user in ("bob", "mallory", "bob", "alice", "root", "mallory"):
        one = host.login(user)
        assert one.problems(closed=False) == [], one
        assert one.private == (user in ("alice", "root"))
        waited += one.seconds
    assert waited < 1, "more than one login has paid for the outage"
    syslog.wait_for(r"\[failed-open\] bob: the planner took more than 5 s")
    time.sleep(max(0, end - time.monotonic()))
    FLAG.unlink()
    host.forget_failures()
    for user in ("bob", "mallory", "alice", "root"):
        host.right(user)


def test_an_expired_plan_serves(site, directory_service, syslog) -> None:
    configuration = site(closed=True, text=GROUPS)
    host.right("alice")
    configuration.touch()  # stale, not wrong
    _die()
    one = host.login("alice")
    assert one.private and one.problems(closed=True) == [], one
    assert one.seconds < PLANNER + 1.5
    syslog.wait_for(r"\[plan-expired\] alice: ")
    assert (again := host.login("alice")).private and again.seconds < 0.5
    refused = host.login("mallory")
    assert refused.denied and refused.problems(closed=True) == []
    assert "the policy is to refuse that" in refused.heard
    assert host.login("root").result == host.SUCCESS
    FLAG.unlink()
    host.forget_failures()
    host.right("alice")
    host.right("mallory")


def test_a_crowd_waits_once(site, directory_service) -> None:
    """Ten first logins at once while it is dead: what the first planners find out ends the wait of all."""
    site(closed=False, text=GROUPS)
    _die()
    users = ["alice", "mallory"] * 5
    done = subprocess.run(host.crowd(users), stdout=subprocess.PIPE, text=True, timeout=60)
    logins = host.parse(done.stdout)
    assert len(logins) == len(users)
    assert [problem for one in logins for problem in one.problems(closed=False)] == []
    assert max(one.seconds for one in logins) < PLANNER + 1.5
    FLAG.unlink()
    host.forget_failures()
    host.right("alice")
