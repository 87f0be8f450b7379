"""The sandbox itself: separate from the machine and from the other worker, and fit for real programs."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from tests.sandbox import capabilities, guard


def test_is_one() -> None:
    assert guard.inside()
    assert os.readlink("/proc/1/ns/mnt") == os.readlink("/proc/self/ns/mnt")


@pytest.mark.parametrize("path", ["/", "/etc", "/var", "/usr", "/run", "/home", "/tmp", "/dev", "/dev/shm", "/var/tmp"])
def test_is_not_the_machines(path: str) -> None:
    kind = subprocess.run(["findmnt", "-n", "-o", "SOURCE", "--target", path], capture_output=True, text=True).stdout
    assert kind.strip() == "sandbox"


def test_setuid_programs_work(account, as_user) -> None:
    assert pwd.getpwnam("root").pw_uid == 0
    alice = account("alice", uid=2001)
    seen = as_user(alice, ["findmnt", "-n", "-o", "OPTIONS", "--target", "/usr/bin/su"]).stdout
    assert "nosuid" not in seen
    Path("/etc/sudoers.d/alice").write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    assert as_user(alice, ["sudo", "-n", "id", "-u"]).stdout == "0\n"
    Path("/etc/sudoers.d/alice").unlink()


def test_orphans_are_reaped() -> None:
    subprocess.run(["sh", "-c", "(sleep 0.1 &)"], check=True)
    subprocess.run(["sleep", "0.3"], check=True)
    states = [Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]
              for pid in os.listdir("/proc") if pid.isdigit() and Path(f"/proc/{pid}/stat").exists()]
    assert "Z" not in states


def test_kill_9_of_the_caller_leaves_nothing(tmp_path: Path) -> None:
    """A sandbox in the sandbox; its caller dies without a word."""
    enter = Path(__file__).parents[1] / "sandbox/enter"
    bare = os.environ | {"PAM_MKTEMP_SANDBOX_BARE": "1"}
    works = subprocess.run([enter, "true"], env=bare, capture_output=True, text=True)
    capabilities.need(works.returncode == 0, f"a sandbox in a sandbox: {works.stderr}")
    mounts = Path("/proc/self/mounts").read_text()
    script = 'echo "$0 inside"; exec sleep 987654'
    with subprocess.Popen(["sh", "-c", '"$@"; true', "sh", enter, "sh", "-c", script], env=bare, text=True,
                          stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None and caller.stdout.readline() == "sh inside\n"
        assert subprocess.run(["pgrep", "-f", "sleep 987654"], capture_output=True).returncode == 0
        caller.kill()
    end = time.monotonic() + 5
    while subprocess.run(["pgrep", "-f", "sandbox/init.py sh -c echo"], capture_output=True).returncode == 0:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert subprocess.run(["pgrep", "-fx", "sleep 987654"], capture_output=True).returncode == 1
    assert Path("/proc/self/mounts").read_text() == mounts


def test_of_a_machine_that_has_us_installed() -> None:
    """What is in an overlay's lower layer cannot be exchanged: the installation into the copy does without."""
    enter = Path(__file__).parents[1] / "sandbox/enter"
    command = ["pam-mktemp", "--version"]
    done = subprocess.run([enter, *command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert not os.path.lexists("/usr/lib/pam-mktemp.new")


def test_exit_status_and_signals_are_handed_on() -> None:
    enter = Path(__file__).parents[1] / "sandbox/enter"
    bare = os.environ | {"PAM_MKTEMP_SANDBOX_BARE": "1"}
    for command, status in (("exit 7", 7), ("kill -TERM $$", 143)):
        assert subprocess.run([enter, "sh", "-c", command], env=bare, capture_output=True).returncode == status


def test_syslog(syslog) -> None:
    subprocess.run(["logger", "--socket", "/dev/log", "-t", "su", "[plan-stale] why"], check=True)
    syslog.wait_for("why")
    assert syslog.ids() == ["plan-stale"]


def test_pam_service(account, pam_service) -> None:
    account("bob", uid=2002)
    pam_service("witness", ["session required pam_permit.so"])
    subprocess.run(["pamtester", "witness", "bob", "open_session"], check=True)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay"])
def test_file_systems(kind: str, filesystem) -> None:
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    point = filesystem(kind, "/mnt/point")
    found = subprocess.run(["stat", "-f", "-c", "%T", point], capture_output=True, text=True, check=True).stdout
    assert found.strip() in (kind, "ext2/ext3", "overlayfs")
    assert point.stat().st_mode & 0o7777 == 0o1777


def test_fresh_state(fresh_state) -> None:
    kept = {path.split("/")[2] for path in Path("/.kept/list").read_text().split() if path.startswith("/tmp/")}
    assert set(os.listdir("/tmp")) == kept
    assert not os.path.exists("/run/pam-mktemp")


def test_capabilities() -> None:
    assert capabilities.can_set_append_only()
    assert capabilities.can_set_trusted_xattr()
    assert capabilities.can_set_acl()
    assert capabilities.can_unshare_user()
    assert capabilities.can_trace()
