"""What cleans /tmp leaves the mount points and the sources of private mounts alone: removed on the host they would
be gone in every open session. Without our files it does not, so that these tests can fail."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.bind.prepared import PASSED, assert_instance, mounts
from tests.privileged.directories import PRIVATE, tool
from tests.sandbox import capabilities
from tests.sandbox.state import CHECKOUT, kept_below_tmp

CONTRIB = CHECKOUT / "contrib"
OURS = CONTRIB / "tmpfiles.d/pam_mktemp.conf"
CONFIGURATION = '[mounts."/var/tmp"]\n[mounts."/dev/shm"]\n[shared.web]\ngroup = "alice"\n'


@pytest.fixture(autouse=True)
def prepared(fresh_state: None, account: Any, tmp_path: Path) -> Iterator[None]:
    """A view's directories, old; append-only flags would hide what a cleaner does. /var/tmp holds pytest's files."""
    tool("mount", "-t", "tmpfs", "-o", "mode=1777", "test", "/var/tmp")
    tmp_path.mkdir(parents=True)
    for path in reversed(kept_below_tmp()):
        tool("umount", "-l", path)
    for base in ("/tmp", "/var/tmp", "/dev/shm"):
        subprocess.run(["chattr", "-a", f"{base}/.private"], capture_output=True)
        subprocess.run(["rm", "-rf", f"{base}/.private"], check=True)
    account("alice", uid=2001)
    mounts("alice", CONFIGURATION)
    for base in ("/tmp", "/var/tmp", "/dev/shm"):
        subprocess.run(["chattr", "-a", f"{base}/.private"], capture_output=True)
    (PRIVATE / "alice/tmp/old").touch()
    Path("/tmp/shared-web/old").touch()
    Path("/tmp/other").touch()
    time.sleep(1.3)
    yield
    tool("umount", "-l", "/var/tmp")


def whole() -> bool:
    """Everything that is mounted, or mounted on, is there."""
    inside = [PRIVATE / "alice/tmp" / name for name in (".private", *PASSED, "shared-web", "old")]
    hosts = [Path("/tmp", name) for name in (*PASSED, "shared-web")]
    others = [Path("/var/tmp/.private/alice/var-tmp/.private"), Path("/dev/shm/.private/alice/dev-shm/.private")]
    return all(path.exists() for path in [*inside, *hosts, *others])


@pytest.mark.parametrize("ours", [True, False])
def test_systemd_tmpfiles(ours: bool, tmp_path: Path) -> None:
    capabilities.need(capabilities.have("systemd-tmpfiles"), "systemd-tmpfiles")
    ages = tmp_path / "ages.conf"
    ages.write_text("".join(f"q {base} 1777 root root 1s\n" for base in ("/tmp", "/var/tmp", "/dev/shm")))
    tool("systemd-tmpfiles", "--clean", ages, "/usr/lib/tmpfiles.d/x11.conf", *([OURS] if ours else []))
    assert not Path("/tmp/other").exists()
    assert whole() is ours
    if ours:
        assert not Path("/tmp/shared-web/old").exists()  # what is shared ages like all of /tmp


def test_boot_that_empties_all(tmp_path: Path) -> None:
    """The next planner makes everything again."""
    (tmp_path / "d.conf").write_text("D /tmp 1777 root root -\n")
    tool("systemd-tmpfiles", "--create", "--remove", "--boot", tmp_path / "d.conf", OURS)
    assert not whole() and not os.path.exists("/tmp/.X11-unix")
    mounts("alice", CONFIGURATION)
    assert_instance(PRIVATE / "alice/tmp", shared=("web",), links=os.path.isdir("/run/postgresql"))


@pytest.mark.parametrize("ours", [True, False])
def test_tmpreaper(ours: bool) -> None:
    capabilities.need(capabilities.have("tmpreaper"), "tmpreaper")
    config = Path("/etc/tmpreaper.conf")
    before = config.read_text()
    text = "\n".join(line for line in before.splitlines() if not line.startswith("SHOWWARNING"))
    try:
        config.write_text(f"{text}\nTMPREAPER_TIME=1s\nTMPREAPER_DIRS='/tmp/. /var/tmp/. /dev/shm/.'\n"
                          + ((CONTRIB / "tmpreaper/pam_mktemp.conf").read_text() if ours else ""))
        time.sleep(1)
        subprocess.run(["/etc/cron.daily/tmpreaper"], check=True, env={"TMPREAPER_DELAY": "0", "PATH": "/bin"})
    finally:
        config.write_text(before)
    assert not Path("/tmp/other").exists()
    assert whole() is ours
