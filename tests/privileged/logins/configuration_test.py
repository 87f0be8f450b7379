"""A configuration that cannot be used, as a real login meets it: the last good plan serves, the log names the line."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py.linux.boot import boottime_ns
from tests.privileged.logins.session import CONFIG, all_four, configure, logged, login, su, variables
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
FILE = str(CONFIG)
BROKEN = {
    "no TOML": ('stage = "env"\n\nfailure = open\n', f"{FILE}:3: is not valid TOML"),
    "unknown key": ('# a comment\nfailur = "open"\n', f"{FILE}:2: unknown key 'failur'; did you mean 'failure'?"),
    "wrong value": ('stage = "env"\nfailure = "opened"\n', f"{FILE}:2: failure is 'opened'"),
    "wrong type": ('\n\nmin_uid = "1000"\n', f"{FILE}:3: min_uid is '1000'"),
    "deep inside": ('[directories.cache]\nvariables = [\n  "A",\n  "1B",\n]\n', f"{FILE}:4: '1B'"),
}
FAILURES = Path("/run/pam-mktemp/failures")


def escaped(text: str) -> str:
    """For a regular expression."""
    return "".join(c if c.isalnum() else "\\" + c for c in text)


@pytest.mark.parametrize("name", BROKEN)
def test_the_last_good_plan_serves(name: str, syslog: Syslog) -> None:
    configure('stage = "env"\n')
    assert variables(su("alice").stdout) == all_four("alice")
    text, message = BROKEN[name]
    configure(text)
    done = su("alice")
    assert (done.returncode, done.stderr) == (0, "")
    assert variables(done.stdout) == all_four("alice")
    syslog.wait_for(r"\[config-invalid\].*" + escaped(message))
    syslog.wait_for(r"\[plan-expired\] alice: " + escaped(message))


@pytest.mark.parametrize("policy", ["open", "closed"])
@pytest.mark.parametrize("name", ["no TOML", "unknown key"])
def test_without_a_plan_the_failure_policy(name: str, policy: str, stack: Callable[..., None], syslog: Syslog) -> None:
    stack(f"fail={policy}")
    text, message = BROKEN[name]
    configure(text)
    done = su("alice")
    assert (done.returncode == 0) == (policy == "open")
    assert variables(done.stdout) == {}
    syslog.wait_for(rf"\[failed-{policy}\] alice: " + escaped(message))


def test_a_drop_in_is_named(syslog: Syslog) -> None:
    configure('stage = "env"\n')
    path = configure('\nstage = "envy"\n', "20-mine.toml")
    assert su("alice").returncode == 0
    syslog.wait_for(r"\[config-invalid\].*" + escaped(f"{path}:2: stage is 'envy'"))


@pytest.mark.parametrize("mode, owner, message", [
    (0o666, 0, "can be written by others (mode 0666)"), (0o644, 3001, "belongs to uid 3001, not to root"),
])
def test_a_file_that_is_not_roots_alone(mode: int, owner: int, message: str, syslog: Syslog) -> None:
    """Or alice would exempt herself, or make the planner do worse."""
    path = configure('stage = "off"\n')
    os.chown(path, owner, 0)
    os.chmod(path, mode)
    assert variables(su("alice").stdout) == {}
    syslog.wait_for(r"\[config-invalid\].*" + escaped(f"{path}: {message}"))


def test_a_failure_is_remembered_for_30_seconds(syslog: Syslog) -> None:
    configure("broken")
    for _ in range(3):
        assert variables(su("alice").stdout) == {}
    assert logged(syslog).count("config-invalid") == 1  # the planner was asked once
    configure("")
    assert variables(su("alice").stdout) == {}
    memo = FAILURES / "alice:su"
    _, policy, text = os.readlink(memo).split(" ", 2)
    assert text.startswith(FILE)
    memo.unlink()
    memo.symlink_to(f"{boottime_ns() - 30_000_000_001} {policy} {text}")
    assert variables(su("alice").stdout) == all_four("alice")
    assert not os.path.lexists(memo)


def test_another_service_does_not_wait_for_that() -> None:
    """What failed is remembered by account and service."""
    configure("broken")
    assert variables(su("alice").stdout) == {}
    configure("")
    assert variables(login(["runuser", "-u", "alice", "env"]).stdout) == all_four("alice")
    assert variables(su("bob").stdout) == all_four("bob")


def test_unknown_names_are_reported_and_skipped(syslog: Syslog) -> None:
    configure('exempt_users = [\n  "alise",\n  "bob",\n]\nexempt_groups = ["operaters"]\n')
    assert variables(su("alice").stdout) == all_four("alice")  # neither everybody ...
    assert variables(su("bob").stdout) == {}  # ... nor nobody
    syslog.wait_for(escaped(f"{FILE}:2: user 'alise' in exempt_users is unknown"))
    syslog.wait_for(escaped(f"{FILE}:5: group 'operaters' in exempt_groups is unknown"))
    logged(syslog)
    assert not syslog.find("'bob'")


def test_an_account_named_later_is_known_then(account: Callable[..., object]) -> None:
    configure('exempt_users = ["dora"]\n')
    assert variables(su("alice").stdout) == all_four("alice")
    account("dora", uid=3009)
    assert variables(su("dora").stdout) == {}
