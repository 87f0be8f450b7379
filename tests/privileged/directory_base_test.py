"""The way to /tmp: which ancestors and links are accepted, and what is refused."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.errors import DirectoryError
from tests.privileged.directories import PRIVATE, assert_right, made, tool

pytestmark = pytest.mark.usefixtures("fresh_state")

MALLORY = 2666


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)
    account("mallory", uid=MALLORY)


class TestBase:
    """Every ancestor is root's, and sticky if others can write."""

    @pytest.mark.parametrize("change,said", [
        ("chmod 777 /tmp", r"/tmp: is writable by others and not sticky"),
        ("chmod 775 /tmp", r"not sticky"), ("chown mallory /tmp", "belongs to uid 2666"),
        ("chmod 755 /tmp; chown 65534 /tmp", "belongs to uid 65534")])
    def test_refused(self, change: str, said: str) -> None:
        subprocess.run(["sh", "-ec", change], check=True)
        with pytest.raises(DirectoryError, match=said):
            made("alice")
        assert os.listdir("/tmp").count(".private") == 0

    def test_ancestor_refused(self) -> None:
        os.makedirs("/srv/a/tmp")
        os.chmod("/srv/a/tmp", 0o1777)
        os.chown("/srv/a", MALLORY, 0)
        with pytest.raises(DirectoryError, match="^/srv/a: belongs to uid 2666"):
            made("alice", base="/srv/a/tmp")
        os.chown("/srv/a", 0, 0)
        made("alice", base="/srv/a/tmp")
        assert_right("alice", base=Path("/srv/a/tmp"))
        tool("chattr", "-a", "/srv/a/tmp/.private")
        subprocess.run(["rm", "-rf", "/srv/a"], check=True)

    def test_links_are_resolved(self, tmp_path: Path) -> None:
        os.makedirs("/srv/b/real")
        os.chmod("/srv/b/real", 0o1777)
        os.symlink("b/../b/./real", "/srv/c")
        os.symlink("/srv/c", "/srv/d")
        done = made("alice", base="/srv/d")
        assert (done.base, done.path) == ("/srv/b/real", "/srv/b/real/.private/alice")
        tool("chattr", "-a", "/srv/b/real/.private")
        subprocess.run(["rm", "-rf", "/srv/b", "/srv/c", "/srv/d"], check=True)

    def test_links_of_others_are_not(self) -> None:
        os.symlink("/etc/victim", "/tmp/link")
        os.chown("/tmp/link", MALLORY, MALLORY, follow_symlinks=False)
        with pytest.raises(DirectoryError, match="symbolic link of uid 2666"):
            made("alice", base="/tmp/link")
        os.symlink("/tmp/loop", "/tmp/loop")
        with pytest.raises(DirectoryError, match="more than 8"):
            made("alice", base="/tmp/loop")

    @pytest.mark.parametrize("base", ["/nowhere", "/etc/passwd", "tmp", ""])
    def test_no_directory(self, base: str) -> None:
        with pytest.raises((DirectoryError)):
            made("alice", base=base)

    @pytest.mark.parametrize("path", ["/", "//", "/tmp/", "/tmp//.", "/tmp/../tmp", "/../tmp"])
    def test_spelling(self, path: str) -> None:
        fd, real = open_base(path)
        assert os.path.samestat(os.fstat(fd), os.stat(path)) and real == ("/tmp" if "tmp" in path else "/")
        os.close(fd)


@pytest.mark.parametrize(
    "leaves", [[".."], ["a/b"], [""], ["x" * 17], ["tmp", "tmp"], ["A"], [f"l{n}" for n in range(9)]])
def test_leaves_that_are_refused(leaves: list[str]) -> None:
    with pytest.raises(DirectoryError):
        made("alice", *leaves)
    assert not os.path.lexists(PRIVATE)
