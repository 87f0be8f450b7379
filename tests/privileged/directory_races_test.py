"""Attackers that plant while root prepares, and a kill at any point: what comes out is right or refused.

Judged is not only the answer but what must never be touched: two files of root's that all plants point to.
"""
from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.errors import DirectoryError
from tests.privileged.directories import (
    PRIVATE, PYTHON, acl, append_only, assert_right, fingerprint, made, owner_and_mode, tool,
)

pytestmark = pytest.mark.usefixtures("fresh_state")

MALLORY = 2666
SECONDS = 6
SAFE = Path("/tmp/of-root")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The attacker, compiled."""
    program = tmp_path_factory.mktemp("plant") / "plant"
    tool("cc", "-O2", "-o", program, Path(__file__).parents[1] / "programs" / "plant.c")
    for folder in (program, *program.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    return program


class Attack:
    """Attackers running; `plants` after they ended."""

    def __init__(self, plant: Path, uid: int, *paths: str, number: int = 2) -> None:
        command = [str(plant), "60", str(uid), str(SAFE / "folder"), str(SAFE / "file"), *paths]
        self.running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        self.plants = 0

    def end(self) -> int:
        """Stop them; how many plants succeeded."""
        for process in self.running:
            process.terminate()
        self.plants = sum(int(process.communicate()[0]) for process in self.running)
        return self.plants


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)
    account("mallory", uid=MALLORY)


@pytest.fixture
def untouched() -> Iterator[None]:
    """Root's folder and file are to the last bit as before. All may link to the file (protected_hardlinks)."""
    SAFE.mkdir(mode=0o755)
    (SAFE / "folder").mkdir(mode=0o755)
    (SAFE / "file").write_text("root's")
    (SAFE / "file").chmod(0o666)
    before = [fingerprint(SAFE / name) for name in ("folder", "file")]
    yield
    assert [fingerprint(SAFE / name) for name in ("folder", "file")] == before
    assert os.listdir(SAFE / "folder") == []


def trash(path: Path, number: int) -> None:
    """Take what root made out of everybody's way, so that the next try begins from nothing."""
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["chattr", "-a", path], check=True, stderr=subprocess.DEVNULL)
    Path("/tmp/trash").mkdir(mode=0o700, exist_ok=True)
    os.rename(path, f"/tmp/trash/{number}")
    if number % 20 == 0:
        shutil.rmtree("/tmp/trash")


def judge_parent() -> None:
    """Root's, closed, and nobody else's hand in it; without other programs, so that there are many tries."""
    found = os.lstat(PRIVATE)
    assert stat.S_ISDIR(found.st_mode) and (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, 0o711)
    for room in (".new", ".aside"):
        at = os.lstat(PRIVATE / room)
        assert (at.st_uid, at.st_gid, at.st_mode) == (0, 0, stat.S_IFDIR | 0o700), oct(at.st_mode)


def judge(chain: list[tuple[str, int, int, int, int, int]]) -> None:
    """The parent, the user's directory and the leaf are what the answer says."""
    judge_parent()
    path = Path("/tmp")
    for name, dev, ino, uid, gid, mode in chain:
        path /= name
        at = os.lstat(path)
        now = (at.st_dev, at.st_ino, at.st_uid, at.st_gid, at.st_mode)
        assert now == (dev, ino, uid, gid, stat.S_IFDIR | mode), path
    assert [link[3:] for link in chain] == [(0, 0, 0o711), (0, 0, 0o710), (0, 0, 0o1777)]


def test_the_parent_while_it_is_planted(plant: Path, untouched: None) -> None:
    attack = Attack(plant, MALLORY, str(PRIVATE), str(PRIVATE) + ".new")
    tries = 0
    refused: list[str] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        tries += 1
        try:
            judge(made("alice").chain)
        except DirectoryError as error:
            refused.append(str(error))
        else:
            trash(PRIVATE, tries)
    # Usually tens of thousands and a thousand; a busy machine must not fail the test.
    assert attack.end() > 200 and tries > 20
    assert not refused, refused[:3]
    made("alice")
    assert_right("alice")


def test_inside_a_parent_that_was_open_to_all(plant: Path, untouched: None) -> None:
    """0777 as it once may have been, planted in until the very moment at which root closes it."""
    inside = [str(PRIVATE / name) for name in ("alice", ".new", ".aside", ".bad", "alice/tmp")]
    attack = Attack(plant, MALLORY, *inside)
    tries = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        tries += 1
        PRIVATE.mkdir()
        PRIVATE.chmod(0o777)
        time.sleep(0.002)
        judge(made("alice").chain)
        trash(PRIVATE, tries)
    assert attack.end() > 200 and tries > 20
    made("alice")
    assert_right("alice")


def test_nothing_can_be_planted_once_it_is_made(plant: Path, untouched: None) -> None:
    chain = made("alice").chain
    paths = [str(PRIVATE), *(str(PRIVATE / name) for name in ("alice", ".new", "bob", "alice/tmp", "alice/x"))]
    attacks = [Attack(plant, uid, *paths, number=1) for uid in (MALLORY, 2001)]
    time.sleep(1)
    assert [attack.end() for attack in attacks] == [0, 0]
    assert made("alice").chain == chain
    assert_right("alice")


