"""What is missing or full: capabilities, trusted attributes, ACLs, space, inodes, descriptors, memory.

Each gives either another form of a right directory, or one message and nothing half made.
"""
from __future__ import annotations

import os
import pwd
import resource
import subprocess
from pathlib import Path

import pytest

from pam_mktemp_py.directory.prepare import prepare
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.accounts import lookup
from tests.privileged.directories import (
    PRIVATE, PYTHON, append_only, asides, assert_right, made, owner_and_mode, tool, witness,
)
from tests.sandbox import capabilities

pytestmark = pytest.mark.usefixtures("fresh_state")


@pytest.fixture(autouse=True)
def people(account) -> None:
    account("alice", uid=2001)


def without(*names: str) -> tuple[str, ...]:
    """A command that runs another one without these capabilities."""
    return ("setpriv", "--bounding-set=" + ",".join("-" + n for n in names), "--inh-caps=-all")


def nothing_half_made() -> bool:
    """Only what is complete in itself: the parent, and in it perhaps our two folders."""
    if PRIVATE.is_dir() and "alice" in os.listdir(PRIVATE):
        return False
    staged = os.listdir(PRIVATE / ".new") if (PRIVATE / ".new").is_dir() else []
    beside = [name for name in os.listdir("/tmp") if name.startswith(".private.")]
    return not staged and not beside


