"""What the configuration no longer names goes out of the instances, if the planner put it there and only then."""
from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.directory import dropped, entries
from pam_mktemp_py.errors import DirectoryError
from tests.privileged.bind.instances_test import (  # noqa: F401
    ALICE, FOLDER, SHARED, TMP, nothing_foreign_is_touched, people, server,
)
from tests.privileged.bind.prepared import LINK, PASSED, SERVER, assert_instance, entries as listed, mounts
from tests.privileged.directories import fingerprint, made
from tests.privileged.directory_races_test import plant as compiled  # noqa: F401  the attacker

pytestmark = pytest.mark.usefixtures("fresh_state")

NOTHING = '[mounts."/tmp"]\npass = []\n[mounts."/tmp".links]\n'
POINT = PASSED[0]


def test_dropped_and_named_again() -> None:
    mounts("alice", SHARED)
    mounts("alice", NOTHING)
    assert sorted(listed(TMP)) == [".README-private-tmp", ".private"]
    mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    mounts("alice", NOTHING + '"b" = "/etc/victim/x"\n')
    assert sorted(listed(TMP)) == [".README-private-tmp", ".private", "b"]
    assert not [name for name in listed(TMP) if "moved" in name]


def test_who_left_the_group_loses_the_mount_point() -> None:
    mounts("alice", '[shared.web]\nusers = ["alice", "mallory"]\n')
    assert "shared-web" in listed(TMP)
    mounts("alice", '[shared.web]\nusers = ["mallory"]\n')
    assert "shared-web" not in listed(TMP) and Path("/tmp/shared-web").is_dir()


def test_server_that_is_down_keeps_its_link() -> None:
    """Its folder in /run is gone until it starts again: the link is configured all the same."""
    mounts("alice")
    SERVER.rename(f"{SERVER}.away")
    mounts("alice")
    assert LINK in listed(TMP)
    mounts("alice", NOTHING)
    assert LINK not in listed(TMP)
    Path(f"{SERVER}.away").rename(SERVER)


def test_no_call_more_than_one_if_nothing_changed() -> None:
    mounts("alice")
    before = TMP.stat().st_ctime_ns
    mounts("alice")
    assert TMP.stat().st_ctime_ns == before
    assert {*PASSED, f"{LINK} {SERVER}/{LINK}"} <= {*os.getxattr(TMP, entries.RECORD).decode().splitlines()}


def users_link(path: Path) -> None:
    """The same as root's was, but his."""
    path.symlink_to(SERVER / LINK)
    os.chown(path, ALICE, ALICE, follow_symlinks=False)


def roots_other_link(path: Path) -> None:
    path.symlink_to(FOLDER)


def users_file(path: Path) -> None:
    path.write_text("mine")
    os.chown(path, ALICE, ALICE)


def users_folder(path: Path) -> None:
    path.mkdir(0o755)
    os.chown(path, ALICE, ALICE)


def roots_file(path: Path) -> None:
    path.write_text("by sudo")


def hard_link(path: Path) -> None:
    """Where fs.protected_hardlinks is off, anyone can make one, of a link too."""
    Path("/tmp/of-root").symlink_to("/etc/passwd")
    os.link("/tmp/of-root", path, follow_symlinks=False)


def full_folder(path: Path) -> None:
    path.mkdir(0o755)
    (path / "inside").write_text("root's")


def changed_folder(path: Path) -> None:
    """Of root's, for something else."""
    path.mkdir(0o755)
    path.chmod(0o1777)


def groups_folder(path: Path) -> None:
    path.mkdir(0o755)
    os.chown(path, 0, ALICE)


@pytest.mark.parametrize("name", [POINT, LINK])
@pytest.mark.parametrize("kind", [users_link, roots_other_link, users_file, users_folder, roots_file, hard_link,
                                  full_folder, changed_folder, groups_folder], ids=lambda kind: kind.__name__)
def test_what_is_there_now_is_not_what_root_planted(kind: Callable[[Path], None], name: str) -> None:
    mounts("alice")
    path = TMP / name
    path.unlink() if path.is_symlink() else path.rmdir()  # by root: he himself cannot
    kind(path)
    before = path.lstat(), listed(TMP)
    for _ in range(2):
        mounts("alice", NOTHING)
        assert (path.lstat(), listed(TMP)[name]) == (before[0], before[1][name])


