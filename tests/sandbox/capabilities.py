"""What works here, found out by doing it: neither the uid nor a file system's name says so reliably."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def works(*command: str | Path) -> bool:
    """True if the command ends with 0."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def have(program: str) -> bool:
    """True if the program can be found, /usr/sbin included."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def _on_folder(act: Callable[[Path], bool], where: str | Path) -> bool:
    folder = Path(tempfile.mkdtemp(dir=where))
    try:
        return act(folder)
    finally:
        folder.rmdir()


def can_set_append_only(where: str | Path = "/tmp") -> bool:
    """chattr +a works in this directory's file system, for us."""
    return _on_folder(lambda folder: works("chattr", "+a", folder) and works("chattr", "-a", folder), where)


def can_set_trusted_xattr(where: str | Path = "/tmp") -> bool:
    """trusted.* extended attributes can be set: not in most containers."""
    def act(folder: Path) -> bool:
        with contextlib.suppress(OSError):
            os.setxattr(folder, "trusted.pam_mktemp_probe", b"1")
            return True
        return False
    return _on_folder(act, where)


def can_set_acl(where: str | Path = "/tmp") -> bool:
    """POSIX ACLs are kept by this directory's file system."""
    return _on_folder(lambda folder: works("setfacl", "-m", "u:65534:x", folder), where)


def can_unshare_user() -> bool:
    """An unprivileged process can make a user and a mount namespace."""
    return works("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-Urm", "true")


def can_mount_loop() -> bool:
    """A file system image can be mounted through a loop device."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        image, point = Path(folder, "image"), Path(folder, "point")
        point.mkdir()
        with image.open("wb") as file:
            file.truncate(4 << 20)
        if not (works("mkfs.ext4", "-q", image) and works("mount", "-o", "loop", image, point)):
            return False
        return works("umount", point)


def can_trace() -> bool:
    """strace works on an own child."""
    return have("strace") and works("strace", "-qq", "-o", "/dev/null", "true")


def can_unshare() -> bool:
    """We ourselves can make a user and a mount namespace."""
    return works("unshare", "-Urm", "true")


def can_become_nobody() -> bool:
    """We can change to another user and group."""
    return works("setpriv", "--reuid=65534", "--regid=65534", "--keep-groups", "true")


def can_run_32(program: str | Path) -> bool:
    """The kernel runs this 32-bit program, tests/programs/traps/run32.c; what it leaves is removed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run([program], cwd=folder).returncode == 0
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOEXEC):
                raise
            return False


def need(it_works: bool, what: str) -> None:
    """Skip the running test with a reason; PAM_MKTEMP_MUST_WORK=1 makes that a failure, see tests/conftest.py."""
    if not it_works:
        pytest.skip(f"does not work here: {what}")
