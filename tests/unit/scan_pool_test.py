"""The workers: whatever happens to one, every file is accounted for once; and what the walk hands them."""
from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.scan.model import Limits, Looked
from pam_mktemp_py.scan.pool import Pool, batches
from pam_mktemp_py.scan.regular import Task, opened
from pam_mktemp_py.scan.run import run
from pam_mktemp_py.scan.walk import ELSEWHERE, MOST_NAMES, Walk
from tests.scanned import WATCHED, task


def children() -> list[int]:
    """The processes that this one started."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def descriptors() -> list[str]:
    """What is open in this process."""
    return os.listdir("/proc/self/fd")


def scripts(folder: Path, number: int) -> list[Task]:
    """Files with a candidate each."""
    for each in range(number):
        (folder / f"{each:04}.sh").write_text("cd /tmp\n")
    return [task(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_file_once(tmp_path: Path, jobs: int) -> None:
    files = scripts(tmp_path, 700)
    before = children(), descriptors()
    pool = Pool(WATCHED, Limits(), jobs)
    assert sorted(each for each, _ in pool.look(files)) == files
    assert (pool.done, pool.kinds) == (700, {"shell": 700})
    assert (children(), descriptors()) == before


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """The kernel kills one when memory is short: whatever it had is looked at by another, but for the file in hand."""
    files = scripts(tmp_path, 300)
    before = set(children())

    def handed() -> Iterator[Task]:
        yield from files[:64]
        for pid in set(children()) - before:
            os.kill(pid, signal.SIGKILL)
        yield from files[64:]

    found = dict(Pool(WATCHED, Limits(), 2).look(handed()))
    assert sorted(found) == files
    lost = [looked.failed for looked in found.values() if looked.failed]
    assert len(lost) <= 2 and set(lost) <= {"its reader was ended by SIGKILL"}
    assert set(children()) == before


def test_a_file_that_takes_too_long(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("x = '/tmp'\n" + "a = [" + "1,\n" * 300_000 + "]\n")
    files = [task(tmp_path / "slow.py"), *scripts(tmp_path, 20)]
    found = dict(Pool(WATCHED, Limits(seconds=0.05), 1).look(files))
    assert "more than 0.05 s" in found.pop(task(tmp_path / "slow.py")).failed
    assert len(found) == 20 and {looked.failed for looked in found.values()} == {""}


def test_a_file_that_takes_too_much_memory(tmp_path: Path) -> None:
    """Then it is looked at by its strings, and the worker lives."""
    (tmp_path / "large.py").write_text("x = '/tmp'\n" + "a = [" + "1," * 400_000 + "]\n")
    files = [task(tmp_path / "large.py"), *scripts(tmp_path, 20)]
    found = dict(Pool(WATCHED, Limits(memory=60 << 20, seconds=100), 1).look(files))
    assert found.pop(task(tmp_path / "large.py")).read in ("strings", "")
    assert len(found) == 20


def test_an_interrupted_scan_leaves_nothing(tmp_path: Path) -> None:
    files = scripts(tmp_path, 300)
    before = children(), descriptors()
    looking = Pool(WATCHED, Limits(), 2).look(files)
    next(looking)
    looking.close()
    assert (children(), descriptors()) == before


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    files = scripts(tmp_path, 10)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        looking = Pool(WATCHED, Limits(), 2).look(files)
        next(looking)
        os.write(write, " ".join(map(str, children())).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    workers = [int(each) for each in os.read(read, 100).split()]
    os.close(read)
    os.close(write)
    deadline = time.monotonic() + 10
    while any(alive(each) for each in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(workers) == 2


def alive(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_batches_are_fair() -> None:
    window = [Task(str(number), 1, number, number * 100_000) for number in range(1000)]
    found = list(batches(list(window), 2))
    assert sorted(each for batch in found for each in batch) == sorted(window)
    sizes = [sum(each.size for each in batch) for batch in found]
    assert found[0][0].inode == 999 and sizes[0] <= sum(sizes) / 4 and max(map(len, found)) <= 256


def test_the_inode_that_was_seen_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.sh"
    path.write_text("cd /tmp")
    seen = task(path)
    os.close(opened(seen))
    for swap in (lambda: path.symlink_to("/dev/null"), lambda: os.mkfifo(path), lambda: path.write_text("other")):
        path.rename(tmp_path / f"old{len(list(tmp_path.iterdir()))}")
        swap()
        with pytest.raises(OSError) as error:
            opened(seen)
        assert error.value.errno in (errno.ESTALE, errno.ELOOP)
        path.unlink()
        path.write_text("again")


def walked(*paths: Path, excluded: tuple[str, ...] = ()) -> tuple[list[str], list[tuple[str, str]]]:
    """The files of a walk below the first path, and what was skipped."""
    skipped: list[tuple[str, str]] = []
    found = [each.path for each in Walk([str(path) for path in paths], excluded, lambda *one: skipped.append(one))]
    return sorted(os.path.relpath(each, paths[0]) for each in found), skipped


def test_walk(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z", "a/new\nline", "a/.hidden"):
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo")
    everything = ["a/.hidden", "a/b/z", "a/new\nline", "a/y", "x"]
    assert walked(tmp_path) == (everything, [])
    assert walked(tmp_path, tmp_path / "a", tmp_path / "x") == (everything, [])
    both = [each.path for each in Walk([str(tmp_path / "a"), str(tmp_path)], (), print)]
    assert len(both) == len(set(both)) == len(everything)
    assert walked(tmp_path / "loop")[0] == everything
    assert walked(tmp_path, excluded=("b", "*.hid*", "*/a/y"))[0] == ["a/new\nline", "x"]
    assert walked(tmp_path, excluded=("b/", f"{tmp_path}/a/", "["))[0] == ["x"]


def test_links_cost_nothing(tmp_path: Path) -> None:
    """A file with a hundred thousand names is looked at once; one with a few as each of them."""
    for name, number in (("few", MOST_NAMES), ("many", 3 * MOST_NAMES)):
        (tmp_path / f"{name}0").touch()
        for each in range(1, number):
            (tmp_path / f"{name}{each}").hardlink_to(tmp_path / f"{name}0")
    found = walked(tmp_path)[0]
    assert len([name for name in found if name.startswith("few")]) == MOST_NAMES and len(found) == MOST_NAMES + 1


def test_mounts_are_not_entered(tmp_path: Path) -> None:
    assert ("/proc/sys", ELSEWHERE) not in walked(Path("/proc/sys/kernel"))[1]
    found = dict(walked(Path("/"), excluded=("etc", "usr", "var", "home", "root", "tmp", "opt", "lib*", "work"))[1])
    assert found["/proc"] == ELSEWHERE


def test_deeper_than_a_path_can_be(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=fd)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    found, skipped = walked(tmp_path)
    assert found == [] and [why for _, why in skipped] == ["File name too long"]


def test_the_order_is_that_of_names(tmp_path: Path) -> None:
    scripts(tmp_path, 300)
    one, two = (run([str(tmp_path)], WATCHED, Limits(), (), jobs).candidates for jobs in (1, 4))
    assert one == two == sorted(one) and isinstance(one[0][1], Looked)