def test_the_users_own_account_in_the_owner_form(plant: Path, filesystem, account) -> None:
    """His own directory, which he may rename and replace under root's hands: never more than that."""
    filesystem("btrfs", "/tmp", "noacl")
    account("carol", uid=2003, gid=100)
    SAFE.mkdir(mode=0o755)
    (SAFE / "folder").mkdir(mode=0o755)
    (SAFE / "file").write_text("root's")
    (SAFE / "file").chmod(0o666)
    before = [fingerprint(SAFE / name) for name in ("folder", "file")]
    made("carol")
    user = PRIVATE / "carol"
    attack = Attack(plant, 2003, str(user / "tmp"), str(user), number=2)
    tries = right = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        tries += 1
        try:
            chain = made("carol").chain
        except DirectoryError as error:
            assert "changes while it is repaired" in str(error) or "No such file" in str(error), error
        else:
            right += 1
            assert chain[2][3:] == (0, 0, 0o1777) and chain[1][3] == 2003 and chain[1][5] == 0o700
        judge_parent()
    assert attack.end() > 100 and right
    assert [fingerprint(SAFE / name) for name in ("folder", "file")] == before
    shutil.rmtree(user, ignore_errors=True)
    made("carol")
    assert_right("carol", "owner")


@pytest.mark.parametrize("start", ["nothing", "planted parent", "wrong user directory", "missing leaf"])
def test_killed_at_any_point(start: str) -> None:
    """kill -9 after a random time; whatever is there then, the next run trusts only what is right."""
    rng = random.Random(start)
    subprocess.run([*PYTHON, "alice"], check=True, capture_output=True)
    begin = time.monotonic()
    subprocess.run([*PYTHON, "alice"], check=True, capture_output=True)
    usual = (time.monotonic() - begin) * 2
    killed = 0
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        number += 1
        tool("chattr", "-a", PRIVATE)
        if start == "nothing":
            shutil.rmtree(PRIVATE)
        elif start == "planted parent":
            shutil.rmtree(PRIVATE)
            PRIVATE.mkdir(0o777)
            os.chown(PRIVATE, MALLORY, MALLORY)
        elif start == "wrong user directory":
            os.chmod(PRIVATE / "alice", 0o755)
        else:
            os.rmdir(PRIVATE / "alice/tmp")
        process = subprocess.Popen([*PYTHON, "alice"], stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(usual * 0.2, usual * 1.2))
        process.send_signal(signal.SIGKILL)
        in_time = process.wait() == -signal.SIGKILL
        killed += in_time
        usual *= 1.1 if in_time else 0.9  # the machine may have been busier, or idler, when it was measured
        judge(made("alice").chain)
        assert append_only(PRIVATE) and os.listdir(PRIVATE / ".new") == []
        # Killed between the exchange and the clearing away, what was planted stays, under our staging name.
        beside = {name for name in os.listdir("/tmp") if name.startswith(".private")} - {".private"}
        assert {os.lstat(f"/tmp/{name}").st_uid for name in beside} <= {MALLORY}
    assert killed > 2
    assert_right("alice")
    assert acl(PRIVATE / "alice/tmp") == ["user::rwx", "group::rwx", "other::rwx"]


STEPS = ["mkdir", "rename", "renameat2", "fchmod", "fchown", "fsetxattr", "fremovexattr", "ioctl", "symlink", "flock"]


@pytest.mark.parametrize("call", STEPS)
def test_killed_at_each_step(call: str, tmp_path: Path) -> None:
    """SIGKILL at the first, second... such call, by strace: every state that a kill can leave, in turn."""
    log = tmp_path / "log"
    for number in range(1, 200):
        with contextlib.suppress(FileNotFoundError):
            tool("chattr", "-a", PRIVATE) if PRIVATE.is_dir() else None
            shutil.rmtree(PRIVATE)
        PRIVATE.mkdir(0o777)
        os.chown(PRIVATE, MALLORY, MALLORY)
        shutil.rmtree("/var/lib/pam-mktemp", ignore_errors=True)
        calls = {"mkdir": "mkdir,mkdirat", "rename": "rename,renameat", "symlink": "symlink,symlinkat"}.get(call, call)
        done = subprocess.run(["strace", "-qq", "-o", log, "-e", f"trace={calls}", "-e",
                               f"inject={calls}:signal=KILL:when={number}", *PYTHON, "alice"], capture_output=True)
        judge(made("alice").chain)
        assert append_only(PRIVATE) and os.listdir(PRIVATE / ".new") == []
        assert not [name for name in os.listdir("/tmp") if name.startswith(".private.")
                    and owner_and_mode(f"/tmp/{name}").startswith("root")]
        for name in os.listdir("/tmp"):
            if name.startswith(".private."):
                os.rmdir(f"/tmp/{name}")  # the planter's own, in nobody's way
        if done.returncode == 0:
            assert number > 1
            return
    raise AssertionError("more than 200 calls")
