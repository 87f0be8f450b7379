"""Upgrades: old and new parts of it mixed, logins that happen meanwhile, and another Python."""
from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pam_mktemp_py.pamstack import pieces
from tests.privileged.logins.session import LINE, away, eventually, logged, su, variables
from tests.privileged.pam_host import processes
from tests.privileged.setup.installed import (  # noqa: F401  fixtures
    LIB, alice, ask, enabled, logs_in, make_install, module, ours, whole,
)
from tests.sandbox import accounts, capabilities
from tests.sandbox.state import CHECKOUT, run
from tests.sandbox.syslog import Syslog

OLD = "tests/releases/plan-2.tar.gz"  # as it was when the format got its number
PYTHON = Path("/usr/bin/python3")
OTHER = CHECKOUT / "build/other-python/python"  # contrib/setup/other-python
CLOSED = LINE + " fail=closed"
PLANS = Path("/run/pam-mktemp/plans")


def copy_of(name: str, edits: dict[str, list[tuple[str, str]]]) -> Path:
    """A checkout of another version: the sources with these edits, built."""
    top = Path("/opt/versions", name)
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for part in ("Makefile", "CHANGELOG.md", "contrib", "shims", "pam_mktemp_py", "build/manual", "build/completion"):
        (top / part).parent.mkdir(exist_ok=True)
        run("cp", "-a", CHECKOUT / part, top / part)
    for file, changes in edits.items():
        text = (top / file).read_text()
        for before, after in changes:
            assert text.count(before) == 1, (file, before)
            text = text.replace(before, after)
        (top / file).write_text(text)
    build(top, *(piece.source for piece in pieces.PIECES if piece.source.startswith("build/pam")))
    return top


def build(top: Path, *programs: str) -> None:
    """What is in C, where it shall be warned of nothing that is not its business."""
    run("make", "-s", "-C", top, *programs)


NEXT = {  # as pamstack/install.py says that a next version must be
    "shims/plan/parse.c": [(r'WORD(format, "2\0" "3\0")', r'WORD(format, "2\0" "3\0" "4\0")')],
    "shims/pam/start.c": [('FORMAT=3"', 'FORMAT=4"'), ('"3:"', '"4:"')],
    "pam_mktemp_py/plan.py": [("VERSION = 3\n", "VERSION = 4\n")],
}
RUDE = {  # and as it must not: another number, and nothing else
    "shims/plan/parse.c": [(r'WORD(format, "2\0" "3\0")', r'WORD(format, "4\0")')],
    "pam_mktemp_py/plan.py": [("VERSION = 3\n", "VERSION = 4\n")],
    "pam_mktemp_py/planner.py": [("    return max(plan.OLDEST, min(int(wish), plan.VERSION)) if wish.isdigit() "
                                  "else plan.OLDEST\n", "    return plan.VERSION\n")],
}


@pytest.fixture(scope="module")
def next_version() -> Path:
    """The next format of plans, done as it should be."""
    return copy_of("next", NEXT)


@pytest.fixture(scope="module")
def rude_version() -> Path:
    """And as it should not."""
    return copy_of("rude", RUDE)


@pytest.fixture(scope="module")
def old_version() -> Path:
    """A real one. A file and not a commit: a clone may be shallow, and an sdist has none."""
    top = Path("/opt/versions/old")
    top.mkdir(parents=True)
    run("tar", "-x", "-f", CHECKOUT / OLD, "-C", top)
    build(top, pieces.MODULE, pieces.LAUNCH)
    return top


def install(top: Path, *, only: str = "") -> None:
    """What `make install` of a version does after building, or its module or planner alone."""
    if only == "module":
        run("install", "-m", "644", top / pieces.MODULE, f"{module()}.new")
        os.rename(f"{module()}.new", module())
        return
    kept = module().read_bytes()
    security = {"SECURITYDIR": pieces.security_dir(), "DESTDIR": "", "PREFIX": "/usr", "SYSCONFDIR": "/etc",
                "LIBDIR": str(LIB), "PYTHON": str(PYTHON)}
    subprocess.run([top / "contrib/setup/install"], env=security | {"PATH": "/usr/bin:/bin"}, check=True)
    if only == "planner":
        module().write_bytes(kept)


def versions(request: pytest.FixtureRequest, *names: str) -> list[Path]:
    return [CHECKOUT if name == "this" else request.getfixturevalue(f"{name}_version") for name in names]


