"""Where a trace is written, and what TMPDIR names, with what only root can do to them: mounts, owners, full disks."""
from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux import remove
from pam_mktemp_py.linux.accounts import lookup
from pam_mktemp_py.tracer.folder import private_folder
from pam_mktemp_py.tracer.keep import check, keep
from tests.sandbox.capabilities import can_trace, need, works
from tests.tracing import Tracer


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 kB."""
    point = tmp_path / "small"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k,mode=0755", "small", point], check=True)
    yield point
    subprocess.run(["umount", point], check=True)


def test_a_full_disk(tmp_path: Path, small: Path) -> None:
    """The command goes on, and the log says that it is not whole."""
    need(can_trace(), "strace")
    tracer = Tracer(tmp_path)
    done = tracer.run("sh", "-c", "for n in $(seq 500); do : > $TMPDIR/n; done; exit 5", log=str(small / "log"))
    assert done["status"] == 5
    assert done["notes"] == [f"no space was left for the log {small / 'log'}, so calls are missing in it"]
    (small / "log").unlink()
    (small / "filler").write_bytes(b"x" * (32 << 10))
    text = tracer.refusal("true", log=str(small / "log"))
    assert "no space is left for the log" in text
    assert works("findmnt", small)


def test_no_room_to_keep_it(small: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (64 << 10))
    with pytest.raises(TraceError, match="No space left"):
        keep(str(log), str(small / "kept"))
    assert list(small.iterdir()) == []


def test_the_accounts_folder(alice: Any, bob: Any, as_user: Callable[..., Any]) -> None:
    found = lookup("alice")
    with private_folder(found) as private:
        inner = Path(private.path)
        about, within = inner.parent.lstat(), inner.lstat()
        assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (alice.pw_uid, alice.pw_gid, 0o700)
        assert (within.st_uid, within.st_gid, stat.S_IMODE(within.st_mode)) == (0, 0, 0o1777)
        assert as_user(alice, ["touch", f"{inner}/made"]).returncode == 0
        assert as_user(bob, ["ls", inner]).returncode != 0
    assert private.left == ["made"] and not inner.parent.exists()


def test_what_the_account_put_in_its_place(alice: Any, as_user: Callable[..., Any]) -> None:
    """Its folder is its own: it may take it away and lay a link there, through which nothing is removed."""
    victim = Path("/var/tmp/victim")
    victim.mkdir()
    (victim / "precious").touch()
    with private_folder(lookup("alice")) as private:
        outer = Path(private.path).parent
        script = f"mv {outer} /tmp/away && ln -s {victim} {outer} && ln -s {victim} /tmp/away/link"
        assert as_user(alice, ["sh", "-c", script]).returncode == 0
    assert (victim / "precious").exists()
    assert "something else has its name" in private.notes[0] and outer.is_symlink()
    outer.unlink()
    shutil.rmtree("/tmp/away")
    shutil.rmtree(victim)


def test_what_is_mounted_in_it_stays(alice: Any) -> None:
    """A command of root's may have bound a home there: then nothing is removed at all."""
    with private_folder(None) as private:
        point = Path(private.path, "home")
        point.mkdir()
        subprocess.run(["mount", "--bind", alice.pw_dir, point], check=True)
        Path(alice.pw_dir, "precious").touch()
    try:
        assert (point / "precious").exists()
        assert private.notes == [f"{point.parents[1]} was not removed: {point} is mounted"]
    finally:
        subprocess.run(["umount", point], check=True)
    shutil.rmtree(point.parents[1])


@pytest.mark.parametrize("depth", ["", "a/b/"])
def test_emptying_never_enters_a_mount(tmp_path: Path, alice: Any, depth: str) -> None:
    """Not even one that came after we looked."""
    top = tmp_path / "top"
    point = top / f"{depth}mounted"
    point.mkdir(parents=True)
    Path(alice.pw_dir, "precious").touch()
    (top / "file").touch()
    subprocess.run(["mount", "--bind", alice.pw_dir, point], check=True)
    fd = os.open(top, os.O_RDONLY)
    try:
        [left] = remove.empty(fd)
        assert Path(alice.pw_dir, "precious").exists()
        assert (left == "mounted") == (depth == "")
    finally:
        os.close(fd)
        subprocess.run(["umount", next(top.rglob("mounted"))], check=True)


def test_emptying_leaves_what_is_immutable(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("file", "fixed", "other"):
        (folder / name).touch()
    need(works("chattr", "+i", folder / "fixed"), "immutable files")
    fd = os.open(folder, os.O_RDONLY)
    try:
        assert remove.empty(fd) == ["fixed"]
    finally:
        os.close(fd)
        subprocess.run(["chattr", "-i", folder / "fixed"], check=True)


def test_anothers_file_is_not_replaced(tmp_path: Path, alice: Any) -> None:
    target = tmp_path / "target"
    target.write_text("hers\n")
    shutil.chown(target, "alice")
    with pytest.raises(TraceError, match="no plain file of yours"):
        check(str(target))
    with pytest.raises(TraceError, match="no plain file of yours"):
        keep("/etc/hostname", str(target))
    assert target.read_text() == "hers\n"
