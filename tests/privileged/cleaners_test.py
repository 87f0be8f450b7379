"""What cleans /tmp, with the real programs and short ages: with our files none of them empties or removes the
directory; without them they do, so that these tests can fail."""
from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from pam_mktemp_py import paths
from tests.privileged.directories import PRIVATE, append_only, asides, assert_right, made, owner_and_mode, tool
from tests.sandbox import capabilities
from tests.sandbox.state import CHECKOUT, kept_below_tmp

OURS = CHECKOUT / "contrib/tmpfiles.d/pam_mktemp.conf"


@pytest.fixture(autouse=True)
def tmp_without_the_checkout(fresh_state) -> None:
    """tmpreaper fails at a mount below /tmp; and no cleaner should come near our own files."""
    for path in reversed(kept_below_tmp()):
        tool("umount", "-l", path)


@pytest.fixture(params=["append-only", "plain"])
def old_directory(request, account) -> Path:
    """Alice's directory with old things in it, with and without the flag that forbids to remove it."""
    account("alice", uid=2001)
    made("alice")
    tmp = PRIVATE / "alice/tmp"
    (tmp / "file").write_text("data")
    (tmp / "folder").mkdir()
    Path("/tmp/other").touch()
    if request.param == "plain":
        tool("chattr", "-a", PRIVATE)
    time.sleep(1.3)
    return tmp


def kept(tmp: Path) -> bool:
    return (tmp / "file").exists() and (tmp / "folder").exists()


class TestSystemdTmpfiles:
    @pytest.fixture(autouse=True)
    def needed(self) -> None:
        capabilities.need(capabilities.have("systemd-tmpfiles"), "systemd-tmpfiles")

    @pytest.fixture
    def ages(self, tmp_path: Path) -> Path:
        config = tmp_path / "ages.conf"
        config.write_text("q /tmp 1777 root root 1s\n")
        return config

    def test_clean(self, old_directory: Path, ages: Path) -> None:
        tool("systemd-tmpfiles", "--clean", ages, OURS)
        assert kept(old_directory) and not os.path.exists("/tmp/other")
        made("alice")
        assert_right("alice")
        assert asides() == []

    def test_clean_without_ours_empties(self, old_directory: Path, ages: Path) -> None:
        append = append_only(PRIVATE)
        tool("systemd-tmpfiles", "--clean", ages)
        assert not kept(old_directory)
        assert PRIVATE.exists() == append

    def test_installed_with_the_systems_own_files(self, old_directory: Path) -> None:
        assert Path("/usr/lib/tmpfiles.d/pam_mktemp.conf").read_bytes() == OURS.read_bytes()
        for action in (["--clean"], ["--create", "--prefix=/tmp"]):
            done = subprocess.run(["systemd-tmpfiles", *action], capture_output=True, text=True)
            assert done.returncode in (0, os.EX_DATAERR), done  # of theirs: an account of theirs that is not here
            assert "pam_mktemp" not in done.stderr
        assert kept(old_directory)

    def test_made_at_boot(self) -> None:
        tool("systemd-tmpfiles", "--create", "--remove", "--boot", OURS)
        assert owner_and_mode(PRIVATE) == "root:root 711 directory"
        assert owner_and_mode("/run/pam-mktemp") == "root:root 711 directory"
        assert {owner_and_mode(folder) for folder in paths.RUN_FOLDERS} == {"root:root 700 directory"}

    def test_boot_that_empties_tmp(self, old_directory: Path, tmp_path: Path) -> None:
        """Debian's `D /tmp`: whatever it leaves, a login finds or makes everything right."""
        (tmp_path / "d.conf").write_text("D /tmp 1777 root root -\n")
        subprocess.run(["systemd-tmpfiles", "--create", "--remove", "--boot", tmp_path / "d.conf", OURS],
                       capture_output=True)
        assert not kept(old_directory) and PRIVATE.is_dir()
        made("alice")
        assert_right("alice")

    def test_create_later_adopts_nothing(self, account) -> None:
        account("mallory", uid=2666)
        PRIVATE.mkdir(0o777)
        os.chown(PRIVATE, 2666, 2666)
        tool("systemd-tmpfiles", "--create", OURS)
        assert owner_and_mode(PRIVATE).startswith("mallory:")


