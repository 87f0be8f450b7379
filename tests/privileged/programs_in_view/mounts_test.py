"""Mounts that come and go while sessions are open: users' own by FUSE, the host's, and those of a real automounter."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.namespace import sweep
from tests.privileged.logins.bind_test import VIEW, by, held, said, seen_anywhere
from tests.privileged.logins.session import eventually, login, open_records
from tests.privileged.logins.sshd_test import Ssh
from tests.sandbox import capabilities

DATA, MEDIA, AUTO = Path("/srv/data"), Path("/srv/media"), Path("/srv/auto")
MASTER, MAP = Path("/etc/auto.master"), Path("/etc/auto.direct")
BIND = ("mkdir -p files mnt /tmp/mnt; echo in > files/f; "
        "for point in mnt /tmp/mnt; do bindfs --no-allow-other files $point; done")


def can_fuse() -> bool:
    """The device can be opened."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        return False
    return True


@pytest.fixture
def shared() -> Iterator[None]:
    """As under systemd: mounts of the host's are handed on to other namespaces. With folders to mount on."""
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    for path in (DATA, MEDIA, AUTO):
        path.mkdir()
    (DATA / "f").write_text("data\n")
    yield
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    (DATA / "f").unlink()
    for path in (DATA, MEDIA, AUTO):
        path.rmdir()


@pytest.fixture
def automount(shared: None) -> Iterator[subprocess.Popen[bytes]]:
    """autofs with one direct mount, of DATA at AUTO for a second; in a process group of its own, which the kernel
    tells from who may wait for a mount."""
    capabilities.need(any("autofs" in line for line in Path("/proc/filesystems").read_text().splitlines()), "autofs")
    before = MASTER.read_text()
    MASTER.write_text(f"/- {MAP} --timeout=1\n")
    MAP.write_text(f"{AUTO} -fstype=bind :{DATA}\n")
    daemon = subprocess.Popen(["automount", "-f", "-p", "/run/automount.pid"], start_new_session=True)
    eventually(lambda: mounted_at(AUTO), "the automounter")
    yield daemon
    daemon.terminate()
    try:
        assert daemon.wait(20) == 0
    finally:
        daemon.kill()
    MASTER.write_text(before)
    MAP.unlink()


def mounted_at(path: Path, pid: int | str = "self") -> list[str]:
    """The types of what is mounted there, lowest first."""
    lines = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return [words[words.index("-") + 1] for words in lines if words[4] == str(path)]


def test_fuse_in_one_session_is_seen_in_the_next(ssh: Ssh) -> None:
    """In /tmp and in the home; by no other account, nor on the host, and not after its end."""
    capabilities.need(can_fuse(), "FUSE")
    with held(by("alice", f"{BIND}; echo ready; read x; fusermount3 -u /tmp/mnt; fusermount3 -u mnt")):
        for look in ("cat /tmp/mnt/f", "cat mnt/f"):
            assert said(by("alice", look)) == said(ssh("alice", look)) == "in\n", look
        said(ssh("alice", "echo out > /tmp/mnt/g"))
        assert Path("/home/alice/files/g").read_text() == "out\n"
        assert " fuse " not in Path("/proc/self/mountinfo").read_text() and not os.listdir("/home/alice/mnt")
        assert " fuse " not in said(by("bob", "cat /proc/self/mountinfo"))
        assert seen_anywhere(" - fuse ")
    eventually(lambda: not seen_anywhere(" - fuse "), "the end of the file systems")


def test_fuse_outlives_its_login() -> None:
    """What serves it is all that lives in the view, recorded by none of its logins: the next one finds it."""
    capabilities.need(can_fuse(), "FUSE")
    first = said(by("alice", f"{BIND}; {VIEW}"))
    assert open_records() == []
    for _ in range(2):
        sweep.views()  # as a planner does that starts between the two
        assert said(by("alice", f"cat /tmp/mnt/f; {VIEW}")) == "in\n" + first
    said(by("alice", "fusermount3 -u /tmp/mnt; fusermount3 -u mnt"))
    eventually(lambda: not seen_anywhere(" - fuse "), "the end of the file systems")


def test_a_mount_by_sudo_is_the_views() -> None:
    """root's mount in alice's session is hers in every login, and is gone with her last process."""
    with held(by("alice", "mkdir /tmp/m; sudo -n mount -t tmpfs hers /tmp/m; echo in > /tmp/m/f; echo ready; read x")):
        assert said(by("alice", "cat /tmp/m/f")) == "in\n"
        assert not os.listdir("/tmp/.private/alice/tmp/m")
        assert "hers" not in Path("/proc/self/mountinfo").read_text()
    eventually(lambda: not seen_anywhere(" hers "), "the end of it")


def test_a_mount_of_the_hosts_is_not_kept(shared: None) -> None:
    """It was there before the session: unmounted on the host it is gone from the view, so the medium is free."""
    subprocess.run(["mount", "-t", "tmpfs", "medium", MEDIA], check=True)
    with held(by("alice", "echo ready; read x; ls -A /srv/media")):
        assert said(by("alice", f"mountpoint {MEDIA}")) == f"{MEDIA} is a mountpoint\n"
        subprocess.run(["umount", MEDIA], check=True)
        assert seen_anywhere(f" {MEDIA} ") == []


def test_an_automounter(automount: subprocess.Popen[bytes]) -> None:
    """Who looks in a view makes the host's automounter mount, is shown it, and sees it gone when it has expired."""
    read = f"timeout -s KILL 10 cat {AUTO}/f"  # where its mount did not come, it would wait for ever
    with held(by("alice", f"{read} > /tmp/first; echo ready; read x; {read} > /tmp/again")) as session:
        assert Path("/tmp/.private/alice/tmp/first").read_text() == "data\n"
        eventually(lambda: mounted_at(AUTO) == ["autofs"], "the mount's end on the host")
        assert mounted_at(AUTO, session.pid) == ["autofs"]
        seen = f"{read}; grep -c ' {AUTO} ' /proc/self/mountinfo"
        assert said(by("alice", seen)) == said(by("bob", seen)) == "data\n2\n"
        eventually(lambda: mounted_at(AUTO) == ["autofs"], "the mount's second end")
    assert Path("/tmp/.private/alice/tmp/again").read_text() == "data\n"
    automount.terminate()
    automount.wait(20)
    assert not seen_anywhere(f" {AUTO} ") and not login(by("alice", f"ls -A {AUTO}")).stdout