def expired() -> None:
    """The plans that there are can be read, and are not fresh."""
    for path in PLANS.iterdir():
        path.write_text(re.sub("(?m)^expires .*$", "expires 1", path.read_text()))


@pytest.mark.parametrize(("of_module", "of_planner", "of_plan"), [
    ("old", "this", "this"), ("this", "old", "old"), ("old", "this", "old"), ("this", "old", "this"),
    ("next", "this", "this"), ("this", "next", "next"), ("this", "this", "next"), ("next", "next", "this"),
    ("next", "this", "next"), ("this", "this", "rude"), ("old", "next", "old"), ("old", "next", "next"),
])
def test_mixed(request: pytest.FixtureRequest, enabled, whole: object,  # noqa: F811
               of_module: str, of_planner: str, of_plan: str) -> None:
    """Also where the policy is to refuse who gets no directory."""
    enabled("su", Path("/etc/pam.d/su").read_text().replace(LINE, CLOSED).splitlines())
    first, second, third = versions(request, of_module, of_planner, of_plan)
    install(third)
    logs_in()  # and there is a plan
    install(second, only="planner")
    install(first, only="module")
    logs_in()
    expired()
    logs_in()
    for path in PLANS.iterdir():
        path.unlink()
    logs_in()


@pytest.mark.parametrize(("of_module", "of_planner"), [("rude", "this"), ("this", "rude")])
def test_a_format_that_nobody_understands(request: pytest.FixtureRequest, enabled, whole: object,  # noqa: F811
                                          syslog: Syslog, of_module: str, of_planner: str) -> None:
    """The failure policy decides, and the default turns nobody away."""
    first, second = versions(request, of_module, of_planner)
    install(second, only="planner")
    install(first, only="module")
    logs_in(private=False)
    assert "failed-open" in logged(syslog)
    enabled("su", Path("/etc/pam.d/su").read_text().replace(LINE, CLOSED).splitlines())
    assert su("alice").returncode != 0 and su("root").returncode == 0
    install(second)
    logs_in()


def test_words_of_a_newer_module(whole: object, enabled: object, syslog: Syslog) -> None:  # noqa: F811
    run(PYTHON, "-I", "-S", "-B", LIB / "__main__.py", "alice", "su", "/etc/security/pam_mktemp.toml", "format=9", "x")
    assert (PLANS / "alice:su").exists()
    assert "'format=9', 'x'" in syslog.wait_for(r"\[planner-usage\]")


def test_each_who_waits_gets_the_format_of_his_own_module(whole: object, enabled: object) -> None:  # noqa: F811
    """One planner serves all, and a login under way may have loaded the module before an upgrade, or after it."""
    config, queue = "/etc/security/pam_mktemp.toml", PLANS.with_name("queue")
    logs_in()
    asked = {"sshd": config, "cron": f"1:{config}", "login": f"2:{config}", "cups": f"9:{config}", "at": f"x:{config}",
             "atd": f"3:{config}"}
    for service, wish in asked.items():
        (queue / f"alice:{service}").symlink_to(wish)
    run("env", "PAM_MKTEMP_FORMAT=3", PYTHON, "-I", "-S", "-B", LIB / "__main__.py", "alice", "su", config)
    formats = {service: (PLANS / f"alice:{service}").read_text().split("\n")[0][-1] for service in ["su", *asked]}
    assert formats == {"su": "3", "sshd": "2", "cron": "2", "login": "2", "cups": "3", "at": "2", "atd": "3"}
    assert not list(queue.iterdir())
    run(PYTHON, "-I", "-S", "-B", LIB / "__main__.py", "alice", "su", config)
    assert (PLANS / "alice:su").read_text().startswith("pam-mktemp-plan 2\n")


