"""Ways to break PAM's files: each is refused with the old state whole, and said with what to do; or done rightly."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import stack
from tests.privileged.logins.session import configure
from tests.privileged.setup.pam_files import PAM_D, command, done, ours, pam_files, refused, state  # noqa: F401
from tests.sandbox.state import run

pytestmark = pytest.mark.usefixtures("pam_files")
SU = PAM_D / "su"
TAIL = "session required pam_permit.so\n"


def text(more: str | bytes) -> Callable[[], object]:
    """su with something more at its end."""
    return lambda: SU.write_bytes(SU.read_bytes() + (more if isinstance(more, bytes) else more.encode()))


def link() -> None:
    SU.rename("/etc/pam.d.su")
    SU.symlink_to("/etc/pam.d.su")


def circle() -> None:
    text("session include circle\n")()
    (PAM_D / "circle").write_text("session include circle\n")


def authselect() -> None:
    """As Fedora has it."""
    folder = Path("/etc/authselect")
    folder.mkdir(exist_ok=True)
    (folder / "authselect.conf").write_text("sssd\nwith-mkhomedir\nwith-sudo\n")
    SU.rename(folder / "su")
    SU.symlink_to(folder / "su")


def fifo() -> None:
    SU.unlink()
    os.mkfifo(SU)


def folder() -> None:
    SU.unlink()
    SU.mkdir()


def vendor_only() -> None:
    Path(stack.VENDOR).mkdir(exist_ok=True)
    SU.rename(f"{stack.VENDOR}/su")


def bound() -> None:
    Path("/root/su").write_bytes(SU.read_bytes())
    run("mount", "--bind", "/root/su", SU)


def hung(where: Path, flag: str) -> Callable[[], object]:
    """With a flag of chattr, on a file system that has it."""
    def make() -> None:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "test", "/mnt")
        run("cp", "-a", f"{PAM_D}/.", "/mnt")
        run("mount", "--move", "/mnt", PAM_D)
        run("chattr", f"+{flag}", where)
    return make


WAYS: dict[str, tuple[Callable[[], object], str]] = {
    "symbolic link": (link, "is a symbolic link to /etc/pam.d.su"),
    "dangling link": (lambda: (SU.unlink(), SU.symlink_to("none")), "is a symbolic link to none"),
    "hard link": (lambda: os.link(SU, "/etc/pam.d/other-su"), "more than one name"),
    "another's file": (lambda: os.chown(SU, 65534, 0), "chown root:root /etc/pam.d/su"),
    "file others can write": (lambda: SU.chmod(0o666), "chmod go-w /etc/pam.d/su"),
    "file an ACL lets write": (lambda: run("setfacl", "-m", "u:nobody:rw", SU), "can be written by others"),
    "another's folder": (lambda: os.chown(PAM_D, 65534, 0), "chown root:root /etc/pam.d"),
    "folder others can write": (lambda: PAM_D.chmod(0o1777), "chmod go-w /etc/pam.d"),
    "CR LF": (lambda: SU.write_bytes(SU.read_bytes().replace(b"\n", b"\r\n")), "sed -i"),
    "NUL": (text(b"\0\0\0\0"), "NUL"),
    "cut off in a continued line": (text("session optional pam_echo.so \\"), ": ends in a backslash"),
    "line too long": (text(f"session optional pam_echo.so {'x' * 1100}\n"), "longer than 1023"),
    "file too large": (text("#\n" * 200_000), "larger than"),
    "no type": (text("sesion optional pam_echo.so\n"), "'sesion' is no type"),
    "no module": (text("session optional\n"), "missing"),
    "include of nothing": (text("@include none\n"), "there is no file none"),
    "circle of includes": (circle, "/etc/pam.d/circle:1: circle includes itself"),
    "pipe": (fifo, "is no regular file"),
    "folder": (folder, "is no regular file"),
    "no session lines": (lambda: SU.write_text("auth required pam_permit.so\n"), "PAM runs those of 'other'"),
    "the distribution's own": (vendor_only, "cp -p /usr/lib/pam.d/su /etc/pam.d/su"),
    "not there": (SU.unlink, "/etc/pam.d/su: is not there"),
    "authselect's": (authselect, "authselect create-profile sssd-mktemp -b sssd; write the line"),
    "mount point": (bound, "umount /etc/pam.d/su"),
    "immutable": (hung(SU, "i"), "chattr -i /etc/pam.d/su"),
    "append-only": (hung(SU, "a"), "chattr -a /etc/pam.d/su"),
    "immutable folder": (hung(PAM_D, "i"), "chattr -i /etc/pam.d"),
    "ended before our line": (lambda: SU.write_text("auth required pam_permit.so\nsession sufficient pam_permit.so\n"
                                                    + TAIL), "our module is not reached"),
    "denied after all": (lambda: SU.write_text("auth required pam_permit.so\nsession required pam_deny.so\n"),
                         "is refused: Cannot make"),
    "planner that cannot make it": (lambda: configure('min_uid = "x"\n'), "min_uid"),
}


@pytest.fixture(autouse=True)
def nothing_left() -> object:
    """Also what a way has put elsewhere."""
    yield
    for path in ("/etc/pam.d.su", "/root/su", f"{stack.VENDOR}/su", "/etc/authselect/su",
                 "/etc/authselect/authselect.conf"):
        Path(path).unlink(missing_ok=True)
    os.chown(PAM_D, 0, 0)
    run("chattr", "-i", PAM_D) if os.path.ismount(PAM_D) else None
    PAM_D.chmod(0o755)


@pytest.mark.parametrize("way", WAYS)
def test_refused_and_whole(way: str) -> None:
    """What is wrong with the file is not mended behind the administrator's back."""
    make, what = WAYS[way]
    make()
    status = 3 if way.startswith("planner") else 1
    assert what in refused("enable", "-s", "cron", "-s", "su", "-u", "nobody", status=status)
    assert ours("cron") == []


