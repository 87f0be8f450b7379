"""What root keeps in a private /tmp, with everything planted there that its user can, before and meanwhile."""
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.directory import instances, plant
from pam_mktemp_py.errors import DirectoryError
from tests.privileged.bind.prepared import LINK, PASSED, SERVER, assert_instance, assert_sources, entries, mounts, pairs
from tests.privileged.directories import PRIVATE, fingerprint, made, owner_and_mode, tool
from tests.privileged.directory_races_test import plant as compiled  # noqa: F401  the attacker
from tests.sandbox.accounts import run_as

pytestmark = pytest.mark.usefixtures("fresh_state")

ALICE, MALLORY = 2001, 2666
TMP = PRIVATE / "alice/tmp"
SHARED = '[shared.web]\ngroup = "alice"\n'
VICTIM, FOLDER = Path("/etc/victim-file"), Path("/etc/victim")
NAMES = [".private", ".X11-unix", LINK, instances.MARKER, "shared-web"]


@pytest.fixture(autouse=True)
def people(account: Any) -> Any:
    account("mallory", uid=MALLORY)
    return account("alice", uid=ALICE)


@pytest.fixture(autouse=True)
def server() -> Iterator[None]:
    """A database server is installed."""
    there = SERVER.exists()
    SERVER.mkdir(exist_ok=True)
    yield
    if not there:
        shutil.rmtree(SERVER)


@pytest.fixture(autouse=True)
def nothing_foreign_is_touched() -> Iterator[None]:
    FOLDER.mkdir(exist_ok=True)
    VICTIM.write_text("of root")
    before = [fingerprint(path) for path in (VICTIM, FOLDER)]
    yield
    assert [fingerprint(path) for path in (VICTIM, FOLDER)] == before
    assert list(FOLDER.iterdir()) == []


def test_all_of_it_and_again(people: Any) -> None:
    first = mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    assert_sources(first)
    assert pairs(first) == [
        ("/tmp/.private/alice/tmp", "/tmp"), ("/tmp/.private", "/tmp/.private"),
        *((f"/tmp/{name}", f"/tmp/{name}") for name in PASSED), ("/tmp/shared-web", "/tmp/shared-web")]
    assert {line[4] for line in first} == {6}
    assert {owner_and_mode(f"/tmp/{name}") for name in PASSED} == {"root:root 1777 directory"}
    before = {path.name: path.lstat().st_ino for path in TMP.iterdir()}
    assert mounts("alice", SHARED) == first
    assert {path.name: path.lstat().st_ino for path in TMP.iterdir()} == before
    shown = run_as(people, ["cat", str(TMP / instances.MARKER)]).stdout
    assert str(TMP) in shown and "alice" in shown and "mallory" not in shown


def test_its_user_can_take_none_of_it_away(people: Any) -> None:
    mounts("alice", SHARED)
    before = entries(TMP)
    for name in [*before]:
        for command in (["rm", "-rf", f"{TMP}/{name}"], ["mv", f"{TMP}/{name}", f"{TMP}/x"],
                        ["chmod", "777", f"{TMP}/{name}"], ["mv", "-T", str(TMP), f"{PRIVATE}/alice/x"]):
            assert run_as(people, command).returncode != 0 or name == LINK and command[0] == "chmod"
    assert entries(TMP) == before


def test_without_the_server_the_links_name_stays_free() -> None:
    shutil.rmtree(SERVER)
    mounts("alice")
    assert_instance(TMP, links=False)
    assert LINK not in entries(TMP)
    SERVER.mkdir()
    mounts("alice")
    assert_instance(TMP)


def test_other_links_and_names() -> None:
    toml = '[mounts."/tmp"]\npass = ["sock-ets"]\n[mounts."/tmp".links]\n"a" = "/etc/victim/x"\n'
    assert pairs(mounts("alice", toml))[2:] == [("/tmp/sock-ets", "/tmp/sock-ets")]
    assert entries(TMP)["a"] == "0 link /etc/victim/x"
    mounts("alice", toml.replace("/x", "/y"))
    assert entries(TMP)["a"] == "0 link /etc/victim/y"
    assert not [name for name in entries(TMP) if "moved" in name]  # what root made itself is nobody's data


def test_old_marker_is_replaced() -> None:
    mounts("alice")
    os.chmod(TMP / instances.MARKER, 0o644)
    (TMP / instances.MARKER).write_text("of an old version")
    mounts("alice")
    assert_instance(TMP)
    assert sorted(entries(TMP)) == sorted({*PASSED, ".private", LINK, instances.MARKER})


def link_to_folder(path: Path) -> None:
    path.symlink_to(FOLDER)


def link_to_file(path: Path) -> None:
    path.symlink_to(VICTIM)


def dangling(path: Path) -> None:
    path.symlink_to(FOLDER / "made-through-a-link")


def right_link(path: Path) -> None:
    """What root would make, but the user's own: he could point it elsewhere later."""
    path.symlink_to(SERVER / LINK)


def file(path: Path) -> None:
    path.write_text("mine")