class Logins(threading.Thread):
    """su, over and over, each time without a plan; what went wrong."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.account = name
        self.over = threading.Event()
        self.wrong: list[str] = []
        self.count = 0

    def run(self) -> None:
        """Until it is told that it is over."""
        while not self.over.is_set():
            (PLANS / f"{self.account}:su").unlink(missing_ok=True)
            done = su(self.account)
            self.count += 1
            if done.returncode or variables(done.stdout).get("TMPDIR") != f"/tmp/.private/{self.account}/tmp":
                self.wrong.append(f"{done.returncode} {done.stderr} {variables(done.stdout)}")


@pytest.fixture
def logins(alice: None) -> Iterator[Callable[[], list[Logins]]]:  # noqa: F811
    """Two accounts that log in all the time."""
    accounts.add("bob", uid=2102)
    running = [Logins("alice"), Logins("bob")]

    def start() -> list[Logins]:
        for one in running:
            one.start()
        return running

    yield start
    for one in running:
        one.over.set()
        one.join()
    accounts.remove("bob")


@pytest.mark.parametrize(("other", "times"), [
    ("old", 3), ("next", 4), pytest.param("next", 10, marks=pytest.mark.long)])
def test_nobody_is_kept_out_during_upgrades(
    request: pytest.FixtureRequest, enabled, whole: object, logins, syslog: Syslog, other: str,  # noqa: F811
    times: int,
) -> None:
    """There and back, with all logins in need of a planner. The old version's own script leaves no such promise."""
    enabled("su", Path("/etc/pam.d/su").read_text().replace(LINE, CLOSED).splitlines())
    [there] = versions(request, other)
    running = logins()
    for _ in range(times):
        install(there, only="module" if other == "old" else "")
        install(CHECKOUT)
    for one in running:
        one.over.set()
        one.join()
    assert [one.wrong for one in running] == [[], []], syslog.lines[-20:]
    assert min(one.count for one in running) >= 5
    assert set(logged(syslog)) <= {"installed", "planner-usage"}


def test_no_planner_gets_half_of_another_version(whole: object, enabled: object) -> None:  # noqa: F811
    """One that runs imports late, by names that lead to the new version: the installation waits for its end."""
    slow = copy_of("slow", {"pam_mktemp_py/planner.py": [(
        "    until = time.monotonic() + SERVE_SECONDS\n",
        "    open('/run/started', 'w')\n    while not os.path.exists('/run/go'):\n        time.sleep(0.01)\n"
        "    until = time.monotonic() + SERVE_SECONDS\n")]})
    install(slow)
    before = LIB.stat().st_ino
    with subprocess.Popen(["su", "-s", "/bin/sh", "alice", "-c", "env"], stdout=subprocess.PIPE, text=True) as login:
        eventually(Path("/run/started").exists, "the planner")
        with subprocess.Popen(["make", "-s", "-C", CHECKOUT, "install", "DESTDIR=", "PREFIX=/usr"]) as installation:
            eventually(lambda: any("slots/" in name for name in open_files("contrib/setup/install")), "its wait")
            assert LIB.stat().st_ino == before
            Path("/run/go").touch()
            assert installation.wait() == 0
        assert login.stdout and "TMPDIR=/tmp/.private/alice/tmp\n" in login.stdout.read()
    assert LIB.stat().st_ino != before


def open_files(command: str) -> list[str]:
    """What the processes of this command line have open."""
    found = []
    for pid in processes(command):
        with contextlib.suppress(OSError):  # it ends
            found += [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    return found


@pytest.fixture
def another_python(enabled: object, whole: object) -> Iterator[None]:  # noqa: F811
    """/usr/bin/python3 is of another minor version, as after an upgrade of the distribution."""
    capabilities.need(OTHER.exists(), "no other Python: contrib/setup/other-python makes it")
    logs_in()  # with what the old one leaves: the compiled configuration, a plan
    with away(PYTHON):
        PYTHON.symlink_to(OTHER)
        yield
        PYTHON.unlink()


def test_the_first_login_with_another_python(another_python: None, syslog: Syslog) -> None:
    version = run(PYTHON, "-c", "import sys; print(*sys.version_info[:2])")
    assert version != run(PYTHON.with_name("python3.away"), "-c", "import sys; print(*sys.version_info[:2])")
    for path in PLANS.iterdir():
        path.unlink()
    logs_in()
    assert logged(syslog) == []
    tag = run(PYTHON, "-c", "import sys; print(sys.implementation.cache_tag)").strip()
    assert not list(LIB.rglob(f"*.{tag}.pyc"))  # a login compiles nothing into root's folders
    ours("install")
    assert (LIB / f"pam_mktemp_py/__pycache__/planner.{tag}.pyc").exists()
    assert not [path for path in LIB.rglob("*.pyc") if tag not in path.name]
    for path in PLANS.iterdir():
        path.unlink()
    logs_in()
    assert ask("install", "--dry-run")["finding"] is False
