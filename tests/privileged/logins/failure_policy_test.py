"""What becomes of a login when there is no directory for it: open or closed, and who says so."""
from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.privileged.logins.session import PLANNER, all_four, away, configure, logged, login, su, variables
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
Stack = Callable[..., None]
LOGINS = [["su", "alice", "-c", "env"], ["sudo", "-u", "alice", "env"], ["runuser", "-u", "alice", "env"]]
PROGRAMS = ["su", "sudo", "runuser"]


def spoil() -> None:
    """From now on nothing below /tmp is safe: it is writable for all and not sticky."""
    os.chmod("/tmp", 0o777)


def assert_goes_on(command: list[str]) -> None:
    """The login works, without variables."""
    done = login(command)
    assert (done.returncode, done.stderr, variables(done.stdout)) == (0, "", {})
    assert "PATH=" in done.stdout


def assert_denied(command: list[str]) -> None:
    """The command was never run."""
    done = login(command)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "no private temporary directory" in done.stderr


@pytest.mark.parametrize("command", LOGINS, ids=PROGRAMS)
def test_open_is_the_default(command: list[str], syslog: Syslog) -> None:
    with away(PLANNER):
        assert_goes_on(command)
    assert "failed-open" in logged(syslog)


@pytest.mark.parametrize("command", LOGINS, ids=PROGRAMS)
def test_argument_closed(command: list[str], stack: Stack, syslog: Syslog) -> None:
    stack("fail=closed")
    with away(PLANNER):
        assert_denied(command)
    assert "failed-closed" in logged(syslog)


def test_argument_open(stack: Stack) -> None:
    stack("fail=closed", "fail=open")  # the last one counts
    with away(PLANNER):
        assert_goes_on(LOGINS[0])


def test_root_is_never_refused(stack: Stack, syslog: Syslog) -> None:
    stack("fail=closed")
    configure('failure = "closed"\n')
    spoil()
    assert_goes_on(["su", "root", "-c", "env"])
    with away(PLANNER):
        assert_goes_on(["sudo", "env"])
    assert logged(syslog).count("failed-open") == 2
    assert "failed-closed" not in logged(syslog)


def test_a_good_login_under_closed(stack: Stack) -> None:
    stack("fail=closed")
    assert variables(su("alice").stdout) == all_four("alice")


def test_the_plan_wins_when_it_says_closed(stack: Stack) -> None:
    stack("fail=open")
    configure('failure = "closed"\n')
    assert variables(su("alice").stdout) == all_four("alice")
    spoil()
    with away(PLANNER):
        assert_denied(LOGINS[0])


def test_the_plan_wins_when_it_says_open(stack: Stack) -> None:
    stack("fail=closed")
    configure('failure = "open"\n')
    assert variables(su("alice").stdout) == all_four("alice")
    spoil()
    with away(PLANNER):
        assert_goes_on(LOGINS[0])


@pytest.mark.parametrize("policy", ["open", "closed"])
def test_the_configuration_wins_where_no_plan_could_be_made(policy: str, stack: Stack, syslog: Syslog) -> None:
    stack("fail=" + {"open": "closed", "closed": "open"}[policy])
    configure(f'failure = "{policy}"\n')
    spoil()
    for _ in range(2):  # and again from what is remembered
        (assert_goes_on if policy == "open" else assert_denied)(LOGINS[0])
    syslog.wait_for(r"\[directory-refused\].*/tmp: is writable by others and not sticky")
    assert logged(syslog).count("directory-refused") == 1
    assert logged(syslog).count(f"failed-{policy}") == 2


def test_exempt_accounts_get_in_under_closed(stack: Stack) -> None:
    stack("fail=closed")
    configure('failure = "closed"\nexempt_users = ["alice"]\n')
    spoil()
    assert_goes_on(LOGINS[0])
    assert_denied(["su", "bob", "-c", "env"])


def test_a_plan_whose_time_is_over_serves_while_there_is_no_planner(stack: Stack, syslog: Syslog) -> None:
    stack("fail=closed")
    configure('failure = "closed"\n')
    assert su("alice").returncode == 0
    configure('failure = "closed"\nmin_uid = 5000\n')
    with away(PLANNER):
        assert variables(su("alice").stdout) == all_four("alice")
    assert "plan-expired" in logged(syslog)


def test_what_is_exported_is_never_unsafe() -> None:
    """The directory changed hands after the plan was made: neither plan nor planner may name it."""
    assert su("alice").returncode == 0
    os.system("chattr -a /tmp/.private")
    os.chmod("/tmp/.private/alice", 0o711)
    with away(PLANNER):
        assert_goes_on(LOGINS[0])
