"""Ways to break an installation: each ends whole or as before, and nobody is ever kept out."""
from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import pieces, places
from tests.privileged.logins.session import away, su
from tests.privileged.setup.installed import (  # noqa: F401  fixtures
    COMMAND, CONFIG, LIB, alice, ask, enabled, leftovers, logs_in, make_install, module, ours, snapshot, whole,
)
from tests.sandbox.state import CHECKOUT, run

pytestmark = pytest.mark.usefixtures("enabled")
SCRIPT = [CHECKOUT / "contrib/setup/install"]


def environment() -> dict[str, str]:
    """What make gives to the script."""
    return {"SECURITYDIR": pieces.security_dir(), "PATH": "/usr/bin:/bin"}


def installing() -> subprocess.Popen[bytes]:
    """An installation that goes on by itself."""
    return subprocess.Popen(SCRIPT, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def forget() -> None:
    """The next login needs the planner."""
    shutil.rmtree("/run/pam-mktemp", ignore_errors=True)


LAST = len(pieces.PIECES) - 1


@pytest.mark.parametrize(("act", "last", "step"), [
    ("renameat2", 1, 1), ("linkat", LAST, 4), ("rename", LAST, 4),
    *(pytest.param(act, LAST, 1, marks=pytest.mark.long) for act in ("linkat", "rename"))])
def test_killed_after_each_act(whole: dict[str, object], act: str, last: int, step: int) -> None:  # noqa: F811
    """Each time some further: the exchange of the planner, and what keeps and what replaces each piece."""
    for number in range(1, last + 1, step):
        done = subprocess.run(["strace", "-qqq", "-o", "/dev/null", "-e", f"trace={act}", "-e",
                               f"inject={act}:signal=KILL:when={number}", *SCRIPT], env=environment())
        assert done.returncode == -signal.SIGKILL
        forget()
        logs_in()
    assert make_install().returncode == 0
    assert snapshot() == whole and leftovers() == [] and places.check_installed() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end(whole: dict[str, object], number: signal.Signals) -> None:  # noqa: F811
    """A lost connection: what was begun is put back."""
    done = subprocess.run(["strace", "-qqq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
                           f"inject=fsync:signal={number.value}:when=5", *SCRIPT], env=environment(),
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "install: interrupted, everything is as it was\n")
    assert snapshot() == whole and leftovers() == []


def test_what_an_older_one_left_cannot_be_taken_away(whole: dict[str, object]) -> None:  # noqa: F811
    """One of its pieces is a mount point: those before it are there again, and all else is as it was."""
    run = subprocess.run
    run([*SCRIPT], env=environment() | {"PREFIX": "/opt/older"}, check=True)
    before, last = snapshot(), Path("/opt/older/share/zsh/vendor-completions/_pam-mktemp")
    run(["mount", "--bind", last, last], check=True)
    done = run([*SCRIPT], env=environment(), capture_output=True, text=True)
    run(["umount", last], check=True)
    assert done.returncode == 1 and str(last) in done.stderr, done.stderr
    assert snapshot() == before and leftovers() == [] and Path("/opt/older/bin/pam-mktemp").exists()
    run([*SCRIPT], env=environment(), check=True)
    assert snapshot() == whole and not last.exists()


def test_killed_at_any_moment(whole: dict[str, object]) -> None:  # noqa: F811
    started = time.monotonic()
    assert installing().wait() == 0
    usual = time.monotonic() - started
    chance = random.Random(7)
    for _ in range(6):
        process = installing()
        time.sleep(usual * chance.uniform(0, 1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        forget()
        logs_in()
    assert make_install().returncode == 0
    assert snapshot() == whole and leftovers() == [] and places.check_installed() == []


@pytest.mark.parametrize("path", [COMMAND, module(), LIB, Path("/usr/lib/tmpfiles.d/pam_mktemp.conf")], ids=str)
def test_a_link_in_the_place_of_a_piece(whole: dict[str, object], path: Path) -> None:  # noqa: F811
    """It is replaced: what it leads to is nobody's business."""
    target = Path("/opt/target")
    if path == LIB:
        shutil.move(path, target)
    else:
        target.write_text("not ours")
        path.unlink()
    path.symlink_to(target)
    before = target.stat().st_mtime_ns
    done = make_install()
    assert done.returncode == 0, done.stderr
    assert snapshot() == whole and leftovers() == []
    assert target.stat().st_mtime_ns == before
    run("rm", "-r", target)
    logs_in()


def test_a_link_in_the_place_of_the_configuration_is_kept(whole: object) -> None:  # noqa: F811
    CONFIG.unlink()
    CONFIG.symlink_to("/nowhere")
    assert make_install().returncode == 0
    assert os.readlink(CONFIG) == "/nowhere" and not Path("/nowhere").exists()
    CONFIG.unlink()


@pytest.mark.parametrize("folder", ["/usr/share/man/man1", "/usr/lib/tmpfiles.d", "/usr/lib"])
@pytest.mark.parametrize("how", ["owner", "mode"])
def test_a_folder_that_others_can_write(whole: dict[str, object], folder: str, how: str) -> None:  # noqa: F811
    mode = os.stat(folder).st_mode & 0o7777
    os.chown(folder, 2101 if how == "owner" else 0, 0)
    os.chmod(folder, 0o777 if how == "mode" else mode)
    try:
        done = make_install()
        assert done.returncode != 0 and f"{folder} {'belongs to' if how == 'owner' else 'can be'}" in done.stderr
        assert snapshot() == whole and leftovers() == []
    finally:
        os.chown(folder, 0, 0)
        os.chmod(folder, mode)


def test_the_module_gone(whole: object, syslog) -> None:  # noqa: F811
    module().unlink()
    logs_in(private=False)
    ours("install")
    logs_in()


@pytest.mark.parametrize("fail", ["fail=open", "fail=closed"])
@pytest.mark.parametrize("gone", ["all", "main", "half"])
def test_the_planner_gone(whole: object, enabled, fail: str, gone: str) -> None:  # noqa: F811
    lines = Path("/etc/pam.d/su").read_text().replace("pam_mktemp_py.so", f"pam_mktemp_py.so {fail}")
    enabled("su", lines.splitlines())
    logs_in()  # from here on there is a plan
    hidden = {"all": LIB, "main": LIB / "__main__.py", "half": LIB / "pam_mktemp_py/directory"}[gone]
    with away(hidden):
        logs_in()
        forget()
        assert (su("alice").returncode == 0) == (fail == "fail=open")
        assert su("root").returncode == 0
        if gone != "main":
            done = subprocess.run(["/usr/bin/pam-mktemp", "install"], capture_output=True, text=True, cwd="/")
            assert done.returncode in (1, 3) and "sudo make install" in done.stderr, done.stderr
    assert make_install().returncode == 0
    logs_in()  # at once: what failed before is forgotten


def test_usr_read_only(whole: dict[str, object]) -> None:  # noqa: F811
    run("mount", "--bind", "/usr", "/usr")
    run("mount", "-o", "remount,bind,ro", "/usr")
    try:
        for done in (make_install(), subprocess.run([COMMAND, "install"], capture_output=True, text=True)):
            assert done.returncode != 0 and "Read-only file system" in done.stderr, done.stderr
        done = subprocess.run([COMMAND, "uninstall"], capture_output=True, text=True)
        assert done.returncode == 3 and "Read-only file system" in done.stderr
        assert su("alice").returncode == 0
    finally:
        run("umount", "-l", "/usr")
    assert {path: about for path, about in snapshot().items() if path != "/etc/pam.d/su"} == {
        path: about for path, about in whole.items() if path != "/etc/pam.d/su"} and leftovers() == []


@pytest.fixture
def full() -> Iterator[str]:
    """A folder of one piece on a file system without room."""
    folder = "/usr/share/man/man1"
    run("mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "full", folder)
    with open(f"{folder}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    yield folder
    run("umount", folder)


def test_a_full_disk(whole: dict[str, object], full: str) -> None:  # noqa: F811
    shutil.rmtree(f"{LIB}/__pycache__")  # to be seen again had it been replaced
    for done in (make_install(), subprocess.run([COMMAND, "install"], capture_output=True, text=True)):
        assert done.returncode != 0 and "No space left on device" in done.stderr and full in done.stderr
    assert os.listdir(full) == ["filler"] and not Path(f"{LIB}/__pycache__").exists()
    logs_in()


def test_a_piece_that_cannot_be_replaced(whole: dict[str, object]) -> None:  # noqa: F811
    """Met after the planner and the module have changed places: both go back."""
    last = "/usr/share/pam-mktemp/tmpwatch"
    run("mount", "--bind", last, last)
    try:
        (LIB / "mine").touch()
        module().write_text("mine")
        done = make_install()
        assert done.returncode != 0 and "tmpwatch" in done.stderr
        assert (LIB / "mine").exists() and module().read_text() == "mine" and leftovers() == []
    finally:
        run("umount", last)
    assert make_install().returncode == 0
    assert snapshot() == whole


def test_four_at_once(whole: dict[str, object]) -> None:  # noqa: F811
    assert [process.wait(60) for process in [installing() for _ in range(4)]] == [0] * 4
    assert snapshot() == whole and leftovers() == []
    logs_in()


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nsleep 0.1; kill -9 $$\n", "nonsense", ""])
def test_another_interpreter(whole: dict[str, object], text: str) -> None:  # noqa: F811
    python = Path("/usr/bin/python3")
    with away(python):
        if text:
            python.write_text(text)
            python.chmod(0o755)
        logs_in(private=False)
        done = subprocess.run(["/usr/bin/python3.11", "-I", *SCRIPT], capture_output=True, text=True,
                              env={"SECURITYDIR": pieces.security_dir(), "PYTHON": "/usr/bin/python3"})
        assert done.returncode != 0 and "/usr/bin/python3" in done.stderr
        python.unlink(missing_ok=True)
    assert snapshot() == whole and leftovers() == []


def test_bytecode_of_a_user(whole: dict[str, object]) -> None:  # noqa: F811
    """It would run as root: it is told, not installed from, and gone with the next installation."""
    cache = LIB / "pam_mktemp_py/__pycache__"
    os.chown(cache, 2101, 2101)
    [trouble] = places.check_installed()
    assert (trouble.part, trouble.path) == ("planner", str(cache)) and "belongs to alice" in trouble.what
    assert "__pycache__: belongs to alice" in ours("install", status=1).stderr
    assert make_install().returncode == 0
    assert snapshot() == whole and places.check_installed() == []


def test_the_manifest_gone(whole: dict[str, object]) -> None:  # noqa: F811
    (LIB / pieces.MANIFEST).unlink()
    ours("install")
    now = snapshot()
    assert now.pop(str(LIB / pieces.MANIFEST)) and now == {
        name: about for name, about in whole.items() if name != str(LIB / pieces.MANIFEST)}


def test_the_command_half_copied(whole: object) -> None:  # noqa: F811
    COMMAND.write_bytes(COMMAND.read_bytes()[:40])
    logs_in()
    assert make_install().returncode == 0
    assert ask("install", "--dry-run")["steps"]
