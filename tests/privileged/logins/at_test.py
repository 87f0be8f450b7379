"""A job of a real at daemon.

atd never asks PAM for variables (it does not call pam_getenvlist), so a job has those of the session that it was
submitted in, and not its TMPDIR: `at` is setuid, and ld.so takes that from setuid programs (facts of glibc and of
at 3.2.5). The directory and the record are as for every other session.
"""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.directories import assert_right
from tests.privileged.logins.session import (
    WITNESS, all_four, assert_none_open, assert_recorded, eventually, let_go, login, witness_report,
)

pytestmark = pytest.mark.usefixtures("machine")


@pytest.fixture
def atd() -> Iterator[None]:
    """The daemon."""
    pid = Path("/run/atd.pid")
    daemon = subprocess.Popen(["atd", "-f"], stdin=subprocess.DEVNULL)
    eventually(lambda: pid.exists() and pid.read_text().strip() == str(daemon.pid), "atd")
    yield
    daemon.terminate()
    daemon.wait()
    pid.unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["alice", "root"])
def test_a_job(name: str, atd: None) -> None:
    done = login(["su", "-", name, "-c", f"echo {WITNESS} one | at now"])
    assert done.returncode == 0, done.stderr
    seen = witness_report("one")
    inherited = all_four(name)
    del inherited["TMPDIR"]
    assert seen.variables == inherited
    assert seen.made == dict.fromkeys(inherited, "ok") | {"TMPDIR": "not set"}
    assert_right(name)
    assert_recorded(name, "atd")
    let_go("one")
    assert_none_open()


def test_the_directory_is_there_for_a_job_submitted_outside_a_session(atd: None) -> None:
    script = f"echo 'TMPDIR=/tmp/.private/alice/tmp {WITNESS} one' | at now"
    subprocess.run(["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "sh", "-c", script], check=True,
                   cwd="/", env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    seen = witness_report("one")
    assert seen.variables == {"TMPDIR": "/tmp/.private/alice/tmp"}
    assert seen.made["TMPDIR"] == "ok"
    let_go("one")
    assert_none_open()
