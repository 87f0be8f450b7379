"""pam-mktemp-launch: which plans it takes, what it does without one, and that it never runs a command half prepared."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import LAUNCH, RUN, SHOW, good, mounts, number, own, start

pytestmark = pytest.mark.usefixtures("fresh_state")
PLANS = Path("/run/pam-mktemp/plans")
CONFIG = Path("/etc/security/pam_mktemp.toml")
PLAN = PLANS / "alice:run"
HERS = own("alice") / ".run-plan"
PREPARES = Path("/usr/lib/pam-mktemp-run")
AWAY = Path("/usr/lib/pam-mktemp-run.away")


@pytest.fixture(autouse=True)
def prepared(fresh_state: None, alice: Any, bob: Any) -> None:
    """Both have their directories, and plans for root and for themselves."""
    for who in (alice, bob):
        good(*RUN, "-u", who.pw_name, "--", "true")
        good(*RUN, "--", "true", user=who)


def in_hers(*words: str, **options: Any) -> None:
    assert good(*LAUNCH, *words, "sh", "-c", SHOW, **options) == number(own("alice"))


def without_the_planner(*words: str, **options: Any) -> int:
    """The status where the launcher has to do with what plan there is."""
    PREPARES.rename(AWAY)
    try:
        return start(*LAUNCH, *words, **options).returncode
    finally:
        AWAY.rename(PREPARES)


def lines(text: str, key: str, instead: str = "") -> str:
    """The plan with something else for each line of that key."""
    return "".join(instead if line.startswith(key + " ") else line for line in text.splitlines(keepends=True))


CONTENT: dict[str, Callable[[str], str]] = {
    "another's": lambda _: (PLANS / "bob:run").read_text(),
    "old": lambda text: lines(text, "expires", "expires 1\n"),
    "without mounts": lambda text: lines(text, "mount"),
    "cut": lambda text: text[:200],
    "empty": lambda text: "",
    "large": lambda text: text + "#" * 20000,
}
FILES: dict[str, Callable[[Path], object]] = {
    "writable": lambda path: path.chmod(0o620),
    "bob's": lambda path: os.chown(path, 2102, 2102),
    "missing": lambda path: path.unlink(),
    "gone source": lambda path: Path("/tmp/.X11-unix").rmdir(),
}
SPOILT = [*CONTENT, *FILES]


def spoil(how: str, path: Path) -> None:
    """Make a plan one that is of no use."""
    if how in CONTENT:
        with path.open("r+") as file:  # not to be created: fs.protected_regular
            text = CONTENT[how](file.read())
            file.seek(0)
            file.truncate()
            file.write(text)
    else:
        FILES[how](path)


@pytest.mark.parametrize("how", SPOILT)
def test_roots_plan_is_renewed(how: str) -> None:
    spoil(how, PLAN)
    assert without_the_planner("-u", "alice", "true") == 125
    in_hers("-u", "alice")
    assert without_the_planner("-u", "alice", "true") == 0, "it was renewed"


@pytest.mark.parametrize("how", SPOILT)
def test_ones_own_plan_is_renewed(how: str, alice: Any) -> None:
    spoil(how, HERS)
    if how in ("writable", "bob's", "gone source"):
        good(*LAUNCH, "-u", "alice", "true")  # makes the source again
    assert without_the_planner("true", user=alice) == 125
    in_hers(user=alice)


def given(plan: Path, *words: str, **options: Any) -> Any:
    """The launcher with a plan behind a descriptor: whoever has opened it answers for it."""
    with open(plan) as file:
        return start(*LAUNCH, *words, "-p", str(file.fileno()), "sh", "-c", f"{SHOW}; ls /proc/$$/fd",
                     pass_fds=[file.fileno()], **options)


@pytest.mark.parametrize("how", [*CONTENT, "gone source"])
def test_a_plan_that_was_given(how: str) -> None:
    plan = Path("/var/tmp/plan")
    shutil.copy(str(PLAN), str(plan))
    assert given(plan, "-u", "alice").stdout == f"{number(own('alice'))}0\n1\n2\n"
    spoil(how, plan)
    done = given(plan, "-u", "alice")
    assert (done.returncode, done.stdout) == (125, "") and "the given plan: " in done.stderr, done.stderr
    plan.unlink(missing_ok=True)
    assert start(*LAUNCH, "-u", "alice", "-p", "99", "true").returncode == 125


def test_for_whom(alice: Any, bob: Any) -> None:
    assert given(PLAN, "-u", "bob").returncode == given(PLAN).returncode == given(HERS, user=bob).returncode == 125
    done = start(*LAUNCH, "-u", "bob", "true", user=alice)
    assert done.returncode == 125 and "only root can" in done.stderr


def test_a_changed_configuration(alice: Any) -> None:
    before = CONFIG.read_text() if CONFIG.exists() else None
    try:
        CONFIG.write_text('[mounts."/tmp"]\nnoexec = true\n')
        for words, who in ((("-u", "alice"), None), ((), alice)):
            assert "noexec" in good(*LAUNCH, *words, "grep", " /tmp ", "/proc/self/mountinfo", user=who)
    finally:
        CONFIG.unlink() if before is None else CONFIG.write_text(before)


def test_an_exchanged_directory() -> None:
    before = number(own("alice"))
    Path("/tmp/.private/alice").chmod(0o750)
    in_hers("-u", "alice")
    assert number(own("alice")) != before


def test_a_mount_point_that_became_the_users(alice: Any) -> None:
    """A cleaner removed what was empty, and she, or her own run, made it again: root's jobs go on at once."""
    for name in (".X11-unix", ".private"):
        (own("alice") / name).rmdir()
        good("mkdir", str(own("alice") / name), user=alice)
        assert without_the_planner("-u", "alice", "true") == 125
        in_hers("-u", "alice")
        assert without_the_planner("-u", "alice", "true") == 0, "it was renewed"
        assert (own("alice") / name).stat().st_uid == 0


