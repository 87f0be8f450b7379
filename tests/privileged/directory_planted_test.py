"""Everything that can be planted in the place of the parent, of a user's directory, of a leaf, of our folders."""
from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.directories import (
    PRIVATE, acl, aside, asides, assert_right, fingerprint, made, owner_and_mode, tool,
)

pytestmark = pytest.mark.usefixtures("fresh_state")

MALLORY = 2666
VICTIM = Path("/etc/shadow")


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)
    account("mallory", uid=MALLORY)


@pytest.fixture(autouse=True)
def nothing_foreign_is_touched(people):
    """Whatever is planted, these stay as they are to the last bit."""
    Path("/etc/victim").mkdir(exist_ok=True)
    Path("/etc/victim").chmod(0o755)
    before = [fingerprint(p) for p in (VICTIM, "/etc/passwd", "/etc/victim", "/etc")]
    links = os.stat(VICTIM).st_nlink
    yield
    assert [fingerprint(p) for p in (VICTIM, "/etc/passwd", "/etc/victim", "/etc")] == before
    assert os.stat(VICTIM).st_nlink >= links


def own(path: Path, uid: int = MALLORY) -> None:
    os.chown(path, uid, uid, follow_symlinks=False)


def link_to_folder(path: Path) -> None:
    path.symlink_to("/etc/victim")
    own(path)


def link_to_file(path: Path) -> None:
    path.symlink_to(VICTIM)
    own(path)


def dangling_link(path: Path) -> None:
    path.symlink_to("/etc/made-through-a-link")
    own(path)


def looping_link(path: Path) -> None:
    path.symlink_to(path)
    own(path)


def file(path: Path) -> None:
    path.write_text("mine")
    own(path)


