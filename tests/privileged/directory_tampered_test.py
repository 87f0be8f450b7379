"""What root or an accident changed on a directory that was right, and a hostile /tmp above it."""
from __future__ import annotations

import os
import subprocess

import pytest

from pam_mktemp_py.errors import DirectoryError
from tests.privileged.directories import PRIVATE, acl, aside, asides, assert_right, made, owner_and_mode, tool

pytestmark = pytest.mark.usefixtures("fresh_state")

MALLORY = 2666


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)
    account("mallory", uid=MALLORY)


@pytest.mark.parametrize("setup", ["chmod 2777 /tmp; chgrp mallory /tmp; chmod 3777 /tmp",
                                   "setfacl -m d:u:mallory:rwx,d:g::rwx,d:o::rwx,d:m::rwx /tmp",
                                   "setfacl -m u:mallory:rwx,d:u:mallory:rwx /tmp",
                                   "chmod 755 /tmp; chgrp mallory /tmp; chmod g+s /tmp"])
def test_hostile_tmp(setup: str) -> None:
    subprocess.run(["sh", "-ec", setup], check=True)
    made("alice")
    assert owner_and_mode(PRIVATE) == "root:root 711 directory"
    assert acl(PRIVATE) == ["user::rwx", "group::--x", "other::--x"]
    assert acl(PRIVATE / "alice") == ["user::rwx", "user:2001:--x", "group::---", "mask::--x", "other::---"]
    assert acl(PRIVATE / "alice/tmp") == ["user::rwx", "group::rwx", "other::rwx"]
    for path in (PRIVATE, PRIVATE / "alice", PRIVATE / "alice/tmp", PRIVATE / ".new", PRIVATE / ".aside"):
        assert tool("getfacl", "-cdp", path) == "" and tool("stat", "-c", "%G", path) == "root"


@pytest.mark.parametrize("change", [
    "chmod 755 alice", "chmod 700 alice", "chmod 2710 alice", "chown mallory alice", "chown alice:alice alice",
    "chgrp mallory alice", "setfacl -m u:mallory:x alice", "setfacl -m u:alice:rwx alice", "setfacl -b alice",
    "setfacl -x u:alice -m u:mallory:x alice", "setfattr -x trusted.pam_mktemp alice",
    "setfattr -n trusted.pam_mktemp -v '1 2666 mallory 1' alice",
    "setfattr -n trusted.pam_mktemp -v '2 2001 alice 1' alice",
    "setfattr -n trusted.pam_mktemp -v '1 2001 %zz 1' alice", "setfattr -n trusted.pam_mktemp -v '' alice",
    "setfattr -n trusted.pam_mktemp -v '1 2001 mallory 1' alice",
    "setfacl -b alice; chattr +a alice",
])
def test_tampered_user_directory_is_replaced_not_mended(change: str) -> None:
    before = made("alice")
    (PRIVATE / "alice/tmp/kept").write_text("data")
    tool("chattr", "-a", PRIVATE)
    subprocess.run(["sh", "-c", f"cd {PRIVATE}; {change}"], check=True)
    now = made("alice")
    assert_right("alice")
    assert now.chain[1][2] != before.chain[1][2]
    assert asides() == ["alice"]
    assert (aside("alice") / "tmp/kept").read_text() == "data"
    assert aside("alice").stat().st_mode & 0o7777 == 0


@pytest.mark.parametrize("change", ["chmod 777 tmp", "chmod 700 tmp", "chown alice tmp", "chgrp alice tmp"])
def test_tampered_leaf_is_replaced(change: str) -> None:
    made("alice")
    subprocess.run(["sh", "-c", f"cd {PRIVATE}/alice && {change}"], check=True)
    made("alice")
    assert_right("alice")
    assert asides() == ["alice.tmp"]


def test_lookalikes_swapped_while_the_parent_was_open() -> None:
    """Two stamped directories exchanged: each has a valid stamp, of the other's account."""
    made("alice"), made("mallory")
    tool("chattr", "-a", PRIVATE)
    subprocess.run(["sh", "-ec", "mv alice x; mv mallory alice; mv x mallory"], check=True, cwd=PRIVATE)
    made("alice"), made("mallory")
    assert_right("alice"), assert_right("mallory")
    assert asides() == ["alice", "mallory"]


def test_a_mount_point_is_told_not_moved() -> None:
    PRIVATE.mkdir()
    tool("mount", "-t", "tmpfs", "-o", f"uid={MALLORY}", "x", PRIVATE)
    with pytest.raises(DirectoryError, match="findmnt"):
        made("alice")
    assert os.listdir(PRIVATE) == [] and os.listdir("/tmp").count(".private.new") == 0
