"""The options of pam-mktemp run as changes of a plan's mounts, and the causes that forbid a user namespace."""
from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from pam_mktemp_py.cli import run
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.namespace import launch, launch_points, launch_users

USUAL = [("/tmp/.private/u/tmp", 1, 2, "/tmp", 6), ("/tmp/.private", 1, 3, "/tmp/.private", 6),
         ("/tmp/.X11-unix", 1, 4, "/tmp/.X11-unix", 6), ("/var/tmp/.private/u/var-tmp", 1, 5, "/var/tmp", 14)]


def test_noexec() -> None:
    assert [mount[4] for mount in launch.noexec(USUAL)] == [14, 14, 14, 14]
    assert [mount[:4] for mount in launch.noexec(USUAL)] == [mount[:4] for mount in USUAL]


def test_fresh() -> None:
    assert launch.fresh(USUAL) == [("tmpfs", 0, 0, "/tmp", 6), *USUAL[1:3], ("tmpfs", 0, 0, "/var/tmp", 14)]


def below(folder: Path, source: str = "") -> list[tuple[str, int, int, str, int]]:
    about = folder.stat()
    return [(source or str(folder.parent / "instance"), about.st_dev, about.st_ino, str(folder), 6)]


def test_share(tmp_path: Path) -> None:
    top = tmp_path / "top"
    work = top / "a/b/work"
    work.mkdir(parents=True)
    about = work.stat()
    flags = 6 if os.getuid() == 0 else 262
    line = (str(work), about.st_dev, about.st_ino, str(work), flags)
    assert launch.share(below(top), str(work)) == [*below(top), line]
    fresh = below(top, "tmpfs")
    folders = [("tmpfs", 0, 0, str(top / name), 6) for name in ("a", "a/b")]
    assert launch.share(fresh, str(work)) == [*fresh, *folders, line]
    other = top / "a/other"
    other.mkdir()
    assert [mount[3] for mount in launch.share(launch.share(fresh, str(work)), str(other))] == [
        str(top), *(str(top / name) for name in ("a", "a/b", "a/b/work", "a/other"))]
    work.chmod(0o777)
    assert launch.share(below(top), str(work))[-1][4] == 262
    work.chmod(0o1777)
    assert launch.share(below(top), str(work))[-1][4] == flags
    with pytest.raises(Refused, match="there already"):
        launch.share(launch.share(below(top), str(work)), str(work / "in"))


EXCHANGES = """
import os, sys
from pam_mktemp_py.linux.rename import exchange
at = os.open(sys.argv[1], os.O_RDONLY)
while True:
    exchange(at, "work", "link")
"""


def test_share_while_the_way_is_exchanged(tmp_path: Path) -> None:
    """Whoever owns a directory on the way makes it a link in turn: what that leads to is not had."""
    secret = tmp_path / "secret/in"
    secret.mkdir(parents=True)
    (tmp_path / "top/work/in").mkdir(parents=True)
    (tmp_path / "top/link").symlink_to(secret.parent)
    path = str(tmp_path / "top/work/in")
    shared = refused = 0
    with subprocess.Popen([sys.executable, "-c", EXCHANGES, tmp_path / "top"]) as other:
        try:
            end = time.monotonic() + 20
            while min(shared, refused) < 1000 and time.monotonic() < end:
                try:
                    found = launch.share(below(tmp_path / "top"), path)[-1]
                except Refused:
                    refused += 1
                    continue
                shared += 1
                assert found[2] != secret.stat().st_ino
            assert other.poll() is None
        finally:
            other.kill()
    assert min(shared, refused) >= 1000


@pytest.mark.parametrize("word", ["/x/../y", "x", "/x//y", "/x/", "/x/."])
def test_no_plain_path(word: str) -> None:
    with pytest.raises(Refused, match="absolute path"):
        launch.share(USUAL, word)


def test_mount_points(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    about = instance.stat()
    mounts = [(str(instance), about.st_dev, about.st_ino, "/top", 6)]
    umask = os.umask(0)
    try:
        launch_points.make(mounts, "/top/a/b", os.getuid())
        assert (instance / "a/b").stat().st_mode & 0o7777 == 0o755
        os.umask(0o77)
        launch_points.make(mounts, "/top/c", os.getuid())
        assert (instance / "c").stat().st_mode & 0o7777 == 0o755 and os.umask(0o77) == 0o77
    finally:
        os.umask(umask)
    (instance / "a").chmod(0o777)
    (instance / "link").symlink_to("/etc")
    (instance / "file").touch()
    for path in ("/top/a/b", "/top/link/x", "/top/link", "/top/file"):
        with pytest.raises(Refused, match="cannot be shared"):
            launch_points.make(mounts, path, os.getuid())
    with pytest.raises(Refused, match="exchanged"):
        launch_points.make([(str(instance), about.st_dev, about.st_ino + 1, "/top", 6)], "/top/d", os.getuid())
    launch_points.make([("tmpfs", 0, 0, "/top", 6)], "/top/d", os.getuid())
    assert not (instance / "d").exists()


@pytest.mark.parametrize(("step", "number", "files", "what", "hint"), [
    ("unshare", errno.ENOSPC, {"user/max_user_namespaces": "0\n"}, "user.max_user_namespaces is 0",
     "sysctl user.max_user_namespaces=10000"),
    ("unshare", errno.ENOSPC, {"user/max_mnt_namespaces": "0\n"}, "user.max_mnt_namespaces is 0",
     "sysctl user.max_mnt_namespaces=10000"),
    ("unshare", errno.ENOSPC, {"user/max_user_namespaces": "7\n"}, "as many namespaces as are allowed",
     "a larger user.max_user_namespaces"),
    ("unshare", errno.EPERM, {"kernel/unprivileged_userns_clone": "0\n"}, "kernel.unprivileged_userns_clone is 0",
     "sysctl kernel.unprivileged_userns_clone=1"),
    ("map", errno.EACCES, {"kernel/apparmor_restrict_unprivileged_userns": "1\n",
                           "kernel/unprivileged_userns_clone": "1\n"},
     "AppArmor", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    ("mount", errno.EACCES, {"kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "the mounts in it",
     "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    ("unshare", errno.EPERM, {"../self/status": "Name:\tx\nSeccomp:\t2\n"}, "seccomp", ""),
    ("unshare", errno.EPERM, {"../self/status": "Seccomp:\t0\n"}, "chroot", ""),
    ("unshare", errno.EPERM, {}, "chroot", ""),
    ("unshare", errno.EINVAL, {}, "no user namespaces", ""),
    ("unshare", errno.ENOSYS, {}, "no user namespaces", ""),
    ("unshare", errno.EUSERS, {}, "too deeply", ""),
    ("unshare", 0, {}, "killed", ""),
    ("mount", errno.EPERM, {}, "the mounts in it: Operation not permitted", ""),
])
def test_causes(step: str, number: int, files: dict[str, str], what: str, hint: str, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    said = launch_users.why(step, number, str(tmp_path))
    assert what in said[0] and said[1] == hint
    assert (os.strerror(number) if number else "killed") in said[0]


def test_completion_of_what_is_shared() -> None:
    share = next(parameter for parameter in run.command.params if parameter.name == "share")
    assert [item.type for item in share.shell_complete(click.Context(run.command), "/t")] == ["dir"]