def test_variables_of_the_account(alice: Any) -> None:
    """As the account is now, not when the plan was made; root's plan is the same one with -u root and without it."""
    script = "echo $HOME $USER $LOGNAME"
    good("usermod", "--home", "/srv/alice", "alice")
    try:
        assert without_the_planner("-u", "alice", "sh", "-c", script) == 0
        assert good(*LAUNCH, "-u", "alice", "sh", "-c", script) == "/srv/alice alice alice\n"
    finally:
        good("usermod", "--home", alice.pw_dir, "alice")
    callers = {"HOME": "/srv", "USER": "x", "LOGNAME": "y"}
    for words in (("-u", "root"), ()):
        good(*RUN, *words, "--", "true", env=callers)
        assert good(*LAUNCH, "-u", "root", "sh", "-c", script, env=callers) == "/root root root\n"
        assert good(*LAUNCH, "sh", "-c", script, env=callers) == "/srv x y\n"


def test_a_source_of_anybodys() -> None:
    """Without its flag a plan's source is root's: what has the inode number of a directory that was removed is not."""
    Path("/tmp/his").mkdir()
    os.chown("/tmp/his", 2102, 2102)
    about = Path("/tmp/his").stat()
    plan = Path("/var/tmp/plan")
    for flags, status in ((6, 125), (262, 0)):
        line = f"mount /tmp/his {about.st_dev} {about.st_ino} /tmp/.ICE-unix {flags}\n"
        plan.write_text("".join([*PLAN.read_text().splitlines(keepends=True)[:-2], line, "end\n"]))
        done = given(plan, "-u", "alice")
        assert done.returncode == status, done.stderr
    plan.unlink()


STEPS = [(call, f"error={error}:when={when}") for call, error, when in (
    ("unshare", "ENOSPC", 1), ("mount", "EPERM", 1), ("open_tree", "EACCES", 1), ("open_tree", "EACCES", 4),
    ("mount_setattr", "EPERM", 2), ("move_mount", "EPERM", 1), ("move_mount", "EBUSY", 4))]
ROOTS = [("setgroups", "error=EPERM"), ("setgid", "error=EPERM"), ("setuid", "error=EAGAIN"), ("setuid", "retval=0")]


@pytest.mark.parametrize(("call", "fault"), STEPS + ROOTS)
@pytest.mark.parametrize("who", ["root", "user"])
def test_each_step_failed_once(call: str, fault: str, who: str, alice: Any) -> None:
    """The command never runs, nothing stays mounted, and it is told what failed."""
    if who == "user" and (call, fault) in ROOTS:
        return
    before = mounts()
    words = ["strace", "-f", "-qq", "-o", "/dev/null", f"--inject={call}:{fault}", *LAUNCH]
    words += ["-u", "alice"] if who == "root" else []
    done = start(*words, "sh", "-c", "echo ran", user=alice if who == "user" else None)
    assert (done.returncode, done.stdout) == (125, ""), done.stderr
    assert done.stderr.startswith("pam-mktemp-launch: ") and done.stderr.count("\n") == 1, done.stderr
    assert mounts() == before


def test_ids_are_not_left_behind() -> None:
    status = good(*LAUNCH, "-u", "alice", "grep", "-E", "^(Uid|Gid|Groups|Cap)", "/proc/self/status")
    assert set(status.split()) == {"Uid:", "Gid:", "Groups:", "2101", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
                                   "CapAmb:", "0000000000000000", *[word for word in status.split() if "ff" in word]}
    for line in ("CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"):
        assert line in status


def test_a_name_in_the_environment_is_only_a_hint(alice: Any, bob: Any) -> None:
    for name in ("alice", "bob", "root", "nosuch", "../../srv", ""):
        in_hers(user=alice, env={"LOGNAME": name})
    assert without_the_planner("true", user=alice, env={"LOGNAME": "bob"}) == 125
    os.chmod("/tmp/.private/bob", 0o755)  # though nobody but root could do that
    (own("bob") / ".run-plan").chmod(0o644)
    assert without_the_planner("true", user=alice, env={"LOGNAME": "bob"}) == 125


def test_not_setuid() -> None:
    found = Path("/usr/bin/pam-mktemp-launch").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (0, 0o755)
    assert subprocess.run(["getcap", "/usr/bin/pam-mktemp-launch"], capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize("user", ["root", "alice"])
@pytest.mark.parametrize("words", [("./job", "x y"), ("job", "x y"), ("--", "./job", "x y"), ("/srv/jobs/job", "x y")])
def test_a_script_without_interpreter(user: str, words: tuple[str, ...], alice: Any) -> None:
    """As execvp(3) has it, and so cron, nohup and the like: sh runs it."""
    jobs = Path("/srv/jobs")
    jobs.mkdir(parents=True)
    try:
        for name in ("job", "a=b"):
            (jobs / name).write_text('echo "$1" of $PPID\n')
            (jobs / name).chmod(0o755)
        options: dict[str, Any] = {"cwd": jobs, "env": {"PATH": f"/usr/bin:{jobs}"}} | (
            {"user": alice} if user == "alice" else {})
        assert good(*LAUNCH, *words, **options).startswith("x y of ")
        assert start(*LAUNCH, "./a=b", "true", **options).returncode == (126 if user == "alice" else 0)
    finally:
        shutil.rmtree(jobs)
