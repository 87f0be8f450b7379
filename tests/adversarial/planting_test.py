"""Real logins while another user, or the user himself, plants things thousands of times a second.

The planner prepares and the module applies all the while: plans are there, gone, and of directories that are gone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.adversarial import host, oracle
from tests.sandbox import capabilities, state

PRIVATE = "/tmp/.private"
SECONDS = 8.0
ALICE, MALLORY, CAROL = 1500, 1501, 1504
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
def _attack(least: int, *attackers: tuple[int, list[str]]) -> Iterator[None]:
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


def _logins(users: tuple[str, ...], spoil: Callable[[int], None],
            judge: Callable[[host.Login], list[str]]) -> tuple[int, int]:
    """Logins until the time is over, each round after `spoil`; how many there were, and how many were private."""
    end = time.monotonic() + SECONDS
    number = count = private = 0
    wrong: list[str] = []
    while time.monotonic() < end:
        number += 1
        spoil(number)
        for one in host.together(*users):
            count += 1
            private += one.private
            wrong += judge(one)
        host.forget_failures()
    assert not wrong, f"{len(wrong)} problems in {count} logins\n" + "\n".join(wrong[:20])
    return count, private


def _strictly(one: host.Login) -> list[str]:
    return one.problems(closed=False)


def _remove(path: str, number: int) -> None:
    """By renaming, which is quick; the plan stays, except each third time."""
    if os.path.isdir(path) and not os.path.islink(path):
        subprocess.run(["chattr", "-a", path], check=False, stderr=subprocess.DEVNULL)
    trash = Path("/tmp/roots-trash")
    trash.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, trash / str(number))
    if number % 3 == 0:
        host.forget_plans()
    if number % 50 == 0:
        shutil.rmtree(trash)


def test_another_user_at_the_parent(site) -> None:
    with _attack(2000, (MALLORY, [PRIVATE, PRIVATE + ".new"])):
        count, private = _logins(("alice", "mallory"), lambda number: _remove(PRIVATE, number), _strictly)
    assert count > 50 and private > 0.8 * count, (count, private)
    host.wipe()
    host.right("alice")


def test_inside_a_parent_that_was_open_to_all(site) -> None:
    """Another user and the user himself, until root closes it."""
    def open_to_all(number: int) -> None:
        _remove(PRIVATE, number)
        os.mkdir(PRIVATE)
        os.chmod(PRIVATE, 0o777)
        time.sleep(0.003)

    inside = [f"{PRIVATE}/{name}" for name in ("alice", "alice/tmp", ".new", ".aside", ".bad")]
    with _attack(2000, (MALLORY, inside), (ALICE, inside)):
        count, private = _logins(("alice", "root"), open_to_all, _strictly)
    assert count > 50 and private > 0.8 * count, (count, private)
    host.wipe()
    host.right("alice")


def _but_not_the_leaf(one: host.Login) -> list[str]:
    """In his own directory the user may replace it a moment later, to nobody's harm but his."""
    if not one.variables:
        return one.problems(closed=False)
    leaf = one.variables["TMPDIR"]
    found = [problem for problem in oracle.problems(leaf, one.user)
             if not problem.startswith((leaf, f"[Errno 2] No such file or directory: '{leaf}'"))]
    return [*found, *([] if one.private else [f"not all variables, or {one.result}"])]


def _exchanger(folder: str) -> int:
    """The user's process that puts one of root's directories in the place of the other, again and again."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(100, 100, 100)
        os.setresuid(CAROL, CAROL, CAROL)
        while True:
            for one, other in (("tmp", "was-tmp"), ("cache", "tmp"), ("was-tmp", "cache")):
                with contextlib.suppress(OSError):
                    os.rename(f"{folder}/{one}", f"{folder}/{other}")
    return child


def test_the_user_in_a_directory_of_his_own(site, filesystem, account) -> None:
    """Without ACLs and without a group of its own: the form that the user owns."""
    capabilities.need(capabilities.can_mount_loop(), "loop devices")
    filesystem("btrfs", "/tmp", "noacl")
    account("carol", uid=CAROL, gid=100)
    site(closed=False, text='[directories.tmp]\nvariables = ["TMPDIR", "TMP", "TEMP", "TEMPDIR"]\n'
                            '[directories.cache]\nvariables = ["XDG_CACHE_HOME"]\n')
    host.right("carol")
    mine = f"{PRIVATE}/carol"
    assert os.stat(mine).st_uid == CAROL
    child = _exchanger(mine)
    try:
        with _attack(500, (CAROL, [f"{mine}/tmp", f"{mine}/cache"])):
            count, private = _logins(("carol", "alice"), lambda number: host.forget_plans(), _but_not_the_leaf)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert count > 30 and private > 0.3 * count, (count, private)
    state.run("find", mine, "-mindepth", "1", "-delete")
    host.right("carol")
