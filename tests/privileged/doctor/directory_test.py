"""What doctor says of the private directory."""
from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.directories import tool
from tests.privileged.doctor.doctor import USER, assert_cured, find, ids, run, shown
from tests.sandbox import accounts, capabilities

PRIVATE = Path("/tmp/.private")
Machine = Callable[..., Path]


@pytest.mark.parametrize("damage", [
    lambda: tool("chmod", "0711", PRIVATE / USER),
    lambda: tool("setfacl", "-m", "u:2102:x", PRIVATE / USER),
    lambda: tool("chown", USER, PRIVATE / USER),
    lambda: os.removexattr(PRIVATE / USER, "trusted.pam_mktemp"),
    lambda: tool("chmod", "0700", PRIVATE / USER / "tmp"),
], ids=["mode", "acl", "owner", "stamp", "leaf"])
def test_what_a_login_mends_is_noted(machine: Machine, damage: Callable[[], object]) -> None:
    run()
    damage()
    document = run()
    finding = find(document, "directory-mended")
    assert finding["kind"] == "note" and finding["where"].startswith(f"{PRIVATE}/{USER}")
    assert document["session"]["outcome"] == "private"
    assert not ids(run()) & {"directory-mended", "directory-wrong"}


def test_the_parent(machine: Machine) -> None:
    run()
    subprocess.run(["chattr", "-a", PRIVATE], check=True)
    PRIVATE.chmod(0o755)
    assert find(run(), "directory-mended")["where"] == str(PRIVATE)
    assert not ids(run()) & {"directory-mended", "directory-wrong", "not-append-only"}


def test_the_flag(machine: Machine) -> None:
    capabilities.need(capabilities.can_set_append_only(), "the append-only flag cannot be set here")
    run()
    subprocess.run(["chattr", "-a", PRIVATE], check=True)  # a fresh plan does not notice it
    assert_cured("not-append-only")
    subprocess.run(["chattr", "-a", PRIVATE], check=True)
    done = shown("doctor", USER, before=["setpriv", "--bounding-set=-linux_immutable", "--inh-caps=-linux_immutable"])
    assert done.returncode == 0 and "CAP_LINUX_IMMUTABLE is missing" in done.stdout, done.stdout


def test_forms_without_acls(machine: Machine, filesystem: Callable[..., Path]) -> None:
    filesystem("btrfs", "/tmp", "noacl")
    assert find(run(), "form-group")["kind"] == "note"
    subprocess.run(["usermod", "-aG", USER, "nobody"], check=True)
    os.unlink(f"/run/pam-mktemp/plans/{USER}:su-l")
    note = find(run(), "form-owner")
    assert note["kind"] == "note" and note["do"].startswith("mount the file system with ACLs")
    for words in (["mount", "-o", "remount,acl", "/tmp"], ["chattr", "-a", PRIVATE],
                  ["mv", f"{PRIVATE}/{USER}", "/tmp/kept"], ["chattr", "+a", PRIVATE]):
        assert words[0] in note["do"] or words[0] == "mv"
        subprocess.run(words, check=True)
    assert not ids(run()) & {"form-owner", "form-group"}
    subprocess.run(["gpasswd", "-d", "nobody", USER], check=True, capture_output=True)
    assert not ids(run(), "problem")


def test_without_root(machine: Machine) -> None:
    run()
    alice = accounts.pwd.getpwnam(USER)
    done = accounts.run_as(alice, ["pam-mktemp", "doctor"])
    assert done.returncode == 0 and "needs root" in done.stdout, done.stdout + done.stderr
    os.chmod("/etc/pam.d/sshd", 0o600)  # not for her to see
    again = accounts.run_as(alice, ["pam-mktemp", "doctor"])
    os.chmod("/etc/pam.d/sshd", 0o644)
    assert (again.returncode, again.stderr) == (0, done.stderr)
    os.chmod("/tmp", 0o777)
    done = accounts.run_as(alice, ["pam-mktemp", "doctor"])
    assert done.returncode == 1 and "base-unsafe" in done.stdout and "sticky if others can write" in done.stdout
    os.chmod("/tmp", 0o1777)
    done = accounts.run_as(alice, ["pam-mktemp", "doctor"])
    assert done.returncode == 0 and "base-unsafe" not in done.stdout
    done = accounts.run_as(alice, ["pam-mktemp", "doctor", "root"])
    assert done.returncode == 3 and "run it as root" in done.stderr


def snapshot(*folders: str) -> dict[str, tuple[int, ...]]:
    """Everything below, by path; times of files only: a file made and removed changes its folder's."""
    return {path: (about.st_ino, about.st_mode, about.st_size, 0 if stat.S_ISDIR(about.st_mode) else about.st_mtime_ns)
            for top in folders for folder, names, files in os.walk(top) for name in [*names, *files]
            for path in [f"{folder}/{name}"] for about in [os.lstat(path)]}


def test_no_trace(machine: Machine) -> None:
    """Beside what a login leaves: the second time nothing at all."""
    run()
    run("--full")
    folders = ("/etc", "/run/pam-mktemp", "/tmp/.private", "/var/lib/pam-mktemp", "/home", "/dev/shm")
    before, mounts = snapshot(*folders), Path("/proc/self/mounts").read_text()
    processes = tool("ps", "-eo", "args").splitlines()
    run()
    run("--full")
    assert snapshot(*folders) == before
    assert Path("/proc/self/mounts").read_text() == mounts
    assert sorted(tool("ps", "-eo", "args").splitlines()) == sorted(processes)
    assert os.listdir("/run/pam-mktemp/sessions") == []
