"""Whose directory it is: odd names, shared uids, names and uids that were given out again, open sessions."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pam_mktemp_py.directory import names
from pam_mktemp_py.directory.prepare import prepare
from pam_mktemp_py.errors import DirectoryError, InUse
from pam_mktemp_py.linux.accounts import Account
from tests.privileged.directories import (
    PRIVATE, aside, asides, assert_right, made, owner_and_mode, tool, witness, writable_by,
)

pytestmark = pytest.mark.usefixtures("fresh_state")


@pytest.fixture
def passwd():
    """Lines appended to /etc/passwd, for what useradd refuses; put back after."""
    file = Path("/etc/passwd")
    before = file.read_bytes()

    def append(*lines: bytes) -> None:
        file.write_bytes(before + b"".join(line + b"\n" for line in lines))

    yield append
    file.write_bytes(before)


@pytest.mark.parametrize("name", ["a.b", "a-b", "_a", "A1", "a" * 27])
def test_names_that_serve(name: str, passwd) -> None:
    passwd(name.encode() + b":x:2001:2001::/:/bin/sh")
    assert made(name).path == f"/tmp/.private/{name}"


@pytest.mark.parametrize("name", [b"a" * 28, b"DOMAIN\\user", b"user@realm", b"2002", b".a", b".new", b"..", b"a b",
                                  b"a/b", b"../x", b"a\xff", b"host$", b"\xc3\xa9", b"a%41", b"~a", b"a\x1b[31m"])
def test_names_that_become_the_uid(name: bytes, passwd) -> None:
    passwd(name + b":x:2001:2001::/:/bin/sh")
    first, second = made(os.fsdecode(name)), made(os.fsdecode(name))
    assert first.path == "/tmp/.private/2001" and first.chain == second.chain
    assert sorted(os.listdir(PRIVATE)) == [".aside", ".new", "2001"] and asides() == []
    assert len(first.stamp.split(" ")) == 4 and first.stamp.isascii() and first.stamp.isprintable()
    assert not os.path.lexists("/tmp/x")
    assert writable_by(2001, 2001, PRIVATE / "2001/tmp") and not writable_by(2777, 2777, PRIVATE / "2001/tmp")


def test_lengths_stay_within_the_socket_limit(passwd) -> None:
    passwd(b"a" * 27 + b":x:2001:2001::/:/bin/sh")
    assert len(made("a" * 27).path + "/tmp") <= 45


def test_every_name_of_uid_0_is_root(passwd) -> None:
    passwd(b"toor:x:0:0::/:/bin/sh", b"adm\xff:x:0:0::/:/bin/sh")
    assert {made(n).path for n in ("root", "toor", os.fsdecode(b"adm\xff"))} == {"/tmp/.private/root"}
    assert_right("root")
    assert asides() == []


def test_accounts_with_one_uid_share_one_directory(passwd) -> None:
    passwd(b"first:x:2001:2001::/:/bin/sh", b"second:x:2001:2001::/:/bin/sh", b"th$rd:x:2001:2001::/:/bin/sh")
    assert {made(n).path for n in ("second", "first", "th$rd", "second")} == {"/tmp/.private/first"}
    assert asides() == []


def test_a_name_that_is_another_uids(passwd) -> None:
    """getpwuid(2001) says x, getpwnam(x) says 2002: neither may take the other's directory."""
    passwd(b"x:x:2002:2002::/:/bin/sh", b"x:x:2001:2001::/:/bin/sh", b"y:x:2001:2001::/:/bin/sh")
    paths = [made(n).path for n in ("x", "y", "x", "y")]
    assert paths == ["/tmp/.private/x", "/tmp/.private/2001"] * 2 and asides() == []


def test_an_account_called_root_that_is_not(passwd) -> None:
    done = prepare(Account("root", 2001, 2001, "root"), ["tmp"])
    assert done.path == "/tmp/.private/2001"


