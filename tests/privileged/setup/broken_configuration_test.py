"""Ways to break the configuration: each is told with its place, and the last good plan serves real logins meanwhile."""
from __future__ import annotations

import contextlib
import json
import os
import pwd
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.config import files
from tests.privileged.logins.conftest import machine, people, stack  # noqa: F401  fixtures
from tests.privileged.logins.session import CONFIG, all_four, configure, su, variables
from tests.sandbox.state import run
from tests.sandbox.syslog import Syslog

pytestmark = pytest.mark.usefixtures("machine")
FOLDER = CONFIG.with_suffix(".d")
DROP_IN = FOLDER / "imported.toml"
GOOD = 'stage = "env"\nfresh_for = 3600\n'
NAMESPACE = "/tmp /i/ user root,bob\n"
MINE = 3001  # alice


def check(status: int = 0) -> Any:
    """config check, as root."""
    done = subprocess.run(["pam-mktemp", "--json", "config", "check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def write(text: str | bytes, mode: int = 0o644, owner: int = 0, path: Path = CONFIG) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chown(path, owner, owner)
    path.chmod(mode)


def instead(make: Callable[[], Any]) -> None:
    """Something else in the file's place."""
    CONFIG.unlink()
    make()


def folder_elsewhere(owner: int) -> None:
    place = Path("/home/alice/conf")
    place.mkdir()
    os.chown(place, owner, owner)
    (place / "a.toml").write_text('stage = "off"\n')
    FOLDER.symlink_to(place)


def folder_of(owner: int, mode: int) -> None:
    configure('stage = "off"\n', "a.toml")
    os.chown(FOLDER, owner, owner)
    FOLDER.chmod(mode)


# What is done, and what is then said; {} is the file.
BROKEN: dict[str, tuple[Callable[[], Any], str]] = {
    "half written": (lambda: write(GOOD[:-6] + 'x = "'), "{}:2: is not valid TOML"),
    "cut in a table": (lambda: write(GOOD + "[directories.ca"), "{}:3: is not valid TOML"),
    "link": (lambda: instead(lambda: CONFIG.symlink_to("/home/alice/x")), "{}: is a symbolic link"),
    "link to root's": (lambda: instead(lambda: CONFIG.symlink_to("/etc/security/limits.conf")), "{}: is a symbolic"),
    "wrong owner": (lambda: write('stage = "off"\n', owner=MINE), "{}: belongs to uid 3001"),
    "group-writable": (lambda: write('stage = "off"\n', mode=0o664), "{}: can be written by others (mode 0664)"),
    "CR LF": (lambda: write(GOOD.replace("\n", "\r\n")), "{}:1: holds a carriage return"),
    "byte order mark": (lambda: write(b"\xef\xbb\xbf" + GOOD.encode()), "{}:1: begins with a byte order mark"),
    "NUL": (lambda: write(GOOD + 'services = ["\0"]\n'), "{}:3: is not valid TOML"),
    "no UTF-8": (lambda: write(GOOD.encode() + b"# \xff\n"), "{}:3: holds the byte 0xff"),
    "duplicate key": (lambda: write(GOOD + "\nstage = 'off'\n"),
                      "{}:4: is not valid TOML: 'stage' is set for the second time"),
    "unknown key": (lambda: write(GOOD + "stag = 'off'\n"), "{}:3: unknown key 'stag'; did you mean 'stage'?"),
    "wrong value": (lambda: write("\nmin_uid = true\n"), "{}:2: min_uid is true"),
    "directory": (lambda: instead(CONFIG.mkdir), "{}: is a directory"),
    "FIFO": (lambda: instead(lambda: os.mkfifo(CONFIG, 0o644)), "{}: is a FIFO"),
    "socket": (lambda: instead(lambda: os.mknod(CONFIG, 0o140644)), "{}: is a socket"),
    "too large": (lambda: write(GOOD + "#" * files.LARGEST), "{}: is larger than 65536 bytes"),
    "nested too deeply": (lambda: write("a = " + "[" * 5000), "{}: is nested too deeply"),
    "folder is a link": (lambda: folder_elsewhere(MINE), f"{FOLDER}: is a symbolic link"),
    "folder is a link of root's": (lambda: folder_elsewhere(0), f"{FOLDER}: is a symbolic link"),
    "folder of another": (lambda: folder_of(MINE, 0o755), f"{FOLDER}: belongs to uid 3001"),
    "folder open to others": (lambda: folder_of(0, 0o777), f"{FOLDER}: can be written by others"),
    "folder is a file": (lambda: FOLDER.write_text(""), f"{FOLDER}: is a regular file"),
    "drop-in": (lambda: configure("\nstage = 'of'\n", "9.toml"), f"{FOLDER}/9.toml:2: stage is 'of'"),
}


@pytest.fixture
def good() -> Iterator[None]:
    """A configuration with which alice has logged in. What a test leaves in its place is removed."""
    configure(GOOD)
    assert variables(su("alice").stdout) == all_four("alice")
    yield
    for path in (CONFIG, FOLDER):
        if path.is_dir() and not path.is_symlink():
            run("rm", "-rf", path)
        else:
            path.unlink(missing_ok=True)
    run("rm", "-rf", "/home/alice/conf")


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_told_and_the_last_good_plan_serves(name: str, good: None) -> None:
    act, message = BROKEN[name]
    act()
    found = check(1)
    said = [f"{each['file']}:{each['line']}: {each['what']}; {each['do']}" for each in found["errors"]]
    wanted = message.format(CONFIG)
    assert not found["valid"]
    assert any(each.replace(":0: ", ": ").startswith(wanted) for each in said), said
    done = su("alice")
    assert (done.returncode, done.stderr) == (0, "") and variables(done.stdout) == all_four("alice")
    assert os.readlink("/run/pam-mktemp/failures/alice:su").split(" ", 2)[2].startswith(wanted[:60])


def test_a_file_that_root_alone_may_read_is_used(good: None, as_user: Any) -> None:
    write('exempt_users = ["alice"]\n', mode=0)
    assert check()["valid"] and variables(su("alice").stdout) == {}
    done = as_user(pwd.getpwnam("bob"), ["pam-mktemp", "config", "check"])
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"pam-mktemp: {CONFIG}: cannot be opened: Permission denied; run it as root\n"


def test_an_ordinary_user_checks_and_is_shown_it(good: None, as_user: Any) -> None:
    bob = pwd.getpwnam("bob")
    assert as_user(bob, ["pam-mktemp", "config", "check"]).returncode == 0
    shown = as_user(bob, ["pam-mktemp", "config", "show", "stage"]).stdout
    assert shown == f'Settings\n  stage  "env"  {CONFIG}:1\n'
    write("x")
    assert as_user(bob, ["pam-mktemp", "config", "check"]).returncode == 1


def test_edited_while_it_is_read(good: None) -> None:
    """Renamed into place over and over: one of the two is read, or it is said that it changes."""
    stop = threading.Event()

    def edit() -> None:
        new = CONFIG.with_name("new")
        while not stop.is_set():
            for text in (GOOD, '[directories.cache]\nvariables = ["X"]\n'):
                new.write_text(text)
                new.rename(CONFIG)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        for _ in range(8):
            done = subprocess.run(["pam-mktemp", "--json", "config", "check"], capture_output=True, text=True)
            said = [each["what"] for each in json.loads(done.stdout)["errors"]]
            assert said in ([], ["it or a drop-in changes while it is read"]), said
            assert done.returncode == bool(said)
    finally:
        stop.set()
        editor.join()


def import_it(*words: str, status: int = 0, source: str = "/etc/security/test.conf") -> Any:
    """config import --write of two exempt accounts; the finished process."""
    Path(source).write_text(NAMESPACE)
    done = subprocess.run(["pam-mktemp", "config", "import", source, "--format", "namespace", "--write", *words],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def state() -> dict[str, tuple[object, ...]]:
    """All of the configuration, byte for byte."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [CONFIG, FOLDER, *(FOLDER.iterdir() if FOLDER.is_dir() else ())]:
        if os.path.lexists(path):
            about = path.lstat()
            text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (about.st_ino, about.st_mode, about.st_uid, text)
    return found


def test_import_counts_for_the_next_login(good: None, syslog: Syslog) -> None:
    assert variables(su("bob").stdout) == all_four("bob")
    import_it()
    about = DROP_IN.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777, FOLDER.stat().st_mode & 0o7777) == (0, 0, 0o644, 0o755)
    assert variables(su("bob").stdout) == {} and variables(su("alice").stdout) == all_four("alice")
    syslog.wait_for(r"\[config-imported\] /etc/security/pam_mktemp.d/imported.toml: from /etc/security/test.conf")
    before = state()
    import_it()
    assert state() == before


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    run("mount", "--bind", "/etc", "/etc")
    run("mount", "-o", "remount,bind,ro", "/etc")
    yield
    run("umount", "/etc")


@contextlib.contextmanager
def full() -> Iterator[None]:
    FOLDER.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=4k,mode=755", "test", FOLDER)
    (FOLDER / "a.toml").write_text("min_uid = 5\n")
    yield
    run("umount", FOLDER)


@contextlib.contextmanager
def planted(act: Callable[[], Any]) -> Iterator[None]:
    FOLDER.mkdir(exist_ok=True)
    act()
    yield


REFUSED: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[None]], int, str]] = {
    "read-only /etc": (read_only, 3, "Read-only file system"),
    "full disk": (full, 3, "No space left on device"),
    "a link": (lambda: planted(lambda: DROP_IN.symlink_to("/etc/passwd")), 1, "no regular file"),
    "a directory": (lambda: planted(DROP_IN.mkdir), 1, "no regular file"),
    "another file": (lambda: planted(lambda: DROP_IN.write_text("min_uid = 5\n")), 1, "is there already"),
    "a broken main file": (lambda: planted(lambda: write("x")), 1, f"could not be used with it: {CONFIG}:1: is not"),
    "a broken drop-in": (lambda: planted(lambda: configure("x = 1", "z.toml")), 1, "z.toml:1: unknown key 'x'"),
    "the folder is a link": (lambda: planted(lambda: (FOLDER.rmdir(), folder_elsewhere(0))), 1, "is a symbolic link"),
    "an open folder": (lambda: planted(lambda: FOLDER.chmod(0o777)), 1, "can be written by others"),
    "30 drop-ins": (lambda: planted(lambda: [configure("", f"{n}.toml") for n in range(30)]), 1, "31 drop-ins"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_import_refused_leaves_all_as_it_was(name: str, good: None) -> None:
    surroundings, status, message = REFUSED[name]
    with surroundings():
        before = state()
        done = import_it(status=status, source="/home/test.conf")
        assert message in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""
        assert state() == before


@pytest.mark.parametrize("force", [False, True])
def test_import_that_cannot_be_made_sure_of(good: None, force: bool) -> None:
    """The disk fails when the folder shall be written out: nothing stays that was not said to be there."""
    FOLDER.mkdir()
    Path("/home/test.conf").write_text(NAMESPACE)
    if force:
        DROP_IN.write_text("min_uid = 5\n")
    before = {path: text for path, (*_, text) in state().items()}
    done = subprocess.run(["strace", "-f", "-o/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=2",
                           "pam-mktemp", "config", "import", "/home/test.conf", "--format", "namespace", "--write",
                           *(["--force"] if force else [])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "Input/output error" in done.stderr, done.stderr
    assert {path: text for path, (*_, text) in state().items()} == before


def test_import_of_a_file_that_another_may_have_written(good: None, as_user: Any) -> None:
    source = Path("/home/alice/mine.conf")
    write(NAMESPACE, owner=MINE, path=source)
    done = subprocess.run(["pam-mktemp", "config", "import", source, "--format", "namespace", "--write"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "another account could have written it" in done.stderr and not FOLDER.exists()
    done = as_user(pwd.getpwnam("alice"), ["pam-mktemp", "config", "import", "/etc/security/namespace.conf", "--write"])
    assert done.returncode == 3 and done.stderr.endswith("; run it as root\n")


def test_two_imports_at_once(good: None) -> None:
    """One writes; the other finds its file, the same one, or is told of it. Nothing else is left."""
    sources = []
    for number, users in enumerate(("root,bob", "root,mallory")):
        sources.append(Path(f"/home/{number}.conf"))
        sources[-1].write_text(f"/tmp /i/ user {users}\n")
    for _ in range(3):
        DROP_IN.unlink(missing_ok=True)
        both = [subprocess.Popen(["pam-mktemp", "config", "import", source, "--format", "namespace", "--write"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for source in sources]
        errors = [each.communicate(timeout=60)[1] for each in both]
        assert sorted(each.returncode for each in both) == [0, 1], errors
        assert "is there already" in "".join(errors) or "another has just made it" in "".join(errors)
        assert os.listdir(FOLDER) == ["imported.toml"] and check()["valid"]
