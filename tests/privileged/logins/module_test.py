"""The module as a file: missing, not to be loaded, and what it answers to calls that it has nothing to do with."""
from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.logins.session import all_four, away, login, su, variables
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
MODULE, = Path("/usr/lib").glob("*/security/pam_mktemp_py.so")
PAM_IGNORE = 25  # security/_pam_types.h


def test_a_missing_file_lets_the_login_go_on(syslog: Syslog) -> None:
    with away(MODULE):
        done = su("alice")
        assert (done.returncode, done.stderr) == (0, "")
        assert variables(done.stdout) == {}
    syslog.wait_for("pam_mktemp_py.so")  # libpam says so
    assert variables(su("alice").stdout) == all_four("alice")


def test_a_file_that_is_no_module_lets_the_login_go_on() -> None:
    with away(MODULE):
        MODULE.write_text("not a module")
        try:
            assert su("alice").returncode == 0
        finally:
            MODULE.unlink()


def test_setcred_is_ignored() -> None:
    assert ctypes.CDLL(str(MODULE)).pam_sm_setcred(None, 0, 0, None) == PAM_IGNORE
    assert not os.path.exists("/run/pam-mktemp")


def test_setcred_in_a_stack(pam_service: Callable[..., Path]) -> None:
    """Any other answer than PAM_IGNORE fails here; login and sshd call it beside open_session."""
    pam_service("witness", ["auth [ignore=ignore default=die] pam_mktemp_py.so", "auth required pam_permit.so"])
    done = subprocess.run(["pamtester", "witness", "alice", "setcred"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not os.path.exists("/run/pam-mktemp")


def test_an_unknown_argument_is_reported_and_ignored(stack: Callable[..., None], syslog: Syslog) -> None:
    stack("fail=maybe", "config=relative.toml")
    assert variables(su("alice").stdout) == all_four("alice")
    syslog.wait_for(r"\[argument-unknown\].*fail=maybe")
    syslog.wait_for(r"\[argument-unknown\].*config=relative.toml")


def test_another_configuration(stack: Callable[..., None]) -> None:
    path = Path("/etc/security/other.toml")
    path.write_text('exempt_users = ["alice"]\n')
    try:
        assert variables(su("alice").stdout) == all_four("alice")
        stack(f"config={path}")
        assert variables(su("alice").stdout) == {}
        stack()
        assert variables(su("alice").stdout) == all_four("alice")
    finally:
        path.unlink()


def test_debug_says_why_a_plan_was_not_used(stack: Callable[..., None], syslog: Syslog) -> None:
    stack("debug")
    assert login(["su", "alice", "-c", "true"]).returncode == 0
    syslog.wait_for(r"\[plan-stale\].*there is no plan yet")
