"""What all tests share: the guard around the privileged ones, no skips where all must work, the fixtures."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import pam_mktemp_py
from tests.sandbox import guard
from tests.sandbox.accounts import account, as_user  # noqa: F401  fixtures
from tests.sandbox.state import CHECKOUT, TOP, filesystem, fresh_state, pam_service  # noqa: F401  fixtures
from tests.sandbox.syslog import syslog  # noqa: F401  fixture

TESTS = Path(__file__).parent
# Here, before any test file imports them: pytest refuses to rewrite what is imported already.
pytest.register_assert_rewrite("tests.privileged.directories", "tests.privileged.logins.session")
SANDBOXED = (TESTS / "privileged", TESTS / "adversarial")
TEST_SECONDS = 200
MUST_WORK = os.environ.get("PAM_MKTEMP_MUST_WORK") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """In a sandbox temporary files stay inside it, and out of /tmp, which tests empty."""
    if guard.inside():
        config.option.basetemp = "/var/tmp/pytest"
        if CHECKOUT != TOP:
            os.chdir(CHECKOUT)  # a folder that stays
            pam_mktemp_py.__path__[:] = [str(CHECKOUT / "pam_mktemp_py")]  # what it imports late, too


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse to run on the machine itself what changes /etc, /tmp and accounts."""
    if any(folder in item.path.parents for folder in SANDBOXED) and not guard.inside():
        pytest.fail("only in a sandbox: tox -e real, or tests/sandbox/python -m pytest", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that hangs is a failure, not a hanging build. (xdist would run a killed worker's test again, for ever.)"""
    def expired(_number: int, _frame: Any) -> None:
        raise TimeoutError(f"the test took more than {TEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(0 if item.get_closest_marker("long") else TEST_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _forbid_skip(report: Any) -> None:
    if MUST_WORK and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"PAM_MKTEMP_MUST_WORK=1 forbids: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """A skip hides a missing capability: a failure where everything must work."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """The same for a file that skips itself as a whole."""
    report = yield
    _forbid_skip(report)
    return report
