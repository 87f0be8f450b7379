"""Views that have ended are forgotten, those that live are not, and nobody who joins one meanwhile is disturbed."""
from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py import paths
from pam_mktemp_py.namespace import sweep
from pam_mktemp_py.sessions import plans
from tests.sandbox.state import CHECKOUT

pytestmark = pytest.mark.usefixtures("fresh_state")

VIEWS = Path(paths.VIEWS)
NAME = "2001.0123456789abcdef"


@pytest.fixture(autouse=True)
def folders(fresh_state: None) -> None:
    plans.make_folders()
    assert VIEWS.stat().st_mode & 0o7777 == 0o700


@pytest.fixture
def inside() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a mount namespace of its own."""
    with subprocess.Popen(["unshare", "-m", "sh", "-c", "echo; exec sleep 100"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def record(process: subprocess.Popen[bytes], name: str = NAME, *, old: bool = True) -> str:
    """As the module does; the namespace's mark."""
    mark = os.readlink(f"/proc/{process.pid}/ns/mnt")
    (VIEWS / name).mkdir(exist_ok=True)
    (VIEWS / name / str(process.pid)).symlink_to(mark)
    if not os.path.lexists(VIEWS / mark):
        (VIEWS / mark).symlink_to("46.6")
    if old:
        os.utime(VIEWS / mark, (time.time() - 100,) * 2, follow_symlinks=False)
    return mark


def test_alive_is_kept_and_ended_is_not(inside: subprocess.Popen[bytes]) -> None:
    mark = record(inside)
    assert sweep.views() == 0
    assert sorted(os.listdir(VIEWS)) == [NAME, mark]
    inside.kill()
    inside.wait()
    assert sweep.views() == 2
    assert os.listdir(VIEWS) == []


def test_pid_that_is_another_process_now(inside: subprocess.Popen[bytes]) -> None:
    mark = record(inside)
    (VIEWS / NAME / str(os.getpid())).symlink_to(mark)
    assert sweep.views() == 1
    assert os.listdir(VIEWS / NAME) == [str(inside.pid)]


def test_mark_stays_as_long_as_anybody_lives_there(inside: subprocess.Popen[bytes]) -> None:
    """A tmux that outlived its login is not recorded, and must still be able to leave."""
    mark = record(inside)
    os.unlink(VIEWS / NAME / str(inside.pid))
    assert sweep.views() == 0
    assert os.listdir(VIEWS) == [mark]
    assert sweep.views(until=time.monotonic()) == 0
    inside.kill()
    inside.wait()
    assert sweep.views(until=time.monotonic()) == 0  # no time to look
    assert sweep.views() == 1 and os.listdir(VIEWS) == []


def test_one_record_stays_for_those_who_outlived_it(inside: subprocess.Popen[bytes]) -> None:
    """By that the next login finds a FUSE server of the last."""
    mark = record(inside)
    os.unlink(VIEWS / NAME / str(inside.pid))
    for pid in ("999998", "999999"):
        (VIEWS / NAME / pid).symlink_to(mark)
    assert sweep.views() == 1 and len(os.listdir(VIEWS / NAME)) == 1
    assert sweep.views() == 0
    inside.kill()
    inside.wait()
    assert sweep.views() == 2 and os.listdir(VIEWS) == []


def test_mark_that_is_just_being_made() -> None:
    (VIEWS / "mnt:[1]").symlink_to("46.6")
    assert sweep.views() == 0
    os.utime(VIEWS / "mnt:[1]", (time.time() - 100,) * 2, follow_symlinks=False)
    assert sweep.views() == 1


def test_view_that_is_joined_now_is_left_alone(inside: subprocess.Popen[bytes]) -> None:
    mark = record(inside)
    (VIEWS / NAME / "999999").symlink_to(mark)
    fd = os.open(VIEWS / NAME, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert sweep.views() == 0
    os.close(fd)
    assert sweep.views() == 1


def test_empty_folder_goes_and_who_waits_for_its_lock_sees_that() -> None:
    (VIEWS / NAME).mkdir()
    fd = os.open(VIEWS / NAME, os.O_RDONLY)
    sweep.views()
    assert not (VIEWS / NAME).exists() and os.fstat(fd).st_nlink == 0
    os.close(fd)


def test_what_is_no_record_does_not_stop_it() -> None:
    (VIEWS / "a-file").touch()
    (VIEWS / NAME).mkdir()
    (VIEWS / NAME / "x").symlink_to("y")
    (VIEWS / NAME / "1").symlink_to("mnt:[0]")
    assert sweep.views() == 2 and os.listdir(VIEWS) == ["a-file"]
    (VIEWS / NAME / "2").mkdir(parents=True)
    assert sweep.views() == 0


def test_folder_that_was_swept_and_made_anew() -> None:
    """Found by its descriptor: the new one may be a module's, locked and still empty."""
    (VIEWS / NAME).mkdir()
    fd = os.open(VIEWS / NAME, os.O_RDONLY)
    (VIEWS / NAME).rmdir()
    (VIEWS / NAME).mkdir()
    assert sweep._entries(fd, str(VIEWS / NAME), set(), sweep._Living(0)) == 0
    os.close(fd)
    assert (VIEWS / NAME).is_dir()
    assert not sweep._removed(str(VIEWS / "mnt:[7]"))  # by another just before


def test_many_sweep_while_views_come_and_go() -> None:
    """Of two that meet, one finds nothing left; and a folder that a module has just made and locked stays."""
    script = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom pam_mktemp_py.namespace import sweep\n"
              "for _ in range(2000): sweep.views(sys.argv[2])")
    with contextlib.ExitStack() as stack:
        sweepers = [stack.enter_context(subprocess.Popen([sys.executable, "-c", script, CHECKOUT, VIEWS], cwd="/"))
                    for _ in range(2)]
        made = 0
        while any(sweeper.poll() is None for sweeper in sweepers):
            with contextlib.suppress(FileExistsError):
                (VIEWS / NAME).mkdir()
            with contextlib.suppress(FileNotFoundError):
                fd = os.open(VIEWS / NAME, os.O_RDONLY)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX)
                    if os.fstat(fd).st_nlink:
                        os.symlink("mnt:[0]", str(made), dir_fd=fd)
                        made += 1
                finally:
                    os.close(fd)
    assert made and [sweeper.returncode for sweeper in sweepers] == [0, 0]
