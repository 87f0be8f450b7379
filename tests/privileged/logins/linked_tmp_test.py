"""A machine whose /tmp is a link of root's: what is exported is the real path."""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privileged.directories import assert_right
from tests.privileged.logins.session import CONFIG, PLANNER, VARIABLES, away, login, variables

pytestmark = pytest.mark.usefixtures("machine")

ROOT = Path("/srv/root")
REAL = "/srv/elsewhere"
MOUNTED = ("usr", "etc", "var", "run", "proc", "dev", "home", "root")


@pytest.fixture
def linked() -> Iterator[list[str]]:
    """The command that enters a root directory like the machine's, but for /tmp."""
    ROOT.mkdir(parents=True)
    for name in MOUNTED:
        (ROOT / name).mkdir()
        subprocess.run(["mount", "--rbind", f"/{name}", ROOT / name], check=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (ROOT / name).symlink_to(f"usr/{name}")
    real = ROOT / REAL[1:]
    real.mkdir(parents=True)
    real.chmod(0o1777)
    (ROOT / "tmp").symlink_to(REAL)
    yield ["chroot", str(ROOT)]
    for name in MOUNTED:
        subprocess.run(["umount", "-l", ROOT / name], check=True)
    for private in ROOT.glob("srv/*/.private"):
        subprocess.run(["chattr", "-a", private], check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", ROOT], check=True)


def test_the_real_path_is_exported(linked: list[str]) -> None:
    wanted = dict.fromkeys(VARIABLES, f"{REAL}/.private/alice/tmp")
    command = [*linked, "su", "-", "alice", "-c", "env"]
    assert variables(login(command).stdout) == wanted
    assert_right("alice", base=ROOT / REAL[1:])
    with away(PLANNER):  # and by the module alone
        assert variables(login(command).stdout) == wanted


def test_who_has_no_directory_does_not_keep_the_callers(linked: list[str]) -> None:
    CONFIG.write_text('exempt_users = ["bob"]\n')
    said = variables(login([*linked, "env", f"TMP={REAL}/.private/alice/tmp", "su", "bob", "-c", "env"]).stdout)
    assert said == {"TMP": "/tmp"}


def test_a_link_that_root_has_turned_elsewhere(linked: list[str]) -> None:
    """The plan still names a directory that is right; when it is made anew, the other one."""
    command = [*linked, "su", "-", "alice", "-c", "env"]
    login(command)
    other = ROOT / "srv/other"
    other.mkdir()
    other.chmod(0o1777)
    (ROOT / "tmp").unlink()
    (ROOT / "tmp").symlink_to("/srv/other")
    for plan in Path("/run/pam-mktemp/plans").iterdir():
        plan.unlink()
    assert variables(login(command).stdout) == dict.fromkeys(VARIABLES, "/srv/other/.private/alice/tmp")
    assert_right("alice", base=other)
