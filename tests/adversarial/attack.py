"""Attackers that run while a test logs in: what they must have achieved, and what they must not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.adversarial import host

ROOTS = Path("/tmp/roots")  # what all plants point to: in the same file system, so that it can be linked to


def _print_of(path: Path) -> tuple[object, ...]:
    at = path.lstat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return at.st_mode, at.st_uid, at.st_gid, at.st_ino, at.st_size, at.st_mtime_ns, attributes


def _make_roots() -> list[tuple[object, ...]]:
    ROOTS.mkdir(mode=0o755)
    (ROOTS / "folder").mkdir(mode=0o755)
    (ROOTS / "file").write_text("root's own")
    (ROOTS / "file").chmod(0o666)  # else protected_hardlinks forbids to link to it
    return _prints()


def _prints() -> list[tuple[object, ...]]:
    assert os.listdir(ROOTS / "folder") == []
    return [_print_of(ROOTS / name) for name in ("", "folder", "file")]


@contextlib.contextmanager
def planters(least: int, *attackers: tuple[int, list[str]]) -> Iterator[None]:
    """Two processes for each (uid, paths); they must have success often enough, and root's files stay as before."""
    before = _make_roots()
    program = host.build("plant.c", "plant")
    command = [program, "60"]
    running = [subprocess.Popen([*command, str(uid), ROOTS / "folder", ROOTS / "file", *paths],
                                stdout=subprocess.PIPE, text=True) for uid, paths in attackers for _ in range(2)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        planted = sum(int(process.communicate()[0]) for process in running)
    assert planted > least, f"only {planted} plants: no attack"
    assert _prints() == before


@contextlib.contextmanager
def process(uid: int, gid: int, act: Callable[[], None]) -> Iterator[None]:
    """A process of the user's that does this again and again; it must not have ended by itself."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.umask(0)
        while True:
            with contextlib.suppress(OSError):
                act()
    yield
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "a directory of the user's was given another owner"


def hold(path: str, uid: int, held: list[int]) -> None:
    """Make a directory there and keep it open: whatever root does with it, it must stay the user's."""
    for fd in held:
        if os.fstat(fd).st_uid != uid:
            os._exit(1)
    if len(held) > 50:
        os.close(held.pop(0))
    os.mkdir(path, 0o777)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    if os.fstat(fd).st_uid == uid:  # else another was there in between
        held.append(fd)
    else:
        os.close(fd)
