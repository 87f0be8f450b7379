"""A session that is opened to see what it gets: through the real libpam, in processes that leave nothing."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import probe, stack, try_out
from pam_mktemp_py.sessions.records import records, sweep
from tests.privileged.doctor.doctor import shown
from tests.privileged.logins.session import all_four, configure
from tests.sandbox import accounts

LINE = "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so"
SCRIPT = Path("/usr/local/bin/probed")
SAID = Path("/run/probed")
Write = Callable[..., Path]


@pytest.fixture(scope="module", autouse=True)
def alice() -> Iterator[None]:
    accounts.add("alice", uid=2101)
    yield
    accounts.remove("alice")


@pytest.fixture
def write(fresh_state: None, pam_service: Write) -> Iterator[Write]:
    """pam_service; afterwards no session is left open."""
    yield pam_service
    assert records() == []


def script(text: str) -> str:
    """A session line that runs this shell script as root."""
    SCRIPT.write_text(f"#!/bin/sh\n{text}\n")
    SCRIPT.chmod(0o755)
    return f"session required pam_exec.so {SCRIPT}"


@pytest.mark.parametrize("how", probe.HOWS)
def test_nobody_is_asked_and_no_failure_counted(write: Write, how: str) -> None:
    marks = script(f"echo $PAM_TYPE >> {SAID}").removeprefix("session ")
    write("probed", [f"auth {marks}", "auth required pam_deny.so", f"account {marks}", "account required pam_deny.so",
                     "session required pam_limits.so", LINE])
    found = probe.open_session("alice", "probed", how)
    assert (found.code, found.outcome, found.reached) == (0, "private", True)
    assert found.environment.items() >= all_four("alice").items()
    assert found.record is not None and found.record["user"] == "alice" and found.record["service"] == "probed"
    assert not SAID.exists()


def test_surroundings(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    monkeypatch.setenv("DISPLAY", ":0")
    write("probed", [script(f"{{ env; pwd; umask; readlink /proc/self/fd/0; tty; }} > {SAID} 2>&1; true"), LINE])
    umask = os.umask(0)
    try:
        assert probe.open_session("alice", "probed", "full").code == 0
    finally:
        os.umask(umask)
    lines = SAID.read_text().splitlines()
    SAID.unlink()
    assert {"PAM_SERVICE=probed", "PAM_USER=alice", "PAM_RUSER=root", "/", "0022", "not a tty"} <= set(lines)
    assert not [line for line in lines if line.startswith(("SECRET", "DISPLAY", "PAM_TTY", "LC_ALL", "HOME"))]


@pytest.mark.parametrize("how", probe.HOWS)
def test_a_change_that_is_not_written_yet(write: Write, how: str) -> None:
    common = write("common-session", [*Path("/etc/pam.d/common-session").read_text().splitlines()])
    before = common.read_bytes()
    assert probe.open_session("alice", "su", how).outcome == "not-reached"
    changed = {"common-session": before + LINE.encode() + b" # \xff\n"}
    assert probe.open_session("alice", "su", how, changed).outcome == "private"
    assert probe.open_session("alice", "su-l", how, changed).outcome == "private"
    bad = {"common-session": b"session required pam_no_such_module.so\n" + before}
    assert probe.open_session("alice", "su", how, bad).code == (0 if how != "full" else bad_code())
    assert common.read_bytes() == before


def bad_code() -> int:
    """PAM_MODULE_UNKNOWN."""
    return 28


def test_every_kind_of_include(write: Write) -> None:
    Path("/usr/lib/pam.d").mkdir(exist_ok=True)
    vendor, elsewhere = Path("/usr/lib/pam.d/probed"), Path("/etc/security/elsewhere")
    vendor.write_text(f"session substack {elsewhere}\nsession required pam_permit.so\n@include probed-2\n")
    elsewhere.write_text("session [success=done default=die] pam_permit.so\nsession required pam_deny.so\n")
    write("probed-2", ["session [success=1 default=ignore] pam_permit.so", "session requisite pam_deny.so", LINE])
    try:
        for how in probe.HOWS:
            assert probe.open_session("alice", "probed", how).outcome == "private", how
        vendor.write_text(f"session include {elsewhere}\n@include probed-2\n")  # no substack: it ends the whole stack
        assert probe.open_session("alice", "probed", "line").outcome == "private"
        for how in ("shape", "full"):
            assert probe.open_session("alice", "probed", how).outcome == "not-reached", how
    finally:
        vendor.unlink()
        elsewhere.unlink()


def test_a_service_without_session_lines_runs_those_of_other(write: Write) -> None:
    write("probed", ["auth required pam_permit.so"])
    write("other", [*Path("/etc/pam.d/other").read_text().splitlines(), LINE])
    for how in probe.HOWS:
        assert probe.open_session("alice", "Probed", how).outcome == "private", how
    write("other", [script(f"touch {SAID}"), LINE])
    assert probe.open_session("alice", "probed", "shape").outcome == "private" and not SAID.exists()


@pytest.mark.parametrize("include", ["@include", "session include", "session substack"])
def test_an_include_that_only_the_distributions_folder_has(write: Write, include: str) -> None:
    """Some versions of libpam find it, and others refuse every login: as the one here does."""
    part = Path(stack.VENDOR, "probed-part")
    part.parent.mkdir(exist_ok=True)
    part.write_text(f"{LINE}\n")
    write("probed", ["auth required pam_permit.so", "account required pam_permit.so", f"{include} {part.name}"])
    try:
        real = subprocess.run(["pamtester", "probed", "alice", "open_session", "close_session"], capture_output=True)
        found = probe.open_session("alice", "probed", "shape")
        assert (real.returncode == 0) == (found.code == 0) == (found.outcome == "private")
        assert probe.open_session("alice", "probed", "line").outcome == "private"
    finally:
        part.unlink()


def test_modules_speak_after_authenticate_has_returned(write: Write) -> None:
    """python-pam frees its conversation then: what it kept there is filled with other things here."""
    write("probed", [*["session required pam_echo.so " + "said %u \xe9\u20ac" * 3] * 40, f"{LINE} fail=closed"])
    configure('failure = "closed"\n')
    os.chmod("/tmp", 0o777)
    found = probe.open_session("alice", "probed", "full")
    assert (found.code, found.outcome) == (6, "refused") and "/tmp: is writable by others" in found.why
    assert found.messages[:40] == ["said alice \xe9\u20ac" * 3] * 40
    assert "no private temporary directory" in found.messages[40]


def test_mounts_of_the_session_are_named_and_stay_inside(write: Write) -> None:
    conf = Path("/etc/security/namespace.d/probed.conf")
    conf.write_text("/var/tmp tmpfs:mntopts=size=1m tmpfs root\n".replace("tmpfs:mntopts=size=1m", "/var/tmp/inst"))
    write("probed", [LINE, "session required pam_namespace.so"])
    before = Path("/proc/self/mountinfo").read_text()
    try:
        assert probe.open_session("alice", "probed", "full").mounts == ["/var/tmp"]
        assert probe.open_session("alice", "probed", "shape").mounts == []
    finally:
        conf.unlink()
    assert Path("/proc/self/mountinfo").read_text() == before


def test_daemons_of_the_session_end_with_it(write: Write) -> None:
    write("probed", [script("setsid sleep 301 > /dev/null 2>&1 < /dev/null & true"), LINE])
    assert probe.open_session("alice", "probed", "full").outcome == "private"
    assert subprocess.run(["pgrep", "-f", "sleep 301"], capture_output=True).returncode == 1


def test_a_module_that_hangs_when_the_session_is_closed(write: Write) -> None:
    write("probed", [script("[ $PAM_TYPE = open_session ] || sleep 302"), LINE])
    with pytest.raises(probe.ProbeTimeout, match="not closed after 0.5 s"):
        probe.open_session("alice", "probed", "full", timeout=0.5)
    assert subprocess.run(["pgrep", "-f", "sleep 302"], capture_output=True).returncode == 1
    assert sweep() == 1  # what is left is stale


def test_a_session_that_another_module_refuses_is_closed_too(write: Write) -> None:
    write("probed", [LINE, "session required pam_deny.so"])
    assert probe.open_session("alice", "probed", "shape").outcome == "refused"


def test_a_module_that_ends_the_process(write: Write) -> None:
    write("probed", [script("kill -KILL $PPID"), LINE])
    found = probe.open_session("alice", "probed", "full")
    assert (found.code, found.outcome) == (-9, "refused")
    assert marks() == []


def marks() -> list[Path]:
    """What is recorded of mounts as ours, and where that is noted."""
    return [*Path("/run/pam-mktemp/views").glob("mnt:*"), *Path("/run").glob("pam-mktemp-probe.*")]


def test_what_a_killed_one_left_is_taken_away(write: Write) -> None:
    """The next namespace of that number may be a sandbox's. A real view that has it by now keeps its mark."""
    views = Path("/run/pam-mktemp/views")
    views.mkdir(parents=True, exist_ok=True)
    about = os.stat("/tmp")
    for number, target in ((1, f"{about.st_dev}.{about.st_ino}.3"), (2, "1.2.3")):
        (views / f"mnt:[{number}]").symlink_to(target)
        Path(f"/run/pam-mktemp-probe.9999999{number}").symlink_to(views / f"mnt:[{number}]")
    write("probed", [LINE])
    assert probe.open_session("alice", "probed").outcome == "private"
    assert marks() == [views / "mnt:[2]"]
    (views / "mnt:[2]").unlink()


