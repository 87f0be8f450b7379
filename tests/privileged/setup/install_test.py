"""Installing by command: only from where root alone can write, all of it or nothing, and again from itself."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import pieces, places
from tests.privileged.setup.installed import (  # noqa: F401  fixtures
    COMMAND, CONFIG, LIB, alice, ask, enabled, leftovers, logs_in, make_install, module, ours, snapshot, whole,
)
from tests.sandbox.accounts import CLEAN
from tests.sandbox.state import CHECKOUT, filesystem  # noqa: F401  fixture

RUN = "import sys; sys.path.insert(0, {!r}); from pam_mktemp_py.cli.main import main; main()"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like /usr/lib: all above it is root's."""
    path = Path("/opt/place")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o755, parents=True)
    return path


@pytest.mark.parametrize(("damage", "says"), [
    (lambda at: os.chown(at / "a", 2101, 0), "/opt/place/a belongs to alice (uid 2101), not to root; run: chown"),
    (lambda at: (at / "a/file").chmod(0o664), "/opt/place/a/file can be written by group root (gid 0) (mode 0664)"),
    (lambda at: (at / "a").chmod(0o777), "/opt/place/a can be written by everyone"),
    (lambda at: (at / "a").chmod(0o1777), "/opt/place/a can be written by everyone"),
    (lambda at: subprocess.run(["setfacl", "-m", "u:2101:rw", at / "a/file"], check=True), "/opt/place/a/file can be"),
    (lambda at: (at / "a/pyvenv.cfg").touch(), "/opt/place/a is a virtual environment"),
    (lambda at: (at / "a").rename(at / "b") and (at / "a").symlink_to("/home/x"), "/home/x"),
    (lambda at: shutil.copytree(at / "a", "/var/tmp/a") and (at / "a").rename(at / "b")
     and (at / "a").symlink_to("../../var/tmp/a"), "/var/tmp can be written by everyone (mode 1777)"),
    (lambda at: (at / "a").rename(at / "b") and (at / "a").symlink_to("b")
     or os.chown(at / "a", 2101, 0, follow_symlinks=False), "/opt/place/a is a symbolic link of alice"),
    (lambda at: (at / "a").rename(at / "b") and (at / "a").symlink_to("a"), "too many symbolic links"),
    (lambda at: (at / "a/file").unlink(), "/opt/place/a/file cannot be looked at: No such file"),
])
def test_root_only(place: Path, alice: None, damage: Callable[[Path], object], says: str) -> None:  # noqa: F811
    (place / "a").mkdir()
    (place / "a/file").touch()
    assert places.root_only(str(place / "a/file")) == ""
    assert places.root_only(str(place / "a/../a/./file")) == ""
    damage(place)
    try:
        assert says in places.root_only(str(place / "a/file"))
    finally:
        shutil.rmtree("/var/tmp/a", ignore_errors=True)


def test_what_make_installed_is_roots_alone(whole: object) -> None:  # noqa: F811
    assert places.check_installed() == [] and leftovers() == []


def run_from(folder: Path, *words: str, python: str = "/usr/bin/python3") -> subprocess.CompletedProcess[str]:
    """pam-mktemp of the package in a folder, as pip leaves it."""
    return subprocess.run([python, "-I", "-B", "-c", RUN.format(str(folder)), *words], capture_output=True, text=True,
                          cwd="/", timeout=100)


@pytest.fixture
def wheel(place: Path) -> Path:
    """What pip installs with --target: the wheel that tox has built."""
    built = Path(sysconfig.get_path("platlib"), "pam_mktemp_py")
    assert (built / "lib").is_dir()
    shutil.copytree(built, place / "pam_mktemp_py", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["chown", "-R", "root:root", place], check=True)
    return place


def test_from_a_wheel(wheel: Path, whole: dict[str, object], enabled: object) -> None:  # noqa: F811
    subprocess.run(["rm", "-rf", LIB, module(), COMMAND], check=True)
    done = run_from(wheel, "install", "--dry-run")
    assert done.returncode == 0 and str(module()) in done.stdout and not LIB.exists(), done.stderr
    done = run_from(wheel, "install")
    assert done.returncode == 0, done.stderr
    assert ask("install", "--dry-run")["finding"] is False
    assert places.check_installed() == [] and leftovers() == []
    logs_in()