def hard_link(path: Path) -> None:
    """Another name for a file that root owns; on one file system, as where /tmp and /etc share one."""
    secret = path.parent / "secret-of-root"
    secret.touch(0o600)
    os.link(secret, path)


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o666)
    own(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    own(path)


def device(path: Path) -> None:
    os.mknod(path, 0o20666, os.makedev(1, 3))


def folder_of_another(path: Path) -> None:
    path.mkdir(0o711)
    own(path)


def folder_with_content(path: Path) -> None:
    path.mkdir(0o777)
    for name in ("alice", "tmp", ".new", ".aside"):
        (path / name).mkdir()
        own(path / name)
    (path / "alice" / "tmp").symlink_to("/etc/victim")
    own(path)


def folder_with_hostile_acls(path: Path) -> None:
    path.mkdir(0o711)
    own(path)
    tool("setfacl", "-m", f"u:{MALLORY}:rwx,d:u:{MALLORY}:rwx,d:o::rwx", path)


SHAPES = [link_to_folder, link_to_file, dangling_link, looping_link, file, hard_link, fifo, unix_socket, device,
          folder_of_another, folder_with_content, folder_with_hostile_acls]
Plant = Callable[[Path], None]


def assert_shut(label: str, before: os.stat_result, plant: Plant) -> None:
    """Moved as it was: only a directory is changed, to mode 0 without ACLs, never its owner."""
    moved = aside(label)
    found = os.lstat(moved)
    assert (found.st_ino, found.st_uid, found.st_gid) == (before.st_ino, before.st_uid, before.st_gid)
    if plant.__name__.startswith("folder"):
        assert found.st_mode & 0o7777 == 0
        assert acl(moved) == ["user::---", "group::---", "other::---"]
    else:
        assert found.st_mode == before.st_mode
    assert not os.path.lexists("/etc/made-through-a-link")


@pytest.mark.parametrize("plant", SHAPES)
def test_parent(plant: Plant) -> None:
    plant(PRIVATE)
    before = os.lstat(PRIVATE)
    made("alice")
    assert_right("alice")
    assert asides() == ["private"] and [p for p in os.listdir("/tmp") if "private" in p] == [".private"]
    assert_shut("private", before, plant)


@pytest.mark.parametrize("plant", SHAPES)
def test_user_directory(plant: Plant) -> None:
    """Planted while .private was 0777, as pam_mktemp may have left it."""
    PRIVATE.mkdir()
    plant(PRIVATE / "alice")
    PRIVATE.chmod(0o777)
    before = os.lstat(PRIVATE / "alice")
    made("alice")
    assert_right("alice")
    assert asides() == ["alice"]
    assert_shut("alice", before, plant)


@pytest.mark.parametrize("plant", SHAPES)
def test_leaf(plant: Plant) -> None:
    first = made("alice")
    (PRIVATE / "alice/tmp").rmdir()
    plant(PRIVATE / "alice/tmp")
    before = os.lstat(PRIVATE / "alice/tmp")
    second = made("alice")
    (PRIVATE / "alice/secret-of-root").unlink(missing_ok=True)
    assert_right("alice")
    assert first.chain[1][2] == second.chain[1][2] and asides() == ["alice.tmp"]
    assert_shut("alice.tmp", before, plant)


@pytest.mark.parametrize("room", [".new", ".aside", ".bad"])
@pytest.mark.parametrize("plant", SHAPES)
def test_our_folders(plant: Plant, room: str) -> None:
    PRIVATE.mkdir()
    plant(PRIVATE / room)
    PRIVATE.chmod(0o777)
    before = os.lstat(PRIVATE / room)
    made("alice")
    assert_right("alice")
    label = "new" if room == ".new" else "bad"
    assert asides() == [label]
    assert_shut(label, before, plant)
    assert not os.path.lexists(PRIVATE / ".bad")


def test_links_to_one_file_at_both_names() -> None:
    """rename() of one link over another to the same file does nothing and succeeds (found by a race)."""
    PRIVATE.mkdir()
    file(PRIVATE / ".aside")
    for name in (".bad", ".new", "alice"):
        os.link(PRIVATE / ".aside", PRIVATE / name)
    PRIVATE.chmod(0o777)
    made("alice")
    assert_right("alice")
    assert sorted(os.listdir(PRIVATE)) == [".aside", ".new", "alice"] and len(asides()) == 4


@pytest.mark.parametrize("plant", SHAPES)
def test_staging_name_beside_the_parent(plant: Plant) -> None:
    file(PRIVATE)
    plant(Path("/tmp/.private.new"))
    made("alice")
    assert_right("alice")
    assert os.path.lexists("/tmp/.private.new")  # not ours, in nobody's way


def test_leftover_beside_the_parent_is_used_up() -> None:
    file(PRIVATE)
    Path("/tmp/.private.new").mkdir(0o777)  # root's: by a run of ours that was killed
    made("alice")
    assert_right("alice")
    assert not os.path.lexists("/tmp/.private.new")


@pytest.mark.parametrize("mode,gid", [(0o777, 0), (0o1777, 0), (0o700, 0), (0, 0), (0o711, MALLORY), (0o2777, MALLORY)])
def test_roots_parent_with_wrong_mode_or_group_is_mended(mode: int, gid: int, syslog) -> None:
    PRIVATE.mkdir()
    os.chown(PRIVATE, 0, gid)
    PRIVATE.chmod(mode)
    tool("setfacl", "-m", f"d:u:{MALLORY}:rwx", PRIVATE)
    inode = PRIVATE.stat().st_ino
    made("alice")
    assert_right("alice")
    assert PRIVATE.stat().st_ino == inode and acl(PRIVATE) == ["user::rwx", "group::--x", "other::--x"]
    assert asides() == []
    syslog.wait_for("parent-mended")


def test_append_only_parent_with_wrong_mode_is_mended() -> None:
    PRIVATE.mkdir(0o700)
    tool("chattr", "+a", PRIVATE)
    made("alice")
    assert_right("alice")


def test_each_move_is_logged(syslog) -> None:
    file(PRIVATE)
    made("alice")
    syslog.wait_for("/tmp/.private: it is not root's directory")
    assert "moved-aside" in syslog.ids()


def test_folders_of_roots_that_came_with_a_parent_open_to_all(syslog) -> None:
    """Who owns the folder that holds a directory of root's that all can write may rename in it, and move it here."""
    there = Path("/tmp/volume")
    there.mkdir()
    there.chmod(0o777)
    for name in ("pgdata", "other"):
        (there / name).mkdir(0o700)
        (there / name / "empty").mkdir(0o750)
        (there / name / "kept").write_text("root's")
    own(Path("/tmp"))  # as if /tmp were the folder in which it lies; given back before the login
    tool("setpriv", "--reuid", str(MALLORY), "--clear-groups", "python3", "-c",
         "import os; os.rename('/tmp/volume/pgdata', '/tmp/volume/.new'); os.rename('/tmp/volume/other',"
         "'/tmp/volume/.aside'); os.rename('/tmp/volume', '/tmp/.private')")
    own(Path("/tmp"), 0)
    made("alice")
    assert_right("alice")
    kept = [name for name in os.listdir(PRIVATE) if name.startswith(".bad.")]
    assert len(kept) == 2
    for name in kept:
        assert owner_and_mode(PRIVATE / name) == "root:root 700 directory"
        assert owner_and_mode(PRIVATE / name / "empty") == "root:root 750 directory"
        assert (PRIVATE / name / "kept").read_text() == "root's"
    syslog.wait_for(r"\[left-behind\] /tmp/\.private/\.bad\.")


def test_a_run_that_was_killed_while_it_mended_such_a_parent() -> None:
    """Nobody can write there any more, and still nothing inside is ours."""
    PRIVATE.mkdir()
    (PRIVATE / ".new").mkdir(0o700)
    (PRIVATE / ".new" / "empty").mkdir(0o750)
    PRIVATE.chmod(0o1700)
    made("alice")
    assert_right("alice")
    (kept,) = [name for name in os.listdir(PRIVATE) if name.startswith(".bad.new.")]
    assert owner_and_mode(PRIVATE / kept / "empty") == "root:root 750 directory"


@pytest.mark.parametrize("alive", [True, False])
def test_a_fuse_file_system_on_the_parent(alive: bool, syslog) -> None:
    """As fusermount makes it for its caller: closed to root too, and not to be renamed away."""
    PRIVATE.mkdir()
    own(PRIVATE)
    server = os.open("/dev/fuse", os.O_RDWR)
    try:
        options = f"fd={server},rootmode=40000,user_id={MALLORY},group_id={MALLORY}".encode()
        mount = ctypes.CDLL(None, use_errno=True).mount
        assert mount(b"fuse", bytes(PRIVATE), b"fuse", 6, options) == 0, os.strerror(ctypes.get_errno())
        if not alive:
            os.close(server)
        made("alice")
    finally:
        if alive:
            os.close(server)
    assert_right("alice")
    syslog.wait_for(r"\[moved-aside\] /tmp/\.private: somebody's file system")
