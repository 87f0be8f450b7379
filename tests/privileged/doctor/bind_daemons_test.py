"""Units and daemons that open logins in mounts of their own, where no private view is entered."""
from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import USER, find, ids, run
from tests.privileged.logins.bind_test import by, held
from tests.privileged.logins.session import eventually
from tests.sandbox import capabilities
from tests.sandbox.accounts import CLEAN

PIDFILE = Path("/run/crond.pid")
pytestmark = pytest.mark.usefixtures("bound")


@pytest.mark.parametrize("unit, text", [
    ("cron.service", "ProtectSystem=full\nProtectHome=read-only\nProtectProc=invisible\n"),
    ("cron.service", "ReadOnlyPaths=/srv\nBindPaths=/a:/b\nTemporaryFileSystem=/var:ro\nMountFlags=slave\n"),
])
def test_a_unit(put: Callable[..., Path], unit: str, text: str) -> None:
    capabilities.need(capabilities.have("systemd-analyze"), "systemd-analyze")
    put(f"/etc/systemd/system/{unit}.d/zz-pam-mktemp-mounts.conf", "").unlink()
    put(f"/etc/systemd/system/{unit}", "[Service]\nExecStart=/bin/true\n")
    assert "unit-own-mounts" not in ids(run())
    put(f"/etc/systemd/system/{unit}.d/hardened.conf", f"[Service]\n{text}")
    finding = find(run(), "unit-own-mounts")
    assert (finding["where"], finding["kind"]) == (unit, "problem")
    assert all(line.partition("=")[0] in finding["what"] for line in text.split())
    for command in finding["commands"]:
        assert command[0] != "systemctl", "no systemd runs here"
        subprocess.run(command, check=True)
    assert "unit-own-mounts" not in ids(run())


@pytest.fixture(autouse=True)
def no_cron() -> Iterator[None]:
    """None runs before, nor after: the advice starts one."""
    capabilities.need(capabilities.have("cron"), "cron")
    yield
    subprocess.run(["service", "cron", "stop"], capture_output=True)
    assert not crons()


def crons() -> list[str]:
    return subprocess.run(["pgrep", "-x", "cron"], capture_output=True, text=True).stdout.split()


def start(*before: str) -> None:
    """A real one that was started in this way; it leaves its caller, as daemons do."""
    subprocess.run([*before, "/usr/sbin/cron"], env=CLEAN, cwd="/", check=True)
    eventually(lambda: crons() and PIDFILE.exists(), "cron")


def test_a_daemon_in_a_sandbox() -> None:
    assert not crons()
    start("unshare", "-m")
    finding = find(run(), "daemon-apart")
    assert finding["kind"] == "problem" and "cron (process" in finding["what"]
    start_again(finding["do"])
    assert not ids(run()) & {"daemon-apart", "daemon-in-view"} and crons()


def test_a_daemon_that_was_started_in_a_view() -> None:
    """As `sudo service cron restart` does: sudo of a command keeps the view of its caller."""
    with held(by(USER, "echo ready; read x")):
        start("pam-mktemp", "enter", USER, "--")
        own = os.readlink(f"/proc/{crons()[0]}/ns/mnt")
        finding = find(run(), "daemon-in-view")
        assert (finding["kind"], finding["where"]) == ("problem", own)
        start_again(finding["do"])
        assert not ids(run()) & {"daemon-apart", "daemon-in-view"} and crons()


def start_again(advice: str) -> None:
    """What stands behind the last colon."""
    words = shlex.split(advice.rpartition(": ")[2])
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, cwd="/", env=CLEAN)
    assert done.returncode == 0, (words, done.stderr)
