"""Taking everything back: PAM byte for byte as before, logins at every moment, and what remains is named."""
from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import pieces
from tests.privileged.logins.session import LINE, su, variables
from tests.privileged.setup.installed import (  # noqa: F401  fixtures
    COMMAND, CONFIG, LIB, alice, ask, leftovers, logs_in, make_install, module, ours, snapshot, whole,
)
from tests.sandbox.accounts import CLEAN
from tests.sandbox.state import CHECKOUT, run

STATE = [Path(path) for path in ("/var/lib/pam-mktemp", "/run/pam-mktemp", "/etc/security/pam_mktemp.d")]
SHIMS = [Path("/var/lib/pam-mktemp/shims", name, "ssh-agent") for name in ("bin", "plans")]
FROM_CHECKOUT = ["/usr/bin/python3", "-I", "-B", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); "
                 "from pam_mktemp_py.cli.main import main; main()"]
pytestmark = pytest.mark.usefixtures("fresh_state", "alice")
Pam = dict[str, tuple[int, int, int, bytes]]


def pam() -> Pam:
    """All of /etc/pam.d and of what pam-auth-update remembers: mode, owner, content."""
    files = [path for folder in ("/etc/pam.d", "/var/lib/pam") for path in Path(folder).iterdir()]
    return {str(path): (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid, path.read_bytes())
            for path in files}


@pytest.fixture
def before(whole: object) -> Iterator[Pam]:  # noqa: F811
    """PAM as it is; put back when the test ends."""
    kept = pam()
    yield kept
    for path in set(pam()) - set(kept):
        os.unlink(path)
    for path, (_, _, _, data) in kept.items():
        Path(path).write_bytes(data)


def add_line(*names: str) -> None:
    for name in names:
        with open(f"/etc/pam.d/{name}", "a") as file:
            file.write(LINE + "\n")


def gone() -> None:
    """Nothing of it is there."""
    for path in (LIB, COMMAND, module(), Path("/usr/share/pam-mktemp"), Path("/usr/share/man/man1/pam-mktemp.1"),
                 Path("/etc/init.d/pam-mktemp"), Path("/usr/share/pam-configs/pam-mktemp")):
        assert not os.path.lexists(path), path
    assert leftovers() == []


def works() -> None:
    """Logins, without us."""
    for command in (["su", "-s", "/bin/sh", "alice", "-c", "env"], ["su", "-", "alice", "-c", "env"],
                    ["sudo", "-u", "alice", "env"], ["runuser", "-u", "alice", "--", "env"]):
        done = subprocess.run(command, capture_output=True, text=True, env=CLEAN, cwd="/", stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        assert variables(done.stdout) == {} and done.stderr == ""


def test_from_the_profile_and_from_files(before: Pam, syslog) -> None:
    ours("enable")
    add_line("su-l", "cron")
    logs_in()
    ours("shims", "enable", "ssh-agent")
    assert SHIMS[0].readlink() == Path("/usr/lib/pam-mktemp-shim")
    found = ask("uninstall")
    assert {str(path.parent) for path in SHIMS} <= set(found["removed"])  # no link to a launcher that is gone
    assert not [path for path in SHIMS if os.path.lexists(path.parent)]
    assert pam() == before and "/etc/pam.d/common-session" in found["changes"]
    assert {"/etc/pam.d/su-l", "/etc/pam.d/cron"} <= set(found["changes"])
    gone()
    assert CONFIG.exists() and str(CONFIG) in {kept["path"] for kept in found["kept"]}
    works()
    assert syslog.wait_for(r"\[uninstalled\]")


def test_purge(before: Pam) -> None:
    add_line("su")
    Path("/etc/security/pam_mktemp.d").mkdir()
    Path("/etc/security/pam_mktemp.d/10.toml").write_text("")
    Path("/var/lib/pam-mktemp").mkdir(exist_ok=True)
    logs_in()
    Path("/etc/security/pam_mktemp.off").touch()
    ours("shims", "enable", "ssh-agent")
    shown = ask("uninstall", "--purge", "--dry-run")
    assert LIB.exists() and CONFIG.exists() and pam() != before
    found = ask("uninstall", "--purge")
    assert sorted(shown["removed"]) == sorted(found["removed"]) and shown["changes"] == found["changes"]
    assert found["kept"] == []
    gone()
    assert [path for path in [*STATE, CONFIG, Path("/etc/security/pam_mktemp.off")] if path.exists()] == []
    assert pam() == before
    works()


def test_purge_keeps_off_what_is_mounted_below(before: Pam) -> None:
    """Another's file system, on a folder of ours: nothing of it is removed, and the second run finishes."""
    inside = Path("/etc/security/pam_mktemp.d/a b")  # mountinfo writes the blank as \\040
    inside.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "test", inside)
    (inside / "kept").touch()
    said = ours("uninstall", "--purge", "--dry-run", status=3).stderr
    assert f"{inside}: something is mounted there" in said and "no longer" not in said and LIB.exists()
    said = ours("uninstall", "--purge", status=3).stderr
    assert f"{inside}: something is mounted there" in said and "PAM no longer names the module" in said
    assert (inside / "kept").exists() and pam() == before
    run("umount", inside)
    ours("uninstall", "--purge")
    gone()