def test_the_account_tries_it_with_its_groups(write: Write) -> None:
    """A leaf that only a group of the account's may write to."""
    subprocess.run(["groupadd", "-g", "2200", "team"], check=True)
    subprocess.run(["usermod", "-aG", "team", "alice"], check=True)
    place = Path("/run/team")
    place.mkdir()
    os.chown(place, 0, 2200)
    Path("/run/team.conf").write_text(f"TMP DEFAULT={place}\nTEMP DEFAULT=/root\n")
    write("probed", [LINE, "session required pam_env.so envfile=/dev/null conffile=/run/team.conf"])
    try:
        place.chmod(0o770)
        found = probe.open_session("alice", "probed", "full")
        assert found.usable["TMP"] == found.usable["TMPDIR"] == "" and "Permission denied" in found.usable["TEMP"]
        place.chmod(0o750)
        assert "Permission denied" in probe.open_session("alice", "probed", "full").usable["TMP"]
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["groupdel", "team"], check=True)
        place.rmdir()


STOPPER = """import os
while True:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(pid) != os.getpid():
                os.kill(int(pid), %d)
        except OSError:
            pass
"""


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_the_account_stops_what_tries_it(write: Write, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It is the account's own process for a moment: that neither keeps us waiting nor is taken for an answer."""
    monkeypatch.setattr(try_out, "LONGEST", 0.5)
    slow = {str(at): "/tmp" + "/." * at for at in range(1500)}  # the moment is long
    command = ["/usr/bin/python3", "-c", STOPPER % number]
    with subprocess.Popen(command, user=2101, group=2101, extra_groups=[]) as stopper:
        try:
            for _ in range(100):
                answers = try_out.as_account("alice", 2101, 2101, slow)
                assert set(answers) == set(slow) and len(set(answers.values())) == 1
                if answers["0"]:
                    break
        finally:
            stopper.kill()
    assert answers["0"].endswith("was stopped or killed")


@pytest.mark.parametrize(("user", "service", "what"), [
    ("nosuch", "su", "there is no account 'nosuch'"), ("alice", "../su", "can be no PAM service"),
    ("alice", "su.dpkg-old", "can be no PAM service"),
])
def test_what_cannot_be_tried(write: Write, user: str, service: str, what: str) -> None:
    with pytest.raises(probe.ProbeError, match=what.replace(".", r"\.")):
        probe.open_session(user, service)


NO_MOUNTS = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]


