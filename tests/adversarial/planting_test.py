"""Real logins while another user, or the user himself, plants things thousands of times a second.

The planner prepares and the module applies all the while: plans are there, gone, and of directories that are gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.adversarial import attack, host, oracle, verdict
from tests.sandbox import capabilities, state

PRIVATE = "/tmp/.private"
SECONDS = 8.0
ALICE, MALLORY, CAROL = 1500, 1501, 1504


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
            if one.seconds > verdict.LONGEST:
                wrong.append(f"a login of {one.seconds:.1f} s: {one}")
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
    holder = attack.Holder(PRIVATE, MALLORY)
    with attack.planters(2000, (MALLORY, [PRIVATE, PRIVATE + ".new"])), \
            attack.process(MALLORY, MALLORY, holder.act, holder.verdict):
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
    holder = attack.Holder(f"{PRIVATE}/alice", ALICE)
    with attack.planters(2000, (MALLORY, inside), (ALICE, inside)), \
            attack.process(ALICE, ALICE, holder.act, holder.verdict):
        count, private = _logins(("alice", "root"), open_to_all, _strictly)
    assert count > 50 and private > 0.8 * count, (count, private)
    host.wipe()
    host.right("alice")


def _of_plan(user: str) -> list[str]:
    try:
        plan = Path(f"{host.RUN}/plans/{user}:{host.SERVICE}").read_text()
    except FileNotFoundError:  # none could be made, the directory changed all the while
        return []
    lines = re.findall(r"^dir \S+ \d+ \d+ (.*)$", plan, re.MULTILINE)
    return [] if lines == ["0 0 0711", f"{CAROL} 100 0700", "0 0 1777", "0 0 1777"] else [f"the plan trusts {lines}"]


def _but_not_the_leaf(one: host.Login) -> list[str]:
    """In his own directory the user may replace it a moment later, to nobody's harm but his: the plan must be right."""
    wrong = _of_plan(one.user) if one.user == "carol" else []
    if not one.variables:
        return wrong + one.problems(closed=False)
    leaf = one.variables["TMPDIR"]
    found = [problem for problem in oracle.problems(leaf, one.user)
             if not problem.startswith((leaf, f"[Errno 2] No such file or directory: '{leaf}'"))]
    return [*wrong, *found, *([] if one.private else [f"not all variables, or {one.result}"])]


def _exchange(folder: str) -> None:
    """Put one of root's directories in the place of the other."""
    for one, other in (("tmp", "was-tmp"), ("cache", "tmp"), ("was-tmp", "cache")):
        with contextlib.suppress(OSError):
            os.rename(f"{folder}/{one}", f"{folder}/{other}")


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
    leaves = [f"{mine}/tmp", f"{mine}/cache"]
    with attack.planters(500, (CAROL, leaves)), attack.process(CAROL, 100, lambda: _exchange(mine)):
        count, private = _logins(("carol", "alice"), lambda number: host.forget_plans(), _but_not_the_leaf)
    assert count > 30 and private > 0.3 * count, (count, private)
    state.run("find", mine, "-mindepth", "1", "-delete")
    host.right("carol")