def test_an_account_that_only_a_name_service_knows() -> None:
    """Not to be found by its uid, as when the service fails in between."""
    done = prepare(Account("ldap", 70001, 70001, ""), ["tmp"])
    assert done.path == "/tmp/.private/ldap"
    assert prepare(Account("ldap", 70001, 70001, "ldap"), ["tmp"]).chain == done.chain and asides() == []
    assert prepare(Account("DOM\\ldap", 70002, 70001, ""), ["tmp"]).path == "/tmp/.private/70002"


def test_recycled_name(passwd) -> None:
    passwd(b"alice:x:2001:2001::/:/bin/sh")
    old = made("alice")
    (PRIVATE / "alice/tmp/secret").write_text("old")
    passwd(b"alice:x:2005:2005::/:/bin/sh")
    assert made("alice").chain[1] != old.chain[1]
    assert os.listdir(PRIVATE / "alice/tmp") == [] and asides() == ["alice"]
    assert_right("alice")


@pytest.mark.parametrize("second", ["bob", "b$b"])
def test_recycled_uid(second: str, passwd) -> None:
    """The new account would enter the old one's directory by its uid: it is put out of its reach first."""
    passwd(b"alice:x:2001:2001::/:/bin/sh")
    made("alice")
    (PRIVATE / "alice/tmp/secret").write_text("old")
    passwd(second.encode() + b":x:2001:2001::/:/bin/sh")
    assert made(second).path == "/tmp/.private/" + (second if second == "bob" else "2001")
    assert not os.path.lexists(PRIVATE / "alice") and asides() == ["alice"]
    assert (aside("alice") / "tmp/secret").read_text() == "old"
    assert made(second).path and asides() == ["alice"]


def test_recycled_uid_of_an_account_called_by_uid(passwd) -> None:
    passwd(b"we!rd:x:2001:2001::/:/bin/sh")
    made("we!rd")
    passwd(b"od&:x:2001:2001::/:/bin/sh")
    made("od&")
    assert asides() == ["2001"]
    passwd(b"bob:x:2001:2001::/:/bin/sh")
    assert made("bob").path == "/tmp/.private/bob"
    assert asides() == ["2001", "2001"] and sorted(os.listdir(PRIVATE)) == [".aside", ".new", "bob"]


def test_name_and_uid_recycled_crosswise(passwd) -> None:
    """alice's name goes to uid 2002, her uid to carol: the new alice keeps what is hers."""
    passwd(b"alice:x:2001:2001::/:/bin/sh")
    made("alice")
    passwd(b"alice:x:2002:2002::/:/bin/sh")
    kept = made("alice").chain
    passwd(b"alice:x:2002:2002::/:/bin/sh", b"carol:x:2001:2001::/:/bin/sh")
    assert made("carol").path == "/tmp/.private/carol"
    assert made("alice").chain == kept and asides() == ["alice"]


def test_where_the_owners_are_written() -> None:
    prepare(Account("ldap", 70001, 70001, ""), ["tmp"])
    assert owner_and_mode("/var/lib/pam-mktemp") == "root:root 700 directory"
    assert os.readlink("/var/lib/pam-mktemp/owners/70001") == "ldap"


@pytest.mark.parametrize("planted", ["../../etc", "/etc", "..", "root", ".new", "a/b", ""])
def test_owners_are_judged_too(planted: str, account) -> None:
    account("alice", uid=2001)
    made("alice")
    os.unlink("/var/lib/pam-mktemp/owners/2001")
    if planted:
        os.symlink(planted, "/var/lib/pam-mktemp/owners/2001")
    assert made("alice").path == "/tmp/.private/alice" and asides() == []
    assert os.readlink("/var/lib/pam-mktemp/owners/2001") == "alice"


@pytest.mark.parametrize("change", ["chown 2666", "chmod 777"])
def test_state_of_another_is_refused(change: str, account) -> None:
    account("alice", uid=2001)
    tool("mkdir", "-m", "700", "/var/lib/pam-mktemp")
    tool(*change.split(), "/var/lib/pam-mktemp")
    with pytest.raises(DirectoryError, match="^/var/lib/pam-mktemp: is not a directory that only root"):
        made("alice")
    assert "alice" not in os.listdir(PRIVATE) and os.listdir(PRIVATE / ".new") == []


