"""Where a machine's logins happen, and what they inherit."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import USER, assert_cured, find, ids, run
from tests.privileged.logins.session import away
from tests.sandbox import accounts
from tests.sandbox.accounts import CLEAN

MARKS = (("/run/.containerenv", "", "podman"), ("/.dockerenv", "", "docker"), ("/run/systemd/container", "lxc", "lxc"))


@pytest.mark.parametrize("program", [True, False], ids=["systemd's own way to tell", "without it"])
def test_a_container(machine: Callable[..., Path], host: None, put: Callable[..., Path], program: bool) -> None:
    with contextlib.nullcontext() if program else away("/usr/bin/systemd-detect-virt"):
        assert "container" not in ids(run())
        for path, text, kind in MARKS:
            mark = put(path, text)
            assert kind in find(run(), "container")["what"]
            mark.unlink()


def test_a_first_process_that_cannot_be_looked_at(machine: Callable[..., Path]) -> None:
    """As in a container that was given no capability to trace."""
    done = subprocess.run(["setpriv", "--bounding-set=-sys_ptrace", "pam-mktemp", "--json", "doctor", USER],
                          capture_output=True, text=True, env=CLEAN)
    finding = find(json.loads(done.stdout), "first-namespace-unreadable")
    assert finding["kind"] == "note" and "env" in finding["do"]
    assert "first-namespace-unreadable" not in ids(run())


def test_selinux(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "test", "/sys/fs"], check=True)
    try:
        enforce = put("/sys/fs/selinux/enforce", "1")
        assert_cured("selinux-untested", kind="note", by=lambda: enforce.write_text("0"))  # what setenforce 0 does
    finally:
        subprocess.run(["umount", "/sys/fs"], check=True)


@pytest.fixture
def root(machine: Callable[..., Path]) -> Iterator[Path]:
    """A root directory like the machine's with a folder of its own at /tmp."""
    top = Path("/srv/root")
    mounted = ("usr", "etc", "var", "run", "proc", "dev", "home", "root")
    for name in mounted:
        (top / name).mkdir(parents=True)
        subprocess.run(["mount", "--rbind", f"/{name}", top / name], check=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (top / name).symlink_to(f"usr/{name}")
    yield top
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if line.split()[1].startswith(f"{top}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False, capture_output=True)
    for private in top.rglob(".private"):
        subprocess.run(["chattr", "-a", private], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", top], check=True)


def inside(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["chroot", root, *command], capture_output=True, text=True, env=CLEAN)


def test_a_chroot(root: Path) -> None:
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    assert '"id": "chroot"' in inside(root, "pam-mktemp", "--json", "doctor", USER).stdout
    assert "chroot" not in ids(run())


def test_a_long_path(root: Path) -> None:
    real = "/srv/a-rather-long-name-of-a-folder"
    (root / real[1:]).mkdir(parents=True)
    (root / real[1:]).chmod(0o1777)
    (root / "tmp").symlink_to(real)
    done = inside(root, "pam-mktemp", "--json", "doctor", USER)
    document = json.loads(done.stdout)
    finding = find(document, "tmpdir-long")
    assert len(finding["where"]) > 45
    for command in finding["commands"]:
        assert inside(root, *command).returncode == 0
    assert '"tmpdir-long"' not in inside(root, "pam-mktemp", "--json", "doctor", USER).stdout


@pytest.fixture
def bob() -> Iterator[None]:
    accounts.add("bob", uid=2102)
    yield
    accounts.remove("bob")


def test_another_accounts_tmpdir(machine: Callable[..., Path], bob: None) -> None:
    environment = CLEAN | {"TMPDIR": "/tmp/.private/bob/tmp"}
    finding = find(run(env=environment), "inherited-tmpdir")
    assert finding["where"] == "/tmp/.private/bob/tmp" and "unset TMPDIR" in finding["do"]
    del environment["TMPDIR"]  # as it says
    assert "inherited-tmpdir" not in ids(run(env=environment))
    for own in ("/tmp/.private/root/tmp", "/tmp", "/tmp/x"):
        assert "inherited-tmpdir" not in ids(run(env=CLEAN | {"TMPDIR": own}))


def test_sysvinit_without_its_boot_script(
    machine: Callable[..., Path], put: Callable[..., Path], tmp_path: Path,
) -> None:
    if not os.path.exists("/sbin/init"):
        put("/sbin/init", "#!/bin/sh\n", 0o755)
    (tmp_path / "comm").write_text("init\n")
    subprocess.run(["mount", "--bind", tmp_path / "comm", "/proc/1/comm"], check=True)
    try:
        assert_cured("boot-step-missing")
    finally:
        subprocess.run(["umount", "/proc/1/comm"], check=True)
        subprocess.run(["update-rc.d", "-f", "pam-mktemp", "remove"], check=True)
