"""Where instances lie, and what of the host's /tmp views have too."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.doctor.doctor import USER, assert_cured, ids, run
from tests.privileged.logins.session import CONFIG, login
from tests.sandbox import capabilities

Bound = Callable[..., Path]
OWN, SPOOL = Path("/srv/own"), Path("/srv/spool")
ELSEWHERE = f'[mounts."{SPOOL}"]\ninstance = "{OWN}"\n'


@pytest.fixture(autouse=True)
def places() -> Iterator[None]:
    """Two directories that tests may make, and mount on."""
    SPOOL.mkdir(mode=0o1777)
    SPOOL.chmod(0o1777)
    yield
    for path in (OWN, SPOOL):
        subprocess.run(["umount", "-l", path], capture_output=True)
        subprocess.run(["chattr", "-a", path / ".private"], capture_output=True)
        shutil.rmtree(path, ignore_errors=True)


def inside(script: str) -> str:
    """What a real login prints, and whether it is bound at all."""
    done = login(["su", "-", USER, "-c", f"test -e /tmp/.README-private-tmp && echo bound; {script}"])
    return done.stdout + done.stderr


def own_file_system(options: str) -> None:
    OWN.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "own", OWN], check=True)


def test_a_directory_that_is_not_there(bound: Bound) -> None:
    SPOOL.rmdir()
    bound(f'[mounts."{SPOOL}"]\n')
    assert inside("true") == "bound\n"  # without it
    assert assert_cured("mount-missing")["where"] == f"{CONFIG}:2"
    assert inside(f"touch {SPOOL}/hers; ls {SPOOL}") == "bound\nhers\n"
    assert os.listdir(SPOOL) == [".private"]


def test_instances_that_have_no_place(bound: Bound) -> None:
    bound(ELSEWHERE)
    assert inside("true") == ""
    assert_cured("instance-missing")
    assert inside(f"touch {SPOOL}/hers") == "bound\n"
    assert (OWN / f".private/{USER}/srv-spool/hers").exists()


@pytest.mark.parametrize("spoil", [lambda: OWN.chmod(0o777), lambda: os.chown(SPOOL, 2101, 0)],
                         ids=["instances, open to all", "another's directory"])
def test_a_place_that_is_not_safe(bound: Bound, spoil: Callable[[], None]) -> None:
    bound(ELSEWHERE)
    OWN.mkdir()
    spoil()
    assert inside("true") == ""
    assert_cured("mount-unsafe")
    assert inside("true") == "bound\n"


def test_a_link_to_what_nobody_can_have_alone(bound: Bound) -> None:
    SPOOL.rmdir()
    SPOOL.symlink_to("/etc")
    bound(f'[mounts."{SPOOL}"]\n')
    try:
        assert inside("true") == ""
        assert_cured("mount-unsafe", by=lambda: bound('[mounts."/var/tmp"]\n'))
    finally:
        SPOOL.unlink()


def test_a_place_that_is_read_only(bound: Bound) -> None:
    own_file_system("ro")
    bound(ELSEWHERE)
    assert inside("true") == ""
    assert_cured("instance-read-only")
    assert inside("true") == "bound\n"


def test_a_place_where_no_program_runs(bound: Bound) -> None:
    own_file_system("noexec")
    bound(ELSEWHERE)
    script = f"cp /bin/true {SPOOL}/run && {SPOOL}/run && echo runs"
    assert "Permission denied" in inside(script)
    assert_cured("instance-noexec", kind="note")
    assert inside(script) == "bound\nruns\n"
    bound(ELSEWHERE + "noexec = true\n")
    subprocess.run(["mount", "-o", "remount,noexec", OWN], check=True)
    assert "instance-noexec" not in ids(run())


@pytest.mark.parametrize("kind", ["directory", "link"])
def test_x11_was_taken_by_somebody(bound: Bound, kind: str) -> None:
    path = Path("/tmp/.X11-unix")
    if kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/etc")
    os.chown(path, 2101, 2101, follow_symlinks=False)
    Path("/tmp/.X11-unix.moved-away").mkdir()  # it may have happened before
    passed = "grep -c ' /tmp/.X11-unix ' /proc/self/mountinfo"
    assert inside(passed) == "bound\n0\n"
    assert assert_cured("passed-not-roots")["where"] == str(path)
    assert inside(passed) == "bound\n1\n"


def test_x11_is_not_sticky(bound: Bound) -> None:
    Path("/tmp/.X11-unix").mkdir()
    Path("/tmp/.X11-unix").chmod(0o777)
    assert inside("true") == "bound\n"
    assert_cured("passed-not-sticky")
    assert inside("grep -c ' /tmp/.X11-unix ' /proc/self/mountinfo") == "bound\n1\n"


def test_a_hand_over_directory_was_taken_by_somebody(bound: Bound) -> None:
    bound(f'[shared.web]\nusers = ["{USER}"]\n')
    Path("/tmp/shared-web").mkdir()
    os.chown("/tmp/shared-web", 2101, 2101)
    assert inside("true") == "bound\n"
    assert_cured("passed-not-roots")
    assert inside("touch /tmp/shared-web/f") == "bound\n" and Path("/tmp/shared-web/f").exists()


class TestTmpfiles:
    @pytest.fixture(autouse=True)
    def put_back(self, put: Callable[..., Path]) -> None:
        """As if systemd were process 1 here; what the advice writes is gone with the test."""
        capabilities.need(capabilities.have("systemd-tmpfiles"), "systemd-tmpfiles")
        put("/run/systemd/system/x", "")
        for name in ("srv-own-.private", "tmp-.house-unix"):
            put(f"/etc/tmpfiles.d/pam_mktemp_keep-{name}.conf", "").unlink()

    def test_ages_where_instances_lie(self, bound: Bound, put: Callable[..., Path]) -> None:
        """The real systemd-tmpfiles leaves them alone after the advice was followed."""
        OWN.mkdir()
        bound(ELSEWHERE + '[mounts."/var/tmp"]\n')
        put("/etc/tmpfiles.d/tmp.conf", f"q /tmp 1777 root root 10d\nq /var/tmp 1777 root root 30d\n"
                                        f"d {OWN} 0755 root root 0\n")
        assert assert_cured("tmpfiles-ages")["where"] == "/etc/tmpfiles.d/tmp.conf:3"
        assert inside(f"touch {SPOOL}/kept") == "bound\n"
        (OWN / "other").touch()
        subprocess.run(["systemd-tmpfiles", "--clean", f"--prefix={OWN}"], check=True)
        assert (OWN / f".private/{USER}/srv-spool/kept").exists() and not (OWN / "other").exists()

    def test_ages_a_directory_that_views_share(self, bound: Bound, put: Callable[..., Path]) -> None:
        bound('[mounts."/tmp"]\npass = [".X11-unix", ".house-unix"]\n')
        put("/etc/tmpfiles.d/tmp.conf", "q /tmp 1777 root root 0\n")
        assert "/tmp/.house-unix" in assert_cured("tmpfiles-ages")["what"]
        inside("true")
        Path("/tmp/other").touch()
        subprocess.run(["systemd-tmpfiles", "--clean", "--prefix=/tmp"], check=True)
        assert Path("/tmp/.house-unix").is_dir() and not Path("/tmp/other").exists()

    @pytest.mark.parametrize("line", ["R /tmp/shared-web", f"R {OWN}/.private/*"])
    def test_removes(self, bound: Bound, put: Callable[..., Path], line: str) -> None:
        OWN.mkdir()
        bound(ELSEWHERE + '[shared.web]\ngroup = "alice"\n')
        put("/etc/tmpfiles.d/more.conf", f"# one\n{line}\n")
        finding: Any = assert_cured("tmpfiles-removes")
        assert finding["where"] == "/etc/tmpfiles.d/more.conf:2"

    def test_what_boot_does_is_no_harm(self, bound: Bound, put: Callable[..., Path]) -> None:
        bound()
        put("/etc/tmpfiles.d/more.conf", "D! /tmp 1777 root root 10d\nR! /tmp/.X11-unix\n"
                                         "D! /tmp/.X11-unix 1777 - - 10d\n")
        assert not ids(run()) & {"tmpfiles-removes", "tmpfiles-ages"}