class TestTmpreaper:
    @pytest.fixture(autouse=True)
    def needed(self) -> None:
        capabilities.need(capabilities.have("tmpreaper"), "tmpreaper")

    @pytest.fixture
    def daily(self):
        """Debian's own daily job with an age of one second; its script and configuration put back after."""
        config = Path("/etc/tmpreaper.conf")
        before = config.read_text()

        def run(extra: str) -> None:
            text = re.sub(r"(?m)^SHOWWARNING=.*", "", before)
            config.write_text(text + "TMPREAPER_TIME=1s\n" + extra)
            time.sleep(1)  # making the directory's entries, and reading them, are uses too
            subprocess.run(["/etc/cron.daily/tmpreaper"], check=True, env={"TMPREAPER_DELAY": "0", "PATH": "/bin"})

        yield run
        config.write_text(before)

    def test_daily_job(self, old_directory: Path, daily) -> None:
        daily((CHECKOUT / "contrib/tmpreaper/pam_mktemp.conf").read_text())
        assert kept(old_directory) and not os.path.exists("/tmp/other")

    def test_others_patterns_are_kept(self, old_directory: Path, daily) -> None:
        Path("/tmp/keep").touch()
        time.sleep(1.2)
        daily("TMPREAPER_PROTECT_EXTRA='/tmp/keep'\n" + (CHECKOUT / "contrib/tmpreaper/pam_mktemp.conf").read_text())
        assert kept(old_directory) and os.path.exists("/tmp/keep") and not os.path.exists("/tmp/other")

    def test_daily_job_without_ours_empties(self, old_directory: Path, daily) -> None:
        append = append_only(PRIVATE)
        daily("")
        assert not kept(old_directory)
        daily("")  # emptying a directory has made it young
        assert (PRIVATE / "alice").exists() == append


class TestTmpwatch:
    """Not in Debian 12: a witness in its place says what it is told. -x skips a directory with its contents."""

    @pytest.fixture
    def witness(self):
        program = Path("/usr/sbin/tmpwatch")
        assert not program.exists()
        program.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done; echo end\n')
        program.chmod(0o755)
        yield
        program.unlink()

    def test_our_job(self, witness) -> None:
        calls = [c.split("\n") for c in tool(CHECKOUT / "contrib/tmpwatch/tmpwatch").split("\nend")]
        assert calls[0][-1] == "/tmp" and "-x\n/tmp/.private" in "\n".join(calls[0])

    def test_the_edit_of_anothers_job(self, witness, tmp_path: Path) -> None:
        stock = tmp_path / "tmpwatch"
        stock.write_text('/usr/sbin/tmpwatch "-umc" -x /tmp/.X11-unix -x /tmp/.XIM-unix 10d /tmp\n')
        edit = re.search(r"sed -i '([^']*)'", (CHECKOUT / "contrib/tmpwatch/tmpwatch").read_text())
        assert edit
        tool("sed", "-i", edit[1], stock)
        assert tool("sh", stock).split()[:5] == ["-umc", "-x", "/tmp/.private", "-x", "/tmp/.X11-unix"]


class TestBootScript:
    @pytest.fixture(autouse=True)
    def planner(self, tmp_path: Path):
        """The planner's folder, with our package and the entry that it hands over to."""
        folder = tmp_path / "pam-mktemp"
        folder.mkdir(mode=0o755)
        (folder / "pam_mktemp_py").symlink_to(CHECKOUT / "pam_mktemp_py")
        (folder / "__main__.py").write_text(
            "import sys\nfrom pam_mktemp_py.directory.boot import main\n"
            "assert sys.argv[1:] == ['--boot']\nraise SystemExit(main())\n")
        script = tmp_path / "script"
        text = (CHECKOUT / "contrib/init.d/pam-mktemp").read_text()
        script.write_text(text.replace("=/usr/lib/pam-mktemp", f"={folder}"))
        self.script = ["sh", str(script)]

    def run(self, word: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.script, word], capture_output=True, text=True, **options)

    def test_start(self) -> None:
        assert self.run("status").returncode == 3
        done = self.run("start", env={"PATH": "/nowhere:/usr/bin:/bin", "PYTHONPATH": "/tmp"})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert owner_and_mode(PRIVATE) == "root:root 711 directory" and append_only(PRIVATE)
        assert self.run("status").returncode == 0 and self.run("stop").returncode == 0
        assert self.run("restart").returncode == 0 and self.run("nonsense").returncode == 2

    def test_as_installed(self) -> None:
        """The script in /etc/init.d, and the planner that logins start too."""
        done = subprocess.run(["/etc/init.d/pam-mktemp", "start"], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert owner_and_mode(PRIVATE) == "root:root 711 directory" and append_only(PRIVATE)

    def test_takes_the_name_back(self) -> None:
        PRIVATE.symlink_to("/etc")
        assert self.run("start").returncode == 0
        assert owner_and_mode(PRIVATE) == "root:root 711 directory" and asides() == ["private"]

    def test_says_why_not(self) -> None:
        os.chmod("/tmp", 0o777)
        done = self.run("start")
        assert done.returncode == 1 and done.stderr.startswith("pam-mktemp: /tmp: is writable by others")

    def test_header(self) -> None:
        """As LSB has it, and in an order that comes after /tmp was mounted and emptied."""
        header = (CHECKOUT / "contrib/init.d/pam-mktemp").read_text().split("### END INIT INFO")[0]
        assert "# Required-Start:    $remote_fs\n" in header and "# Default-Start:     S\n" in header