def test_what_remains_is_named_and_its_commands_remove_it(before: Pam) -> None:
    add_line("su")
    assert su("alice", "cd $TMPDIR && head -c 307200 /dev/zero > big && mkdir a && ln -s / l").returncode == 0
    found = ask("uninstall", "--purge")
    [one] = [each for each in found["remaining"] if each["path"].startswith("/tmp/")]
    assert one["path"] == "/tmp/.private/alice" and one["files"] == 4 and 300 << 10 <= one["bytes"] < 320 << 10
    assert Path("/tmp/.private/alice/tmp/big").exists()
    for command in found["commands"]:
        run(*command)
    assert not os.path.lexists("/tmp/.private")


def test_what_remains_of_private_mounts(before: Pam) -> None:
    """Instances elsewhere, also in a place that only the configuration names, and a hand-over directory."""
    add_line("su")
    CONFIG.write_text('stage = "bind"\n[mounts."/var/tmp"]\n[mounts."/opt"]\ninstance = "/srv"\n'
                      '[shared.all]\nusers = ["alice"]\n')
    Path("/tmp/shared-root").mkdir(mode=0o755)
    run("su", "-", "alice", "-c", "true")
    found = ask("uninstall", "--purge")
    assert [one["path"] for one in found["remaining"]] == [
        "/tmp/.private/alice", "/var/tmp/.private/alice", "/srv/.private/alice", "/tmp/shared-all"]
    for command in found["commands"]:
        run(*command)
    assert not any(map(os.path.lexists, ("/tmp/.private", "/var/tmp/.private", "/srv/.private", "/tmp/shared-all")))
    Path("/tmp/shared-root").rmdir()


def test_twice(before: Pam) -> None:
    add_line("su")
    text = ours("uninstall", "--purge").stdout
    assert "/usr/lib/pam-mktemp" in text and "removed" in text
    again = subprocess.run([*FROM_CHECKOUT, "uninstall", "--purge"], capture_output=True, text=True, cwd="/", env=CLEAN)
    assert again.returncode == 0 and "nothing is left" in again.stdout, again.stderr
    assert pam() == before


def test_what_was_changed_since_is_kept_and_named(before: Pam) -> None:
    piece = Path("/usr/lib/tmpfiles.d/pam_mktemp.conf")
    piece.write_text("# mine\n")
    found = ask("uninstall", "--purge")
    assert found["kept"] == [{"path": str(piece), "why": "was changed since it was installed"}]
    assert piece.read_text() == "# mine\n"
    piece.unlink()
    gone()


def test_an_open_session_goes_on(before: Pam) -> None:
    add_line("su")
    script = "echo; read x; echo hello > $TMPDIR/f && cat $TMPDIR/f"
    with subprocess.Popen(["su", "-s", "/bin/sh", "alice", "-c", script],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=CLEAN, cwd="/") as session:
        assert session.stdin and session.stdout
        session.stdout.readline()
        found = ask("uninstall", "--purge")
        assert found["open_sessions"] == 1
        session.stdin.write("\n")
        session.stdin.close()
        assert session.stdout.read() == "hello\n" and session.wait() == 0
    gone()
    works()


def test_one_that_fails_is_finished_by_the_next(before: Pam) -> None:
    add_line("su")
    piece = "/usr/share/pam-mktemp/tmpwatch"
    run("mount", "--bind", piece, piece)
    try:
        done = ours("uninstall", status=3)
        assert piece in done.stderr and "run it again" in done.stderr
        assert pam() == before and COMMAND.exists() and LIB.exists()
        works()
    finally:
        run("umount", piece)
    assert ours("uninstall").returncode == 0
    gone()


def test_without_a_manifest(before: Pam) -> None:
    (LIB / pieces.MANIFEST).unlink()
    add_line("su")
    ours("uninstall")
    gone()
    assert pam() == before


def moved_aside() -> None:
    LIB.rename(f"{LIB}.new")


def half_removed() -> None:
    (LIB / pieces.MANIFEST).unlink()
    (LIB / "__main__.py").unlink()


@pytest.mark.parametrize("killed", [moved_aside, half_removed], ids=lambda how: how.__name__)
def test_killed_near_the_end(before: Pam, killed: Callable[[], None]) -> None:
    """Between the planner's folder and the command: the next run, from the checkout, takes that away as well."""
    killed()
    assert subprocess.run([*FROM_CHECKOUT, "uninstall"], env=CLEAN, cwd="/", stdout=subprocess.DEVNULL).returncode == 0
    assert not os.path.lexists(f"{LIB}.new")
    gone()


def test_killed_at_any_moment(before: Pam) -> None:
    """From the checkout, since the command itself may be gone: nobody is kept out, and the next run finishes."""
    command = [*FROM_CHECKOUT, "uninstall"]
    started = time.monotonic()
    assert subprocess.run(command, env=CLEAN, cwd="/", stdout=subprocess.DEVNULL).returncode == 0
    usual = time.monotonic() - started
    chance = random.Random(11)
    for _ in range(6):
        assert make_install().returncode == 0
        add_line("su", "su-l")
        process = subprocess.Popen(command, env=CLEAN, cwd="/", stdout=subprocess.DEVNULL)
        time.sleep(usual * chance.uniform(0.4, 1.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert su("alice").returncode == 0
        assert subprocess.run(command, env=CLEAN, cwd="/", stdout=subprocess.DEVNULL).returncode == 0
        assert pam() == before
        gone()


def test_links_of_update_rc_d(before: Pam) -> None:
    run("update-rc.d", "pam-mktemp", "defaults")
    assert list(Path("/etc").glob("rc?.d/*pam-mktemp"))
    ours("uninstall")
    assert list(Path("/etc").glob("rc?.d/*pam-mktemp")) == []