@pytest.fixture
def chroot() -> Iterator[list[str]]:
    """A command that runs another in this machine's own folders, below a / that is no mount point."""
    top = Path("/mnt/top")
    subprocess.run(f"""mkdir {top} && mount -t tmpfs test {top} && mkdir {top}/root && cd /
        for each in *; do
            if [ -L $each ]; then cp -P $each {top}/root; continue; fi
            [ -d $each ] && [ $each != mnt ] && mkdir {top}/root/$each && mount --rbind $each {top}/root/$each
        done; true""", shell=True, check=True)
    yield ["chroot", str(top / "root")]
    subprocess.run(["umount", "-R", "-l", top], check=True)
    top.rmdir()


@pytest.mark.parametrize("where", ["container", "chroot"])
def test_without_mounts_of_its_own(write: Write, chroot: list[str], where: str) -> None:
    write("probed", ["auth required pam_deny.so", script(f"touch {SAID}"), "session include probed-2"])
    write("probed-2", [LINE])
    before = NO_MOUNTS if where == "container" else chroot
    mounts = Path("/proc/self/mountinfo").read_text()
    Path("/run/pam-mktemp-probe.99999999").mkdir()  # of one that was killed
    done = shown("doctor", "alice", "-s", "probed", before=before)
    assert "outcome  private" in done.stdout, done.stdout + done.stderr
    assert "line-not-reached" not in done.stdout and "stack-refuses" not in done.stdout, done.stdout
    write("probed", ["auth required pam_deny.so"])
    write("other", ["auth required pam_deny.so", script(f"touch {SAID}"), "@include probed-2"])
    other = shown("doctor", "alice", "-s", "probed", before=before).stdout
    assert "outcome  private" in other and "line-not-reached" not in other and "stack-refuses" not in other, other
    done = shown("doctor", "alice", "-s", "probed", "--full", before=before)
    assert done.returncode == 1 and "session-untried" in done.stdout and "CAP_SYS_ADMIN" in done.stdout
    assert not SAID.exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert list(Path("/run").glob("pam-mktemp-*")) == []