@pytest.mark.parametrize(("damage", "says"), [
    (lambda at: os.chown(at / "pam_mktemp_py/plan.py", 2101, 0), "plan.py: belongs to alice"),
    (lambda at: (at / "pam_mktemp_py/lib/build").chmod(0o775), "lib/build: can be written by group"),
    (lambda at: os.chown(at, 2101, 2101), "/opt/place: belongs to alice"),
    (lambda at: (at / "pyvenv.cfg").touch(), "/opt/place: is a virtual environment"),
    (lambda at: shutil.rmtree(at / "pam_mktemp_py/lib"), "holds only the Python part"),
    (lambda at: (at / "pam_mktemp_py/lib" / pieces.MODULE).unlink(), "pam_mktemp_py.so: is missing"),
])
def test_not_from_where_others_can_write(
    wheel: Path, whole: object, alice: None, damage: Callable[[Path], object], says: str,  # noqa: F811
) -> None:
    damage(wheel)
    before = snapshot()
    done = run_from(wheel, "install")
    assert done.returncode == 1 and says in done.stderr and "sudo make install" in done.stderr, done.stderr
    assert snapshot() == before and leftovers() == []


def test_not_from_a_virtual_environment(whole: object) -> None:  # noqa: F811
    assert sys.prefix != sys.base_prefix  # tox's
    before = snapshot()
    done = subprocess.run([sys.executable, "-m", "pam_mktemp_py.cli.main", "install"], capture_output=True, text=True,
                          cwd="/")
    assert done.returncode == 1 and "virtual environment" in done.stderr and "sudo make install" in done.stderr
    assert snapshot() == before


def test_not_by_a_user(alice: None, as_user, whole: object) -> None:  # noqa: F811
    import pwd
    for word in ("install", "uninstall"):
        done = as_user(pwd.getpwnam("alice"), ["pam-mktemp", word])
        assert done.returncode == 3 and done.stderr.endswith("run it as root\n"), done.stderr


@pytest.mark.parametrize("umask", [0, 0o077])
def test_from_itself_all_is_put_right(enabled: object, whole: dict[str, object], umask: int) -> None:  # noqa: F811
    for path in (module(), Path("/usr/share/man/man1/pam-mktemp.1"), Path("/usr/lib/tmpfiles.d/pam_mktemp.conf")):
        path.unlink()
    COMMAND.write_text(COMMAND.read_text() + "# by hand\n")
    COMMAND.chmod(0o700)
    shutil.rmtree(LIB / "pam_mktemp_py/__pycache__")
    CONFIG.write_text("stage = 'env'\n")
    CONFIG.chmod(0o600)
    shown = {step["path"]: step["action"] for step in ask("install", "--dry-run")["steps"]}
    assert (shown[str(module())], shown[str(COMMAND)], shown[str(CONFIG)]) == ("new", "replaced", "kept")
    assert not module().exists()
    ours("install", umask=umask)
    now = snapshot()
    assert now.pop(str(CONFIG))[4] == b"stage = 'env'\n" and whole.pop(str(CONFIG), True)
    assert now == whole
    again = {step["action"] for step in ask("install")["steps"]}
    assert again == {"replaced", "same", "kept"}  # the planner's folder, and nothing else
    logs_in()


def test_from_itself_only_what_was_installed(whole: object) -> None:  # noqa: F811
    with open(LIB / "pam_mktemp_py/planner.py", "a") as file:
        file.write("# by hand\n")
    done = ours("install", status=1)
    assert "planner.py: is missing or was changed since it was installed" in done.stderr
    assert make_install().returncode == 0
    ours("install")


def test_it_is_logged(whole: object, syslog) -> None:  # noqa: F811
    ours("install")
    ours("install", "--dry-run")
    assert "version" in syslog.wait_for(r"\[installed\]") and len(syslog.find(r"\[installed\]")) == 1


def test_destdir_holds_what_root_would_have(whole: object, place: Path) -> None:  # noqa: F811
    ours("install", "--destdir", str(place / "root"), "--prefix", "/opt/x")
    assert (place / "root/opt/x/bin/pam-mktemp").exists() and (place / f"root{LIB}/__main__.py").exists()
    assert (place / f"root{module()}").read_bytes() == module().read_bytes()


@pytest.mark.parametrize("name", ["PREFIX", "SECURITYDIR", "SYSCONFDIR", "LIBDIR"])
def test_a_place_that_cannot_be_is_refused(whole: object, name: str) -> None:  # noqa: F811
    """Neither waited for, nor half installed: of a relative one it would not be known where it is."""
    before = snapshot()
    wrong = "/opt/planner" if name == "LIBDIR" else "some/where"
    done = subprocess.run(["make", "-s", "-C", CHECKOUT, "install", "DESTDIR=", "PREFIX=/usr", f"{name}={wrong}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"install: {wrong}: " in done.stderr, done.stdout + done.stderr
    assert snapshot() == before and not os.path.lexists(CHECKOUT / "some") and not os.path.lexists("/opt/planner")


def test_from_a_folder_that_is_gone(whole: object, tmp_path: Path) -> None:  # noqa: F811
    """Every path is absolute, so it does not matter."""
    done = subprocess.run(["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec pam-mktemp install -n'],
                          cwd=tmp_path, env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