@pytest.mark.parametrize("name", ["", "../pam.d/su", "/etc/pam.d/su", "a/b", ".", "..", ".hidden", "su~", "su.dpkg-old",
                                  "su\x1b[31m"])
def test_no_names_of_services(name: str) -> None:
    assert "\x1b" not in refused("enable", "-s", name)
    refused("disable", "-s", name)


def test_what_is_no_file_is_left_alone() -> None:
    """A pipe would have it wait for ever, with the lock; a device would never end."""
    os.mkfifo(PAM_D / "pipe")
    (PAM_D / "zero").symlink_to("/dev/zero")
    (PAM_D / "folder").mkdir()
    for service in ("su", "common-session"):
        done("enable", "-s", service)
        done("disable")


def test_read_only() -> None:
    run("mount", "--bind", PAM_D, PAM_D)
    run("mount", "-o", "remount,bind,ro", PAM_D)
    said = refused("enable", "-s", "su", status=3)
    assert said == "pam-mktemp: /etc/pam.d/su: Read-only file system\n"


def test_full_disk() -> None:
    """The second of two files does not fit: the first is not changed either."""
    run("mount", "-t", "tmpfs", "-o", "mode=755,size=300k", "test", "/mnt")
    run("cp", "-a", f"{PAM_D}/.", "/mnt")
    run("mount", "--move", "/mnt", PAM_D)
    with open(PAM_D / "ballast", "wb", buffering=0) as file:
        while os.statvfs(PAM_D).f_bavail > 1:  # one page is left: one new file fits
            file.write(bytes(4096))
    assert "No space left on device" in refused("enable", "-s", "cron", "-s", "su", "-u", "nobody", status=3)
    (PAM_D / "ballast").unlink()
    done("enable", "-s", "cron", "-s", "su")


def test_full_state_of_pam_auth_update() -> None:
    """Nothing of the profile's five files is changed."""
    saved = Path("/var/lib/pam")
    run("mount", "-t", "tmpfs", "-o", "mode=755,nr_inodes=9", "test", "/mnt")
    run("cp", "-a", f"{saved}/.", "/mnt")
    run("mount", "--move", "/mnt", saved)
    while os.statvfs(saved).f_favail > 1:
        (saved / f"x{os.statvfs(saved).f_favail}").touch()
    before = state(saved)
    refused("enable", status=3)
    assert state(saved) == before


def test_only_pam_conf() -> None:
    shutil.rmtree(PAM_D)
    try:
        result = command("enable")
        assert result.returncode == 1 and "write there, for each service: SERVICE session [" in result.stderr
        assert command("disable").returncode == 1
    finally:
        PAM_D.mkdir()


def test_half_written_leftovers_are_removed() -> None:
    before = state()
    (PAM_D / ".su.pam-mktemp").write_text("session req")
    (PAM_D / ".su.pam-mktemp-old").write_text("")
    Path("/var/lib/pam/.session.pam-mktemp").write_text("Modu")
    done("enable", "-s", "su")
    done("disable")
    assert state() == before and not Path("/var/lib/pam/.session.pam-mktemp").exists()


def test_authselect_everywhere() -> None:
    """Without --service too, and with a profile of one's own."""
    authselect()
    said = refused("enable")
    assert "authselect select custom/sssd-mktemp with-mkhomedir with-sudo" in said
    assert "/etc/authselect/custom/sssd-mktemp/system-auth and " in said
    Path("/etc/authselect/authselect.conf").write_text("custom/mine\n")
    said = refused("enable", "-s", "su")
    assert "last session line of /etc/authselect/custom/mine/su; authselect apply-changes" in said
    done("enable", "-s", "cron")  # none of its files


def test_a_module_that_others_can_write(tmp_path: Path) -> None:
    planner = Path("/usr/lib/pam-mktemp/__main__.py")
    planner.chmod(0o666)
    try:
        assert f"chmod go-w {planner}" in refused("enable", "-s", "su")
    finally:
        planner.chmod(0o644)


def test_what_can_be_mended_by_hand_can_be_disabled() -> None:
    """CR LF and a broken line elsewhere in the file do not keep a line of ours in it."""
    done("enable", "-s", "su")
    SU.write_bytes(SU.read_bytes().replace(b"\n", b"\r\n") + b"sesion x\n@include none\n")
    done("disable")
    assert ours("su") == []
    assert subprocess.run(["grep", "-c", "\r", SU], capture_output=True).stdout != b"0\n"
