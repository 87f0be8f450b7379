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
def process(uid: int, gid: int, act: Callable[[], None], verdict: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """A process of the user's that does this again and again until the end, when its verdict must be good."""
    child = os.fork()
    if child == 0:
        over: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _frame: over.append(number))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.umask(0)
        while not over:
            with contextlib.suppress(OSError):
                act()
        os._exit(0 if verdict() else 1)
    yield
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0, "what the user made was given another owner"


class Holder:
    """Makes directories at a path and keeps them open: whatever root does with them, they must stay the user's."""

    MOST = 900  # descriptors

    def __init__(self, path: str, uid: int) -> None:
        self.path = path
        self.uid = uid
        self.held: list[int] = []
        self.taken = 0

    def act(self) -> None:
        """One more."""
        if len(self.held) > self.MOST:
            self._let_go()
        os.mkdir(self.path, 0o777)
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if os.fstat(fd).st_uid == self.uid:  # else another was there in between
            self.held.append(fd)
        else:
            os.close(fd)

    def _let_go(self) -> None:
        fd = self.held.pop(0)
        self.taken += os.fstat(fd).st_uid != self.uid
        os.close(fd)

    def verdict(self) -> bool:
        """Whether all of them are still the user's."""
        while self.held:
            self._let_go()
        return not self.taken