def test_what_root_never_recorded_stays() -> None:
    """A copy by sudo looks the same; so does what an older version left, or where no record can be kept."""
    mounts("alice", NOTHING)
    (TMP / LINK).symlink_to(SERVER / LINK)
    (TMP / POINT).mkdir(0o755)
    mounts("alice", NOTHING)
    assert {LINK, POINT} < set(listed(TMP))
    mounts("alice")
    os.removexattr(TMP, entries.RECORD)
    mounts("alice", NOTHING)
    assert {LINK, POINT} < set(listed(TMP))


@pytest.mark.parametrize("record", [
    "", "%", "%ZZ /x", "/etc", "..", ".", "../empty", "../link /x", "../../../../etc/victim", "a b c", "\udcff", LINK,
    f"{POINT} /x"])
def test_record_that_makes_no_sense(record: str) -> None:
    mounts("alice", NOTHING)
    os.setxattr(TMP, entries.RECORD, os.fsencode(record))
    (TMP.parent / "empty").mkdir(0o755)
    (TMP.parent / "link").symlink_to("/x")
    before = listed(TMP), listed(TMP.parent)
    mounts("alice", NOTHING)
    assert (listed(TMP), listed(TMP.parent)) == before


@contextlib.contextmanager
def view(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a mount namespace of its own, made by the script."""
    with subprocess.Popen(["unshare", "-m", "--propagation", "slave", "sh", "-ec", f"{script}; echo; exec cat"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin and running.stdout and running.stdout.readline()
        yield running
        running.stdin.close()


@pytest.mark.parametrize("script", [
    f"mount --bind /tmp/{POINT} /mnt; mount --bind {TMP} /tmp; mount --move /mnt /tmp/{POINT}",
    f"mount --bind /tmp/{POINT} {TMP}/{POINT}",
])
def test_not_while_something_is_mounted_there(script: str) -> None:
    """It would be gone from under a session that is open. The links go at once."""
    mounts("alice")
    with view(script) as running:
        mounts("alice", NOTHING)
        assert POINT in listed(TMP) and LINK not in listed(TMP) and PASSED[1] not in listed(TMP)
        assert POINT in Path(f"/proc/{running.pid}/mountinfo").read_text()
    mounts("alice", NOTHING)
    assert POINT not in listed(TMP)


def test_a_view_without_it_is_no_reason_to_keep_it(account: Any) -> None:
    """Another account's view, and a newer one of hers."""
    mounts("alice")
    with view(f"mount --bind {TMP} /tmp"), view(f"mount --bind /tmp/{POINT} /mnt; mount --bind /mnt /tmp/{POINT}"):
        mounts("alice", NOTHING)
        assert POINT not in listed(TMP)


@pytest.mark.parametrize("options", [f"--bind /tmp/{POINT}", "-t tmpfs -o mode=0700,uid=2001 x"])
def test_the_host_has_mounted_something_there(options: str) -> None:
    mounts("alice")
    subprocess.run(["mount", *options.split(), TMP / POINT], check=True)
    for _ in range(2):
        mounts("alice", NOTHING)
        assert f" {TMP / POINT} " in Path("/proc/self/mountinfo").read_text()
    subprocess.run(["umount", TMP / POINT], check=True)
    mounts("alice", NOTHING)
    assert POINT not in listed(TMP)


def test_too_many_namespaces_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user may make thousands: what cannot be told in time stays, until it can."""
    mounts("alice")
    with monkeypatch.context() as patch:
        patch.setattr(dropped, "LOOKING", -1.0)
        mounts("alice", NOTHING)
        assert POINT in listed(TMP) and LINK not in listed(TMP)
    mounts("alice", NOTHING)
    assert POINT not in listed(TMP)


def test_race(compiled: Path) -> None:  # noqa: F811
    """Its user plants at each name, and at where a name was, while it is dropped and named again."""
    made("alice")
    names = [POINT, LINK, "shared-web"]
    Path("/tmp/of-root/folder").mkdir(parents=True)
    Path("/tmp/of-root/file").touch(0o600)
    before = [fingerprint(f"/tmp/of-root/{name}") for name in ("folder", "file")]
    attackers = [subprocess.Popen([str(compiled), "60", str(ALICE), "/tmp/of-root/folder", "/tmp/of-root/file",
                                   *(str(TMP / name) for name in names)], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            for configuration in (SHARED, NOTHING):
                with contextlib.suppress(DirectoryError):
                    mounts("alice", configuration)
    finally:
        for attacker in attackers:
            attacker.terminate()
            attacker.communicate()
    mounts("alice", SHARED)
    assert_instance(TMP, shared=("web",))
    mounts("alice", NOTHING)
    assert not [name for name in names if (TMP / name).exists() and (TMP / name).lstat().st_uid == 0]
    assert [fingerprint(f"/tmp/of-root/{name}") for name in ("folder", "file")] == before
