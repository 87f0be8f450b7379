"""pam-mktemp status, as installed, against real sessions: open, failed open, killed, failed, switched off."""
from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.logins.conftest import machine, people, stack  # noqa: F401  fixtures
from tests.privileged.logins.session import CONFIG, WITNESS, configure, eventually, login, session, su
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("machine")
OFF = Path("/etc/security/pam_mktemp.off")


def status(*words: str, code: int = 0) -> Any:
    """The JSON document, as root."""
    done = subprocess.run(["pam-mktemp", "--json", "status", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_sessions_of_three_kinds() -> None:
    configure('exempt_users = ["bob"]\n')
    with (session(["su", "alice", "-c", f"{WITNESS} one"]) as seen,
          session(["su", "bob", "-c", f"{WITNESS} two"], "two")):
        found = status()
        assert found["counts"] == [{"stage": "env", "outcome": "private", "sessions": 1},
                                   {"stage": "off", "outcome": "shared", "sessions": 1}]
        alice, bob = found["sessions"]
        assert (alice["user"], alice["service"], alice["directory"]) == ("alice", "su", "/tmp/.private/alice")
        assert os.path.samefile(f"/proc/{alice['pid']}/exe", "/usr/bin/su") and seen.pid != alice["pid"]
        assert bob["directory"] is None and "bob is in exempt_users" in bob["reason"]
        assert [each["user"] for each in status("--user", "alice")["sessions"]] == ["alice"]
        CONFIG.write_text("broken")
        with session(["su", "mallory", "-c", f"{WITNESS} three"], "three"):
            found = status(code=1)
            assert [each["outcome"] for each in found["sessions"]] == ["private", "shared", "failed-open"]
            assert found["sessions"][2]["reason"].startswith(f"{CONFIG}:1: is not valid TOML")
            [failure] = found["failures"]
            assert (failure["user"], failure["service"], failure["remembered"]) == ("mallory", "su", True)
    assert status(code=1)["counts"] == []


def test_a_failure_is_shown_until_a_login_goes_well() -> None:
    configure("broken")
    su("alice")
    memo = Path("/run/pam-mktemp/failures/alice:su")
    then, rest = os.readlink(memo).split(" ", 1)
    memo.unlink()
    memo.symlink_to(f"{int(then) - 31 * 10**9} {rest}")
    [failure] = status()["failures"]
    assert failure["seconds"] >= 31 and not failure["remembered"]
    configure("")
    su("alice")
    assert status()["failures"] == []


def test_a_planner_that_cannot_be_started(away_planner: None) -> None:
    su("alice")
    [failure] = status(code=1)["failures"]
    assert failure["planner"] and failure["user"] is None and failure["message"]


@pytest.fixture
def away_planner() -> Iterator[None]:
    """The planner's program is broken."""
    path = Path("/usr/lib/pam-mktemp/__main__.py")
    text = path.read_text()
    path.write_text("raise SystemExit(3)")
    yield
    path.write_text(text)


@contextlib.contextmanager
def killed_su() -> Iterator[None]:
    """A su that is killed, so that nothing closes its session; what ran in it goes on inside."""
    with subprocess.Popen(["su", "alice", "-c", "echo; exec sleep 100"], stdout=subprocess.PIPE, env=CLEAN) as host:
        assert host.stdout
        host.stdout.readline()
        host.send_signal(signal.SIGKILL)
        host.wait()
        yield


def test_stale_records_until_the_planner_sweeps_them() -> None:
    with killed_su():
        found = status()
        assert (found["stale"], found["sessions"]) == (1, [])
    assert su("bob").returncode == 0  # the first one: the planner is asked
    eventually(lambda: status()["stale"] == 0, "the sweep")


def test_the_switch_and_the_lines_in_pam() -> None:
    found = status()
    assert not found["switched_off"] and {"su", "sshd", "cron", "runuser"} <= set(found["pam"]["services"])
    assert "common-session" not in found["pam"]["services"]
    assert {line.rpartition(":")[0] for line in found["pam"]["lines"]} == {
        "/etc/pam.d/common-session", "/etc/pam.d/common-session-noninteractive", "/etc/pam.d/runuser"}
    OFF.touch()
    su("alice")
    assert status()["switched_off"] and status()["sessions"] == []


def test_an_ordinary_user_is_told_what_needs_root(as_user: Any) -> None:
    assert login(["su", "alice", "-c", "true"]).returncode == 0
    done = as_user(pwd.getpwnam("bob"), ["pam-mktemp", "--json", "status"])
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["needs_root"]
    assert [found[key] for key in ("sessions", "counts", "stale", "failures")] == [None] * 4
    assert "su" in found["pam"]["services"]
    shown = as_user(pwd.getpwnam("bob"), ["pam-mktemp", "status"])
    assert (shown.returncode, shown.stderr) == (0, "") and "? open sessions, last failures  needs root" in shown.stdout