class TestInUse:
    @pytest.mark.parametrize("link", [1, 2])
    def test_not_moved_while_used_unless_forced(self, link: int, account) -> None:
        account("alice", uid=2001)
        dev, ino = made("alice").chain[link][1:3]

        def used(d: int, i: int) -> bool:
            return (d, i) == (dev, ino)

        os.chmod(PRIVATE / "alice", 0o755)
        with pytest.raises(InUse, match="an open session uses it"):
            made("alice", sessions_in_use=used)
        assert (PRIVATE / "alice").stat().st_mode & 0o777 == 0o755 and asides() == []
        made("alice", sessions_in_use=used, force=True)
        assert_right("alice")
        assert asides() == ["alice"]

    def test_leaf(self, account) -> None:
        account("alice", uid=2001)
        ino = made("alice").chain[2][2]
        os.chmod(PRIVATE / "alice/tmp", 0o777)
        with pytest.raises(InUse, match="^/tmp/.private/alice/tmp: "):
            made("alice", sessions_in_use=lambda d, i: i == ino)
        made("alice")
        assert_right("alice")

    def test_a_recycled_uid_waits_for_the_last_session(self, passwd) -> None:
        passwd(b"alice:x:2001:2001::/:/bin/sh")
        ino = made("alice").chain[1][2]
        passwd(b"bob:x:2001:2001::/:/bin/sh")
        with pytest.raises(InUse):
            made("bob", sessions_in_use=lambda d, i: i == ino)
        assert (PRIVATE / "alice").exists() and not (PRIVATE / "bob").exists()

    def test_a_planted_thing_is_in_nobodys_use(self, account) -> None:
        account("alice", uid=2001)
        PRIVATE.symlink_to("/etc")
        made("alice", sessions_in_use=lambda d, i: True)
        assert_right("alice")


def test_many_first_preparations_of_one_account_at_once(account) -> None:
    account("alice", uid=2001)
    running = [subprocess.Popen(["/usr/bin/python3", "-I", "-S", "-B", Path(__file__).parents[1] /
                                 "programs/prepare_directory.py", "alice"], stdout=subprocess.PIPE, text=True)
               for _ in range(40)]
    said = {process.communicate()[0].split(" ")[3] for process in running}
    assert len(said) == 1 and {process.returncode for process in running} == {0}
    assert asides() == []


def test_many_accounts_at_once(passwd) -> None:
    passwd(*[b"u%d:x:%d:%d::/:/bin/sh" % (n, n, n) for n in range(3000, 3040)])
    running = [subprocess.Popen(["/usr/bin/python3", "-I", "-S", "-B", Path(__file__).parents[1] /
                                 "programs/prepare_directory.py", f"u{n}"], stdout=subprocess.PIPE, text=True)
               for n in range(3000, 3040)]
    said = [process.communicate()[0].split() for process in running]
    assert {line[0] for line in said} == {"ok"} and len({line[3] for line in said}) == 40
    assert asides() == []


def test_usable_names() -> None:
    assert names.usable("alice") and not names.usable("root") and not names.usable("") and not names.usable("a" * 28)


def test_group_that_is_not_the_users_alone(account, filesystem) -> None:
    """Without ACLs: a group named like the user with another member must not open the directory to him."""
    filesystem("btrfs", "/tmp", "noacl")
    alice, bob = account("alice", uid=2001), account("bob", uid=2002)
    made("alice")
    assert_right("alice", "group")
    tool("gpasswd", "-a", "bob", "alice")
    assert witness("bob").returncode == 0
    made("alice")
    assert_right("alice", "owner", append=None)
    assert asides() == ["alice"]
    script = ["sh", "-c", "ls /tmp/.private/alice"]
    seen = subprocess.run(script, user=bob.pw_uid, group=bob.pw_gid, extra_groups=[alice.pw_gid], capture_output=True)
    assert seen.returncode != 0
