"""Other directories than /tmp that accounts have instances of: in themselves or elsewhere, on other file systems."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.errors import DirectoryError, InUse
from tests.privileged.bind.prepared import assert_sources, entries, mounts, pairs
from tests.privileged.directories import assert_right, owner_and_mode, tool
from tests.sandbox.state import CHECKOUT

pytestmark = pytest.mark.usefixtures("fresh_state")

ALICE, BOB = 2001, 2002
BASES = ('[mounts."/scratch"]\nnoexec = true\n[mounts."/data/a"]\ninstance = "/store"\n'
         '[mounts."/data/b"]\ninstance = "/store"\n')


@pytest.fixture(autouse=True)
def bases(filesystem: Any, account: Any) -> Iterator[None]:
    """A tmpfs, an ext4, and two directories that have their instances on it."""
    filesystem("tmpfs", "/scratch")
    filesystem("ext4", "/store")
    for name in ("/data", "/data/a", "/data/b"):
        Path(name).mkdir(mode=0o755, exist_ok=True)
    account("alice", uid=ALICE)
    yield


def test_lines() -> None:
    lines = mounts("alice", BASES)
    assert [(source, target, flags) for source, _, _, target, flags in lines[4:]] == [
        ("/store/.private/alice/data-a", "/data/a", 6), ("/store/.private/alice/data-b", "/data/b", 6),
        ("/scratch/.private/alice/scratch", "/scratch", 14), ("/scratch/.private", "/scratch/.private", 14)]
    assert_sources(lines)
    assert_right("alice", base=Path("/store"), leaves=("data-a", "data-b"))
    assert_right("alice", base=Path("/scratch"), leaves=("scratch",), append=None)
    assert entries(Path("/scratch/.private/alice/scratch")) == {".private": "0 711 directory"}
    assert entries(Path("/store/.private/alice/data-a")) == {}
    assert mounts("alice", BASES) == lines
    assert sorted(os.listdir("/var/lib/pam-mktemp/bases")) == ["%2Fscratch", "%2Fstore"]


def test_files_survive_what_tmp_does_not() -> None:
    """After a reboot /tmp and memory are empty, and the rest is found again."""
    mounts("alice", BASES)
    kept = Path("/store/.private/alice/data-a/kept")
    kept.write_text("mine")
    for point in ("/tmp", "/scratch"):
        tool("umount", "-l", point)
        tool("mount", "-t", "tmpfs", "-o", "mode=1777", "new", point)
    mounts("alice", BASES)
    assert kept.read_text() == "mine"


def test_recycled_uid_reaches_nothing_in_any_base(account: Any) -> None:
    mounts("alice", BASES)
    for path in ("/tmp/.private/alice/tmp", "/store/.private/alice/data-a", "/scratch/.private/alice/scratch"):
        Path(path, "secret").write_text("alice's")
    tool("userdel", "alice")
    account("bert", uid=ALICE)
    for configuration in ("", BASES):  # the uid's new name is recorded for /tmp long before the other bases
        lines = mounts("bert", configuration)
    assert_sources(lines)
    assert pairs(lines)[4][0] == "/store/.private/bert/data-a"
    olds = [f"{base}/.private/alice" for base in ("/tmp", "/store", "/scratch")]
    found = subprocess.run(["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "find", *olds],
                           capture_output=True, text=True)
    assert "secret" not in found.stdout
    for base in ("/tmp", "/store", "/scratch"):
        assert [name.split(".")[0] for name in os.listdir(f"{base}/.private/.aside")] == ["alice"]


def test_recycled_name(account: Any) -> None:
    mounts("alice", BASES)
    Path("/store/.private/alice/data-a/secret").write_text("alice's")
    tool("userdel", "alice")
    account("alice", uid=BOB)
    mounts("alice", BASES)
    assert os.listdir("/store/.private/alice/data-a") == []


def test_never_while_a_session_uses_it() -> None:
    mounts("alice", BASES)
    os.chmod("/store/.private/alice", 0o755)
    with pytest.raises(InUse, match="/store/.private/alice: .*an open session uses it"):
        mounts("alice", BASES, in_use=lambda _device, _inode: True)
    lines = mounts("alice", BASES)
    assert_sources(lines)


def test_planted_parent_and_mount_point(account: Any) -> None:
    account("mallory", uid=2666)
    Path("/scratch/.private").mkdir(0o777)
    os.chown("/scratch/.private", 2666, 2666)
    Path("/store/.private").symlink_to("/etc")
    os.chown("/store/.private", 2666, 2666, follow_symlinks=False)
    lines = mounts("alice", BASES)
    assert_sources(lines)
    point = Path("/scratch/.private/alice/scratch/.private")
    point.rmdir()
    point.symlink_to("/etc")
    os.chown(point, ALICE, ALICE, follow_symlinks=False)
    assert mounts("alice", BASES) == lines
    assert owner_and_mode(point) == "root:root 711 directory"


@pytest.mark.parametrize(("change", "said"), [
    (["chmod", "0777", "/store"], "/store: is writable by others and not sticky"),
    (["chown", "bin", "/store"], "/store: belongs to uid 2"),
    (["umount", "/store"], ""),
    (["mount", "-o", "remount,ro", "/store"], "Read-only"),
    (["mount", "-o", "remount,nr_inodes=1", "/scratch"], "No space left.*df -i"),
])
def test_base_that_cannot_be_used(change: list[str], said: str) -> None:
    tool(*change)
    try:
        if said:
            with pytest.raises(DirectoryError, match=said):
                mounts("alice", BASES)
        else:
            assert_sources(mounts("alice", BASES))
    finally:
        if change[0] == "umount":
            tool("mount", "-t", "tmpfs", "x", "/store")


def test_links_and_missing_ones(syslog: Any) -> None:
    """What leads to /tmp is private already; another link is mounted at what it leads to; and none at all is told."""
    for path, target in (("/data/tmp", "/tmp"), ("/data/link", "/data/a")):
        Path(path).unlink(missing_ok=True)
        Path(path).symlink_to(target)
    toml = '[mounts."/data/tmp"]\n[mounts."/data/link"]\n[mounts."/no/such"]\nnoexec = true\n'
    lines = mounts("alice", toml)
    assert pairs(lines)[4:] == [("/data/a/.private/alice/data-link", "/data/a"),
                                ("/data/a/.private", "/data/a/.private")]
    syslog.wait_for(r"\[mount-skipped\] /no/such: there is no such directory \(f:3\)")
    Path("/data/link").unlink()
    Path("/data/link").symlink_to("/etc")
    with pytest.raises(DirectoryError, match="/data/link: is a link to /etc, which cannot be an account's own"):
        mounts("alice", toml)


def test_two_services_in_one_place() -> None:
    lines = mounts("alice", BASES, service="web")
    assert_sources(lines)
    sources = [source for source, _ in pairs(lines)]
    assert len({*sources}) == len(sources) and "/scratch/.private/alice/svc-web" in sources
    assert not {*sources} & {source for source, _ in pairs(mounts("alice", BASES)) if "/alice/" in source}


def test_where_no_stamp_can_be_written() -> None:
    """Identity is kept in /var/lib then, under the directory's name, which is the same in all bases."""
    script = ("import sys; sys.path.insert(0, sys.argv[1])\n"
              "from tests.privileged.bind.prepared import mounts\n"
              "for _ in range(3): print(mounts('alice', sys.argv[2]))")
    done = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", sys.executable, "-c", script,
                           CHECKOUT, BASES], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert others == [first, first]
    assert not any(os.listdir(f"{base}/.private/.aside") for base in ("/tmp", "/store", "/scratch"))
    assert Path("/var/lib/pam-mktemp/identity/alice").is_symlink()
    assert Path("/var/lib/pam-mktemp/bases/%2Fstore/identity/alice").is_symlink()