class TestCapabilities:
    def test_without_linux_immutable(self) -> None:
        done = witness("alice", "--times", "2", before=without("linux_immutable"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert_right("alice", append=False)

    def test_flag_that_cannot_be_cleared(self) -> None:
        made("alice")
        os.chmod(PRIVATE / "alice", 0o755)
        done = witness("alice", before=without("linux_immutable"))
        assert done.returncode == 1 and "Operation not permitted" in done.stdout and "lsattr" in done.stdout
        assert owner_and_mode(PRIVATE / "alice") == "root:root 755 directory" and append_only(PRIVATE)

    def test_without_dac_override(self) -> None:
        assert witness("alice", "--times", "2", before=without("dac_override", "dac_read_search")).returncode == 0
        assert_right("alice")

    @pytest.mark.parametrize("capability", ["sys_admin"])
    def test_trusted_refused(self, capability: str) -> None:
        done = witness("alice", "--times", "2", before=without(capability))
        assert [line.split()[:3] for line in done.stdout.splitlines()] == [["ok", "acl", "-"]] * 2
        assert_right("alice")
        text = os.readlink("/var/lib/pam-mktemp/identity/alice").split()
        found = os.stat(PRIVATE / "alice")
        assert text[:4] == [str(found.st_dev), str(found.st_ino), "2001", "alice"]

    def test_identity_of_another_inode_is_no_identity(self) -> None:
        before = without("sys_admin")
        witness("alice", before=before)
        tool("chattr", "-a", PRIVATE)
        tool("cp", "-a", PRIVATE / "alice", PRIVATE / "copy")
        tool("mv", PRIVATE / "alice", "/tmp/x")
        tool("mv", PRIVATE / "copy", PRIVATE / "alice")
        assert witness("alice", before=before).returncode == 0
        assert_right("alice")
        assert asides() == ["alice"]

    def test_identity_is_dropped_with_its_directory(self) -> None:
        before = without("sys_admin")
        witness("alice", before=before)
        old = os.readlink("/var/lib/pam-mktemp/identity/alice")
        os.chmod(PRIVATE / "alice", 0)
        assert witness("alice", before=before).returncode == 0
        assert os.readlink("/var/lib/pam-mktemp/identity/alice") != old and asides() == ["alice"]

    def test_both_kinds_of_host_in_turn(self) -> None:
        """One with CAP_SYS_ADMIN accepts what one without it made, and the other way round."""
        witness("alice", before=without("sys_admin"))
        assert witness("alice").stdout.split()[:3] == ["ok", "acl", "-"]
        assert witness("alice", before=without("sys_admin")).returncode == 0
        assert asides() == []

    def test_user_namespace(self) -> None:
        """Root of a user namespace with its own tmpfs: no trusted.*, no append-only flag."""
        capabilities.need(capabilities.can_unshare_user(), "user namespaces")
        script = ("echo; read mapped; mount -t tmpfs -o mode=1777 t /tmp && mount -t tmpfs t /run &&"
                  "mount -t tmpfs t /var/lib &&"
                  f"{' '.join(PYTHON)} alice --times 2 && stat -c '%u:%g %a' /tmp/.private /tmp/.private/alice;"
                  "ls -l /var/lib/pam-mktemp/identity; lsattr -d /tmp/.private")
        with subprocess.Popen(["unshare", "-Um", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            assert process.stdin and process.stdout
            process.stdout.readline()
            for kind in ("uid", "gid"):
                Path(f"/proc/{process.pid}/{kind}_map").write_text("0 0 3000")
            lines = process.communicate("\n")[0].splitlines()
        assert [line.split()[:3] for line in lines[:2]] == [["ok", "acl", "-"]] * 2, lines
        assert lines[2:4] == ["0:0 711", "0:0 710"] and "-a-" not in lines[-1]

    def test_account_that_a_user_namespace_does_not_map(self) -> None:
        script = ("mount -t tmpfs -o mode=1777 t /tmp && mount -t tmpfs t /run && mount -t tmpfs t /var/lib &&"
                  f"{' '.join(PYTHON)} alice; find /tmp/.private")
        done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True)
        assert done.stdout.startswith("directory-refused ") and "alice" not in done.stdout.split("\n", 1)[1]

    @pytest.mark.parametrize("capability", ["chown", "fowner", "setfcap"])
    def test_others(self, capability: str) -> None:
        done = witness("alice", before=without(capability))
        assert done.returncode == 0 or nothing_half_made()

    def test_no_root(self, as_user) -> None:
        made("alice")
        done = as_user(pwd.getpwnam("alice"), [*PYTHON, "alice"])
        assert done.returncode == 1 and done.stdout.startswith("directory-refused ")
        assert_right("alice")


class TestFileSystems:
    def test_no_acls(self, filesystem) -> None:
        filesystem("btrfs", "/tmp", "noacl")
        assert made("alice").form == "group" and made("alice").acl is None
        assert_right("alice", "group")
        assert made("alice").stamp.startswith("1 2001 alice ")

    def test_nothing_at_all(self) -> None:
        """ramfs: no ACLs, no attributes, no flags."""
        tool("mount", "-t", "ramfs", "x", "/tmp")
        os.chmod("/tmp", 0o1777)
        first, second = made("alice"), made("alice")
        assert (first.form, first.stamp, first.acl) == ("group", "-", None) and first.chain == second.chain
        assert_right("alice", "group", append=None)

    def test_owner_form_and_its_owner(self, account, filesystem) -> None:
        """The user owns the directory: whatever he puts at a leaf is moved aside, never followed."""
        filesystem("btrfs", "/tmp", "noacl")
        carol = account("carol", uid=2003, gid=100)
        assert made("carol").form == "owner"
        assert_right("carol", "owner")
        for plant in ("ln -s /etc tmp", "ln -s /etc/shadow tmp", "mkdir tmp", "mkdir -p tmp/x", "touch tmp",
                      "mkfifo tmp"):
            script = f"cd /tmp/.private/carol && rmdir tmp && {plant}"
            subprocess.run(["sh", "-c", script], user=carol.pw_uid, group=100, extra_groups=[], check=True)
            made("carol")
            assert_right("carol", "owner")
        assert asides() == ["carol.tmp"] * 6

    @pytest.mark.parametrize("uid_form", ["root"])
    def test_root_without_acls(self, uid_form: str, filesystem) -> None:
        filesystem("btrfs", "/tmp", "noacl")
        assert made("root").form == "owner" and made("root").chain == made("root").chain

    def test_read_only(self) -> None:
        tool("mount", "-o", "remount,ro", "/tmp")
        with pytest.raises(DirectoryError, match=r"/tmp/\.private.*Read-only file system.*mounted read-only"):
            made("alice")

    def test_read_only_with_something_wrong(self) -> None:
        made("alice")
        os.chmod(PRIVATE / "alice", 0o755)
        tool("mount", "-o", "remount,ro", "/tmp")
        with pytest.raises(DirectoryError, match="Read-only"):
            made("alice")

    def test_read_only_state(self) -> None:
        tool("mkdir", "-p", "/var/lib/pam-mktemp")
        tool("mount", "-t", "tmpfs", "-o", "ro,mode=700", "x", "/var/lib/pam-mktemp")
        try:
            with pytest.raises(DirectoryError, match="/var/lib/pam-mktemp/owners.*Read-only"):
                made("alice")
            assert nothing_half_made()
        finally:
            tool("umount", "/var/lib/pam-mktemp")

    @pytest.mark.parametrize("free", range(7))
    def test_few_inodes(self, free: int) -> None:
        """From none to one too few: the message, and no leftover; as soon as there are some, it works."""
        tool("mount", "-t", "tmpfs", "-o", f"mode=1777,nr_inodes={1 + free}", "x", "/tmp")
        try:
            made("alice")
            assert free  # with none it has to be refused
        except DirectoryError as error:
            assert "No space left on device" in str(error) and "df -i" in str(error)
            assert nothing_half_made()
        tool("mount", "-o", "remount,nr_inodes=100", "/tmp")
        made("alice")
        assert_right("alice")

    @pytest.mark.parametrize("free", range(8))
    def test_few_inodes_to_take_the_parent_back(self, free: int) -> None:
        tool("mount", "-t", "tmpfs", "-o", f"mode=1777,nr_inodes={2 + free}", "x", "/tmp")
        PRIVATE.write_text("planted")
        try:
            made("alice")
            assert free
        except DirectoryError as error:
            assert "No space left" in str(error)
            assert nothing_half_made()
        tool("mount", "-o", "remount,nr_inodes=100", "/tmp")
        made("alice")
        assert_right("alice")

    @pytest.mark.parametrize("kind", ["ext4", "btrfs"])
    def test_full(self, kind: str, filesystem) -> None:
        filesystem(kind, "/tmp")
        with open("/tmp/big", "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(1 << 20))
            except OSError:
                pass
        with open("/tmp/small", "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(512))
            except OSError:
                pass
        try:
            made("alice")
        except DirectoryError as error:
            assert "No space left" in str(error) and nothing_half_made()
        else:
            assert_right("alice")
        os.unlink("/tmp/big")
        made("alice")
        assert_right("alice")


class TestLimits:
    @pytest.mark.parametrize("free", range(9))
    def test_descriptors(self, free: int) -> None:
        old = resource.getrlimit(resource.RLIMIT_NOFILE)
        made("root")  # so that all modules are loaded
        account = lookup("alice")
        assert account
        lowest = next(n for n in range(3, 1000) if not os.path.exists(f"/proc/self/fd/{n}"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + free, old[1]))
        try:
            prepare(account, ["tmp"])
        except DirectoryError as error:
            said = str(error)
        else:
            said = ""
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, old)
        assert ("Too many open files" in said and nothing_half_made()) or (free and said == "")
        made("alice")
        assert_right("alice")

    def test_file_size_limit_of_the_caller(self) -> None:
        assert witness("alice", before=("prlimit", "--fsize=0")).returncode == 0
        assert_right("alice")
