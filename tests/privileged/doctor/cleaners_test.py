"""Everything that cleans /tmp: systemd-tmpfiles, tmpreaper, tmpwatch, and what cron runs."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.privileged.doctor.doctor import assert_cured, follow, ids, run
from tests.sandbox import capabilities

OURS = Path("/usr/lib/tmpfiles.d/pam_mktemp.conf")
TMPREAPER = Path("/etc/tmpreaper.conf")
AGES = "q /tmp 1777 root root 10d\n"


@pytest.fixture
def booted(put: Callable[..., Path]) -> None:
    """As if systemd were process 1 here: then it is a problem what systemd-tmpfiles would do."""
    capabilities.need(capabilities.have("systemd-tmpfiles"), "systemd-tmpfiles")
    put("/run/systemd/system/x", "")


@pytest.mark.usefixtures("booted")
class TestSystemdTmpfiles:
    @pytest.fixture(autouse=True)
    def put_back(self, machine: Callable[..., Path], put: Callable[..., Path]) -> None:
        """What the advice writes is gone with the test."""
        for name in ("pam_mktemp_keep.conf", "pam_mktemp_boot.conf", "pam_mktemp.conf.disabled"):
            put(f"/etc/tmpfiles.d/{name}", "").unlink()

    def test_ages_that_ours_keeps_out(self, put: Callable[..., Path]) -> None:
        put("/etc/tmpfiles.d/tmp.conf", AGES)
        assert ids(run(), "problem") == set()

    def test_ages_without_our_exception(self, put: Callable[..., Path]) -> None:
        put("/etc/tmpfiles.d/tmp.conf", AGES)
        put(OURS, OURS.read_text().replace("\nx ", "\n# "))
        finding = assert_cured("tmpfiles-ages")
        assert finding["where"] == "/etc/tmpfiles.d/tmp.conf:1"

    def test_the_advice_keeps_what_it_says(self, put: Callable[..., Path]) -> None:
        """The real systemd-tmpfiles leaves the directory alone after the advice was followed."""
        put("/etc/tmpfiles.d/tmp.conf", "q /tmp 1777 root root 0\n")
        put(OURS, OURS.read_text().replace("\nx ", "\n# "))
        run()  # makes the directory
        kept = Path("/tmp/.private/alice/tmp/kept")
        assert_cured("tmpfiles-ages")
        kept.touch()
        Path("/tmp/other").touch()
        subprocess.run(["systemd-tmpfiles", "--clean", "--prefix=/tmp"], check=True)
        assert kept.exists() and not Path("/tmp/other").exists()

    def test_a_star_stands_for_no_dot(self, put: Callable[..., Path]) -> None:
        """Neither in what keeps nor in what removes, as tmpfiles.d has it."""
        put("/etc/tmpfiles.d/tmp.conf", "R /tmp/*\n")
        assert ids(run(), "problem") == set()
        put("/etc/tmpfiles.d/tmp.conf", f"{AGES}x /tmp/*\n")
        put(OURS, OURS.read_text().replace("\nx ", "\n# "))
        assert "tmpfiles-ages" in ids(run())

    @pytest.mark.parametrize("text", ["", "# nothing\n"])
    def test_another_file_in_its_place(self, put: Callable[..., Path], text: str) -> None:
        shadow = put("/etc/tmpfiles.d/pam_mktemp.conf", text)
        assert "boot-step-missing" in ids(run())
        assert_cured("tmpfiles-shadowed")
        assert not shadow.exists() and ids(run(), "problem") == set()

    def test_lines_about_the_directories(self, put: Callable[..., Path]) -> None:
        put("/etc/tmpfiles.d/more.conf", "# more\ne /tmp/.private/*/tmp - - - 10d\nR /tmp/.private\nR /tmp/.p*\n"
                                         "d /tmp/.private/alice 0755 - - 1d\n")
        found = [each for each in run()["findings"] if each["id"] == "tmpfiles-removes"]
        assert [each["where"] for each in found] == [f"/etc/tmpfiles.d/more.conf:{line}" for line in (2, 3, 4, 5)]
        for finding in found:
            follow(finding)
        assert "tmpfiles-removes" not in ids(run())

    def test_no_boot_step(self, put: Callable[..., Path]) -> None:
        put(OURS, OURS.read_text().replace("d! /tmp", "# "))
        assert_cured("boot-step-missing")
        os.chmod("/tmp", 0o1777)
        subprocess.run(["systemd-tmpfiles", "--create", "--boot", "/etc/tmpfiles.d/pam_mktemp_boot.conf"], check=True)


def test_without_systemd_it_is_a_note(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/tmpfiles.d/more.conf", "R /tmp/.private\n")
    assert_cured("tmpfiles-removes", kind="note")


class TestTmpreaper:
    @pytest.fixture(autouse=True)
    def needed(self, machine: Callable[..., Path]) -> None:
        capabilities.need(capabilities.have("tmpreaper"), "tmpreaper")

    def test_as_debian_installs_it_it_does_nothing(self) -> None:
        assert "tmpreaper-unprotected" not in ids(run())

    @pytest.mark.parametrize("more", ["", "TMPREAPER_DIRS='/var/tmp/. /tmp/.'\n",
                                      "TMPREAPER_PROTECT_EXTRA='/tmp/important'\n"])
    def test_turned_on(self, put: Callable[..., Path], more: str) -> None:
        put(TMPREAPER, TMPREAPER.read_text().replace("SHOWWARNING=true", "") + more)
        assert_cured("tmpreaper-unprotected")

    def test_for_another_folder(self, put: Callable[..., Path]) -> None:
        put(TMPREAPER, TMPREAPER.read_text().replace("SHOWWARNING=true", "") + "TMPREAPER_DIRS=/srv/tmp\n")
        assert "tmpreaper-unprotected" not in ids(run())


STOCK = """#! /bin/sh
flags=-umc
/usr/sbin/tmpwatch "$flags" -x /tmp/.X11-unix -x /tmp/.XIM-unix \\
\t-X '/tmp/hsperfdata_*' 10d /tmp
/usr/sbin/tmpwatch "$flags" 30d /var/tmp
"""


@pytest.mark.parametrize("file, text, line", [
    ("/etc/cron.daily/tmpwatch", STOCK, 3),
    ("/etc/cron.d/clean", "# m h\n0 3 * * * root find /tmp -mtime +7 -delete\n", 2),
    ("/etc/cron.d/clean", "0 3 * * * root find /tmp /var/tmp -xdev -type f -mtime +7 -exec rm {} +\n", 1),
    ("/etc/cron.weekly/clean", "#!/bin/sh\ntmpreaper 7d /tmp/.\n", 2),
    ("/etc/crontab", "@daily root rm -rf /tmp/.[a-z]*\n", 1),
    ("/var/spool/cron/crontabs/root", "@daily find -H /tmp -depth -mtime +7 -delete\n", 1),
])
def test_what_cron_runs(machine: Callable[..., Path], put: Callable[..., Path],
                        file: str, text: str, line: int) -> None:
    path = put(file, text, 0o755)
    finding = assert_cured("cleaner-touches")
    assert finding["where"] == f"{file}:{line}"
    if file.startswith("/etc/cron.weekly"):
        assert path.read_text() == "#!/bin/sh\ntmpreaper --protect /tmp/.private 7d /tmp/.\n"


def test_what_a_units_timer_runs(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    unit = put("/etc/systemd/system/clean.service", "[Service]\nExecStart=/usr/bin/find /tmp -mtime +3 -delete\n")
    assert assert_cured("cleaner-touches")["where"] == f"{unit}:2"


def test_a_script_that_cron_calls(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/cron.d/clean", "0 3 * * * root /usr/local/sbin/clean -q\n")
    script = put("/usr/local/sbin/clean", "#!/bin/sh\nfind /tmp -mtime +3 -delete\n", 0o755)
    assert assert_cured("cleaner-touches")["where"] == f"{script}:2"
    put("/usr/local/sbin/clean", "#!/bin/sh\nfind /tmp -mtime +3 -delete\n", 0o777)
    assert "cleaner-touches" not in ids(run())  # no advice to root to edit what others may exchange


@pytest.mark.parametrize("text", [
    "cd /tmp && find . -mtime +3 -delete", "cd /tmp\nfind -L . -exec rm {} +", "T=/tmp\ntmpwatch $T",
    'for d in /tmp /var/tmp; do find "$d" -mtime +3 -delete; done',
])
def test_a_folder_named_elsewhere(machine: Callable[..., Path], put: Callable[..., Path], text: str) -> None:
    script = put("/etc/cron.daily/clean", f"#!/bin/sh\n{text}\n", 0o755)
    assert_cured("cleaner-unclear", kind="note", by=lambda: script.write_text(
        text.replace(". ", ". -not -path './.private*'  # /tmp/.private\n").replace("$", "# /tmp/.private $")))
    elsewhere = text.replace("/var/tmp", "").replace("/tmp", "/srv/tmp")
    put("/etc/cron.daily/clean", f"#!/bin/sh\n{elsewhere}\n", 0o755)
    assert "cleaner-unclear" not in ids(run())


def test_what_cron_does_not_run(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    for file, mode in (("/etc/cron.daily/clean.sh", 0o755), ("/etc/cron.daily/clean", 0o644),
                       ("/etc/cron.d/clean.dpkg-old", 0o644)):
        put(file, "0 3 * * * root find /tmp -delete\n", mode)
    assert "cleaner-touches" not in ids(run())


def test_the_advice_for_find_keeps_the_directory(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    script = put("/etc/cron.daily/clean", "#!/bin/sh\nfind /tmp -mindepth 1 -mmin -60 -delete\n", 0o755)
    run()
    kept = Path("/tmp/.private/alice/tmp/kept")
    assert_cured("cleaner-touches")
    kept.touch()
    Path("/tmp/other").touch()
    subprocess.run([script], check=False, capture_output=True)  # what is mounted below /tmp stays, and it says so
    assert kept.exists() and not Path("/tmp/other").exists()


def test_a_boot_script_is_a_note(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    put("/etc/rc.local", "#!/bin/sh\nfind /tmp -mindepth 1 -delete\n", 0o755)
    assert_cured("cleaner-touches", kind="note")


def test_stmpclean(machine: Callable[..., Path], put: Callable[..., Path]) -> None:
    path = put("/etc/cron.daily/stmpclean", "#!/bin/sh\nstmpclean -m 7d /tmp\n", 0o755)
    assert_cured("cleaner-ages", kind="note", by=path.unlink)
