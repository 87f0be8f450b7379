"""The fresh folders of a run: closed, of the right form, and gone afterwards with nothing else touched."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux import remove
from pam_mktemp_py.tracer import environment, folder
from pam_mktemp_py.tracer.folder import log_folder, private_folder
from pam_mktemp_py.tracer.keep import check, keep


def emptied(path: Path) -> list[str]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return remove.empty(fd)
    finally:
        os.close(fd)


def test_the_private_folder() -> None:
    with private_folder(None) as private:
        inner, outer = Path(private.path), Path(private.path).parent
        assert outer.parent == Path("/tmp") and outer.name.startswith(".detect-")
        assert len(private.path) <= 45
        about = outer.lstat()
        assert (stat.S_IMODE(about.st_mode), about.st_uid) == (0o700, os.geteuid())
        assert stat.S_IMODE(inner.lstat().st_mode) == 0o1777
        (inner / "a").write_text("x")
        (inner / "b").mkdir()
    assert not outer.exists()
    assert (private.left, private.count, private.notes) == (["a", "b"], 2, [])


def test_names_are_bounded() -> None:
    with private_folder(None) as private:
        for number in range(50):
            Path(private.path, f"{number:02}").touch()
    assert (private.left, private.count) == ([f"{number:02}" for number in range(20)], 50)


def test_it_is_kept_if_it_is_in_use() -> None:
    with private_folder(None) as private:
        Path(private.path, "socket").touch()
        private.keep = "sleep (7) still runs"
    outer = Path(private.path).parent
    assert private.notes == [f"{outer} was not removed: sleep (7) still runs"]
    assert (outer / "tmp/socket").exists()
    emptied(outer)
    outer.rmdir()


def test_it_goes_after_an_error_too() -> None:
    with pytest.raises(RuntimeError), private_folder(None) as private:
        raise RuntimeError
    assert not Path(private.path).parent.exists()


def test_what_took_its_name_is_left_alone(tmp_path: Path) -> None:
    with private_folder(None) as private:
        outer = Path(private.path).parent
        outer.rename(tmp_path / "moved")
        outer.mkdir()
        (outer / "another's").touch()
    assert "something else has its name" in private.notes[0]
    assert (outer / "another's").exists() and list((tmp_path / "moved").iterdir()) == []
    emptied(outer)
    outer.rmdir()


def test_a_base_that_others_can_change(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(TraceError, match="it must be root's, with mode 1777"), private_folder(None, str(tmp_path)):
        pass
    with pytest.raises(TraceError, match="No such file"), private_folder(None, str(tmp_path / "nothing")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LONGEST", 10)
    before = set(os.listdir("/tmp"))
    with pytest.raises(TraceError, match="longer than 10 bytes"), private_folder(None):
        pass
    assert not {name for name in set(os.listdir("/tmp")) - before if name.startswith(".detect-")}


def test_the_folder_of_the_log() -> None:
    with log_folder() as path:
        assert os.path.dirname(path) == os.path.realpath("/var/tmp")
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o700
        Path(path, "log").touch()
    assert not os.path.exists(path)


def test_emptying(tmp_path: Path) -> None:
    """Links are not followed, closed folders are opened, and depth does not matter."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    top = tmp_path / "top"
    (top / "go/pkg/mod").mkdir(parents=True)
    (top / "go/pkg/mod/file").touch()
    (top / "link").symlink_to(outside)
    (top / "go/link").symlink_to(outside)
    os.mkfifo(top / "go/pkg/fifo")
    for path in (top / "go/pkg/mod", top / "go/pkg", top / "go"):
        path.chmod(0o555)
    (top / "closed").mkdir(mode=0)
    assert emptied(top) == [] and list(top.iterdir()) == []
    assert (outside / "kept").exists()


def test_emptying_a_deep_tree(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for _ in range(3000):  # deeper than recursion goes, and longer than any path
        os.mkdir("deeper-and-deeper", dir_fd=at)
        below = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert emptied(top) == [] and list(top.iterdir()) == []


def test_emptying_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than are looked at at once, in the top and below."""
    monkeypatch.setattr(remove, "_MOST", 3)
    for number in range(10):
        (tmp_path / f"{number}/inner/{number}").mkdir(parents=True)
        (tmp_path / f"0/inner/file{number}").touch()
    assert emptied(tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_what_is_older_stays(tmp_path: Path) -> None:
    """It came with a folder that was moved here, to have it removed by somebody with more rights."""
    project, top = tmp_path / "project", tmp_path / "top"
    (project / "closed").mkdir(parents=True)
    (project / "closed/precious").touch()
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    since = os.fstat(fd).st_ctime_ns
    while (mark := tmp_path / "mark").touch() or mark.stat().st_ctime_ns <= since:  # the clock is a coarse one
        pass
    since = mark.stat().st_ctime_ns
    (top / "new").touch()
    project.rename(top / "project")
    try:
        [left] = remove.empty(fd, since)
    finally:
        os.close(fd)
    assert (top / left / "closed/precious").exists() and not (top / "new").exists()


def test_what_stays_does_not_keep_the_rest(tmp_path: Path) -> None:
    """Not even where each step of the way is planted by somebody who guessed our names for it."""
    fd = os.open(tmp_path, os.O_RDONLY)
    names = remove._Names()
    work = remove._Work(fd, 0, names)
    planted = names()
    (tmp_path / planted).symlink_to("/etc")
    try:
        assert not remove._removed(work, planted)
    finally:
        os.close(fd)


def test_emptying_gives_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert remove.empty(fd, seconds=0) == ["file"]
    finally:
        os.close(fd)


def test_keeping_the_log(tmp_path: Path) -> None:
    log, target = tmp_path / "log", tmp_path / "kept"
    log.write_text("one\n")
    check(str(target))
    keep(str(log), str(target))
    assert target.read_text() == "one\n" and stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o644)
    log.write_text("two\n")
    keep(str(log), str(target))
    assert target.read_text() == "two\n" and stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "log"]


@pytest.mark.parametrize("act", ["check", "keep"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "fifo", "folder", "no folder", "no name"])
def test_what_the_log_does_not_replace(tmp_path: Path, kind: str, act: str) -> None:
    log, other, target = tmp_path / "log", tmp_path / "other", tmp_path / "target"
    log.write_text("trace\n")
    other.write_text("precious\n")
    if kind == "symlink":
        target.symlink_to(other)
    elif kind == "hard link":
        target.hardlink_to(other)
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    elif kind == "no folder":
        target = tmp_path / "nothing/target"
    name = f"{tmp_path}/" if kind == "no name" else str(target)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TraceError, match="file"):
        check(name) if act == "check" else keep(str(log), name)
    assert other.read_text() == "precious\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_keeping_the_log_behind_links(tmp_path: Path) -> None:
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "folder")
    (tmp_path / "relative").symlink_to("absolute/deep/../deep")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "log").write_text("one\n")
    keep(str(tmp_path / "log"), str(tmp_path / "relative/kept"))
    assert (tmp_path / "folder/deep/kept").read_text() == "one\n"
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TraceError, match="link"):
        check(str(tmp_path / "circle/kept"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_path_of_login_defs(tmp_path: Path) -> None:
    file = tmp_path / "login.defs"
    assert environment.path(0, str(file)) == environment.ROOT_PATH
    assert environment.path(1000, str(file)) == environment.PATH
    file.write_text("# ENV_PATH PATH=/no\nENV_SUPATH\tPATH=/s:/b\nENV_PATH  /x:/y\nUMASK 022\n")
    assert environment.path(0, str(file)) == "/s:/b"
    assert environment.path(1000, str(file)) == "/x:/y"