def hard_link(path: Path) -> None:
    (path.parent / "of-root").touch(0o600)
    os.link(path.parent / "of-root", path)


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o666)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def folder(path: Path) -> None:
    path.mkdir(0o711)
    (path / "inside").write_text("mine")


def roots_folder(path: Path) -> None:
    """By sudo, or of an X server that ran as root."""
    path.mkdir(0o777)
    path.chmod(0o777)
    (path / "inside").write_text("root's")


PLANTED = [link_to_folder, link_to_file, dangling, right_link, file, hard_link, fifo, bound_socket, folder,
           roots_folder]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", PLANTED, ids=lambda kind: kind.__name__)
def test_planted(kind: Callable[[Path], None], name: str, syslog: Any) -> None:
    made("alice")
    kind(TMP / name)
    if kind not in (hard_link, roots_folder):
        os.chown(TMP / name, ALICE, ALICE, follow_symlinks=False)
    before = (TMP / name).lstat()
    lines = mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    assert_sources(lines)
    kept = [path for path in TMP.iterdir() if path.lstat().st_ino == before.st_ino]
    if kind is roots_folder and name not in (LINK, instances.MARKER):
        # Renamed it would take with it what an open session has mounted there.
        assert [path.name for path in kept] == [name] and (kept[0] / "inside").exists()
    elif kind is hard_link and name == instances.MARKER:
        assert [path.name for path in kept] == ["of-root"]  # a further name of root's own file is no data
    else:
        [moved] = [path for path in kept if path.name != "of-root"]
        assert moved.name.startswith(f"{name}.moved-"), moved
        after = moved.lstat()
        assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
        syslog.wait_for(rf"\[entry-moved\] .*; now {TMP}/{moved.name}$")
    again = mounts("alice", SHARED)
    assert again == lines


@pytest.mark.parametrize("kind", PLANTED, ids=lambda kind: kind.__name__)
def test_planted_at_our_own_name(kind: Callable[[Path], None]) -> None:
    """The name under which an entry is made before it is exchanged; a killed run may leave it, too."""
    made("alice")
    kind(TMP / plant.STAGED)
    if kind not in (hard_link, roots_folder):
        os.chown(TMP / plant.STAGED, ALICE, ALICE, follow_symlinks=False)
    file(TMP / ".private")
    mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    moved = [name for name in entries(TMP) if ".moved-" in name]
    assert plant.STAGED not in entries(TMP)
    assert len(moved) == (1 if kind is hard_link else 2), moved


def test_file_system_mounted_on_the_name(syslog: Any) -> None:
    """As a FUSE mount of its user's: it is detached, and what lies beneath is judged as ever."""
    made("alice")
    for name in NAMES[:2]:
        (TMP / name).mkdir()
        os.chown(TMP / name, ALICE, ALICE)
        tool("mount", "-t", "tmpfs", "-o", "mode=0711", "x", TMP / name)
    mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    assert str(TMP) not in Path("/proc/self/mountinfo").read_text()
    assert len(syslog.find("is detached")) == 2


def test_mount_that_looks_as_it_should() -> None:
    """allow_other lets a FUSE server say root's 0711 of itself: its device tells."""
    mounts("alice")
    tool("mount", "-t", "tmpfs", "-o", "mode=0711", "x", TMP / ".private")
    mounts("alice")
    assert str(TMP) not in Path("/proc/self/mountinfo").read_text()
    assert_instance(TMP)


def test_race(compiled: Path) -> None:  # noqa: F811
    """Its user plants all the time, at every name and at ours: each answer is right, or refused."""
    made("alice")
    for safe in ("folder", "file"):
        (Path("/tmp/of-root") / safe).parent.mkdir(exist_ok=True)
    Path("/tmp/of-root/folder").mkdir()
    Path("/tmp/of-root/file").touch(0o600)
    before = [fingerprint(f"/tmp/of-root/{name}") for name in ("folder", "file")]
    paths = [str(TMP / name) for name in (*NAMES, plant.STAGED)]
    right = 0
    for _ in range(12):
        attackers = [subprocess.Popen([str(compiled), "60", str(ALICE), "/tmp/of-root/folder", "/tmp/of-root/file",
                                       *paths], stdout=subprocess.PIPE) for _ in range(2)]
        time.sleep(0.02)
        try:
            with contextlib.suppress(DirectoryError):
                assert_sources(mounts("alice", SHARED))
                assert_found(("web",))
                right += 1
        finally:
            for attacker in attackers:
                attacker.terminate()
                attacker.communicate()
        mounts("alice", SHARED)
        assert_instance(TMP, shared=("web",))
        for name in NAMES:
            path = TMP / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert right
    assert [fingerprint(f"/tmp/of-root/{name}") for name in ("folder", "file")] == before


def assert_found(shared: tuple[str, ...]) -> None:
    """assert_instance() while another plants at our staging name."""
    found = entries(TMP)
    assert found[".private"] == "0 711 directory" and found[LINK].startswith("0 link")
    assert all(found[f"shared-{name}"] == "0 755 directory" for name in shared)
