"""The host's own directories that private mounts share: who made them, who sees them, who gets in."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.bind.prepared import PASSED, assert_sources, entries, mounts, ours_in_tmp, pairs
from tests.privileged.directories import PRIVATE, acl, made, owner_and_mode, tool, writable_by

pytestmark = pytest.mark.usefixtures("fresh_state")

ALICE, BOB, MALLORY = 2001, 2002, 2666
WEB = Path("/tmp/shared-web")


@pytest.fixture(autouse=True)
def people(account: Any) -> Iterator[None]:
    tool("groupadd", "-g", "2900", "web")
    account("alice", uid=ALICE, groups=("web",))
    account("bob", uid=BOB)
    account("mallory", uid=MALLORY)
    yield
    tool("groupdel", "--force", "web")


def targets(name: str, toml: str) -> list[str]:
    return [target for _, target in pairs(mounts(name, toml))]


@pytest.mark.parametrize(("toml", "members"), [
    ('group = "web"', ["alice"]), ('users = ["alice", "bob"]', ["alice", "bob"]), ('users = ["bob"]', ["bob"]),
    ('group = "web"\nusers = ["bob"]', ["alice", "bob"]), ('users = ["nosuch", "bob"]', ["bob"]),
    ('group = "nosuch"\nusers = ["bob"]', ["bob"]), ('group = "nosuch"', []),
])
def test_members(toml: str, members: list[str]) -> None:
    toml = f"[shared.web]\n{toml}\n"
    for name in ("alice", "bob", "mallory"):
        assert (str(WEB) in targets(name, toml)) is (name in members)
        assert ("shared-web" in entries(PRIVATE / name / "tmp")) is (name in members)
    if members:
        group = "web" if '"web"' in toml else "root"
        assert owner_and_mode(WEB) == f"root:{group} 3770 directory"
        for name, uid in (("alice", ALICE), ("bob", BOB), ("mallory", MALLORY)):
            gid = 2900 if name == "alice" else uid
            assert writable_by(uid, gid, WEB) is (name in members), name
    listed = [line for line in acl(WEB) if line.startswith("user:") and not line.startswith("user::")] \
        if WEB.exists() else []
    named = [name for name in members if f'"{name}"' in toml]
    assert listed == [f"user:{dict(alice=ALICE, bob=BOB)[name]}:rwx" for name in named]


def test_sticky_and_of_the_group() -> None:
    mounts("alice", '[shared.web]\ngroup = "web"\nusers = ["bob"]\n')
    as_alice = ["setpriv", f"--reuid={ALICE}", "--regid=2900", "--clear-groups"]
    as_bob = ["setpriv", f"--reuid={BOB}", f"--regid={BOB}", "--clear-groups"]
    tool(*as_alice, "sh", "-c", f"echo hello > {WEB}/for-bob")
    assert tool("stat", "-c", "%U:%G", WEB / "for-bob") == "alice:web"
    assert tool(*as_bob, "cat", WEB / "for-bob") == "hello"
    with pytest.raises(AssertionError, match="Operation not permitted"):
        tool(*as_bob, "rm", "-f", WEB / "for-bob")


def test_change_of_members() -> None:
    mounts("alice", '[shared.web]\ngroup = "web"\nusers = ["bob"]\n')
    (WEB / "kept").touch()
    inode = WEB.stat().st_ino
    mounts("alice", '[shared.web]\nusers = ["alice"]\n')
    assert owner_and_mode(WEB) == "root:root 3770 directory" and WEB.stat().st_ino == inode
    assert not writable_by(BOB, BOB, WEB) and not writable_by(MALLORY, 2900, WEB) and writable_by(ALICE, ALICE, WEB)
    mounts("alice", '[shared.web]\ngroup = "web"\n')
    assert acl(WEB) == ["user::rwx", "group::rwx", "other::---"] and (WEB / "kept").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link", "link-of-root"])
@pytest.mark.parametrize("name", ["shared-web", ".X11-unix", ".ICE-unix"])
def test_name_taken_by_another(kind: str, name: str, syslog: Any) -> None:
    """It is neither adopted nor passed through, and whoever did it has done it to himself: the rest works."""
    path = Path("/tmp", name)
    if kind == "folder":
        path.mkdir(0o777)
    elif kind == "file":
        path.touch()
    else:
        path.symlink_to("/etc")
    if kind != "link-of-root":
        os.chown(path, MALLORY, MALLORY, follow_symlinks=False)
    before = path.lstat(), os.stat("/etc").st_mode
    lines = mounts("alice", '[shared.web]\ngroup = "web"\n')
    assert str(path) not in [target for _, target in pairs(lines)] and len(lines) == 4
    assert (path.lstat(), os.stat("/etc").st_mode) == before
    assert name not in entries(PRIVATE / "alice/tmp")
    syslog.wait_for(rf"\[mount-skipped\] {path}: is not root's directory")
    path.rmdir() if kind == "folder" else path.unlink()
    lines = mounts("alice", '[shared.web]\ngroup = "web"\n')
    assert len(lines) == 5
    assert_sources(lines)


def test_roots_own_that_its_user_has_moved_there(filesystem: Any, account: Any, syslog: Any) -> None:
    """His private directory, in the form without ACLs: what he planted in it would wait there for the members."""
    filesystem("btrfs", "/tmp", "noacl")
    account("dave", uid=1504, gid=100)
    made("dave")
    script = f"ln -s /home/alice/.bashrc {PRIVATE}/dave/tmp/report; mv -T {PRIVATE}/dave/tmp {WEB}"
    tool("setpriv", "--reuid=1504", "--regid=100", "--clear-groups", "sh", "-c", script)
    assert str(WEB) not in targets("alice", '[shared.web]\ngroup = "web"\n')
    assert owner_and_mode(WEB) == "root:root 1777 directory"
    syslog.wait_for(r"\[mount-skipped\] /tmp/shared-web: others can write there")
    os.chmod(WEB, 0o700)
    assert str(WEB) in targets("alice", '[shared.web]\ngroup = "web"\n')
    assert owner_and_mode(WEB) == "root:web 3770 directory"


def test_roots_own_is_taken_as_it_is_unless_others_can_exchange_what_lies_in_it(syslog: Any) -> None:
    for name, mode in ((".X11-unix", 0o755), (".ICE-unix", 0o777)):
        Path("/tmp", name).mkdir()
        os.chmod(f"/tmp/{name}", mode)
    lines = mounts("alice")
    assert [target for _, target in pairs(lines)][2:] == [f"/tmp/{name}" for name in PASSED if name != ".ICE-unix"]
    assert owner_and_mode("/tmp/.X11-unix") == "root:root 755 directory"
    syslog.wait_for(r"\[mount-skipped\] /tmp/.ICE-unix: is writable by others and not sticky; chmod \+t")


def test_more_than_fit(syslog: Any) -> None:
    toml = "".join(f'[shared.s{n}]\nusers = ["alice"]\n' for n in range(25))
    lines = mounts("alice", toml)
    assert len(lines) == 24 and len([target for _, target in pairs(lines) if "shared-" in target]) == 20
    syslog.wait_for(r"\[mount-skipped\] shared-s20, .*alice is a member of more hand-over directories than fit, 20")


def test_without_acls(filesystem: Any, syslog: Any) -> None:
    filesystem("btrfs", "/tmp", "noacl")
    toml = '[shared.web]\nusers = ["alice"]\n[shared.all]\ngroup = "web"\n'
    assert [target for target in targets("alice", toml) if "shared" in target] == ["/tmp/shared-all"]
    syslog.wait_for(r"\[mount-skipped\] /tmp/shared-web: .*not supported")
    assert not writable_by(MALLORY, MALLORY, WEB)


def test_nothing_of_it_at_stage_env() -> None:
    made("alice")
    assert entries(PRIVATE / "alice/tmp") == {}
    assert ours_in_tmp() == [".private"]
