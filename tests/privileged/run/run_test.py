"""pam-mktemp run and pam-mktemp-launch: as root for an account, and by an account itself."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import LAUNCH, RUN, SHOW, good, mounts, number, own, start
from tests.sandbox.accounts import CLEAN

pytestmark = pytest.mark.usefixtures("fresh_state")
BOTH = pytest.mark.parametrize("program", [RUN, LAUNCH], ids=["run", "launch"])


@pytest.fixture(autouse=True)
def nothing_is_left(fresh_state: None) -> Iterator[None]:
    """The host sees no mount of any command's, and no process of ours stays."""
    before = mounts()
    yield
    assert mounts() == before


@pytest.fixture(params=["root", "user"])
def ask(request: pytest.FixtureRequest, alice: Any) -> Any:
    """A command with alice's /tmp, asked for by root or by alice, who has her directory."""
    good(*RUN, "--user", "alice", "--", "true")

    def asked(program: tuple[str, ...], *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        if request.param == "user":
            return start(*program, *words, user=alice, **options)
        return start(*program, "-u", "alice", *words, **options)

    asked.root = request.param == "root"  # type: ignore[attr-defined]
    return asked


@BOTH
def test_own_directory(ask: Any, program: tuple[str, ...]) -> None:
    Path("/tmp/hosts").touch()
    script = f"{SHOW}; {SHOW.replace('/tmp', '$TMPDIR')}; echo mine > /tmp/file; cat $TMPDIR/file; ls /tmp"
    done = ask(program, "--", "sh", "-c", script)
    lines = done.stdout.splitlines(keepends=True)
    assert lines[:3] == [number(own("alice"))] * 2 + ["mine\n"], done.stderr
    assert "hosts\n" not in lines and (own("alice") / "file").stat().st_uid == 2101


@BOTH
def test_who_it_runs_as(ask: Any, program: tuple[str, ...], alice: Any) -> None:
    subprocess.run(["groupadd", "--gid", "2500", "web"], check=True)
    try:
        subprocess.run(["usermod", "--append", "--groups", "web", "alice"], check=True)
        secret = Path("/srv/for-web")
        secret.write_text("read")
        os.chown(secret, 0, 2500)
        secret.chmod(0o640)
        done = ask(program, "--", "sh", "-c", f"id -u; id -g; cat {secret}; echo $HOME",
                   env={"HOME": "/root" if ask.root else "/home/alice"})
        assert done.stdout.split() == ["2101", "2101", "read/home/alice"], done.stderr
    finally:
        Path("/srv/for-web").unlink()
        subprocess.run(["groupdel", "--force", "web"], check=True)


@BOTH
def test_statuses(ask: Any, program: tuple[str, ...]) -> None:
    assert ask(program, "--", "sh", "-c", "exit 7").returncode == 7
    assert ask(program, "--", "sh", "-c", "kill -9 $$").returncode == -9
    assert ask(program, "--", "no-such-program").returncode == 127
    assert ask(program, "--", "/etc/passwd").returncode == 126
    assert start(*program, "-u", "nosuch", "--", "true").returncode == 125
    assert start(*LAUNCH).returncode == start(*LAUNCH, "-x", "true").returncode == 2, "as run says"


@BOTH
def test_no_process_stays_and_signals_pass(ask: Any, program: tuple[str, ...], alice: Any) -> None:
    whose = ("-u", "alice") if ask.root else ()
    identity: dict[str, Any] = {} if ask.root else {"user": 2101, "group": 2101, "extra_groups": ()}
    script = "trap '' HUP; trap 'echo stopped; exit 5' TERM; echo $$; while :; do sleep 0.05; done"
    with subprocess.Popen(["nohup", *program, *whose, "--", "sh", "-c", script], stdout=subprocess.PIPE, text=True,
                          env=CLEAN, cwd="/", stdin=subprocess.DEVNULL, **identity) as running:
        assert running.stdout and running.stdout.readline() == f"{running.pid}\n"
        assert Path(f"/proc/{running.pid}/exe").readlink().name == "dash"
        running.send_signal(signal.SIGHUP)
        running.send_signal(signal.SIGTERM)
        assert running.stdout.readline() == "stopped\n"
    assert running.returncode == 5


@BOTH
def test_only_its_own_descriptors(ask: Any, program: tuple[str, ...]) -> None:
    assert ask(program, "--", "sh", "-c", "ls /proc/$$/fd").stdout.split() == ["0", "1", "2"]


def test_terminal(ask: Any) -> None:
    whose = ("-u", "alice") if ask.root else ()
    identity: dict[str, Any] = {} if ask.root else {"user": 2101, "group": 2101, "extra_groups": ()}
    terminal, end = os.openpty()
    script = "ps -o stat= -p $$; read line; echo got $line"
    with subprocess.Popen(["setsid", "--ctty", *RUN, *whose, "--", "sh", "-c", script], stdin=end, stdout=end,
                          stderr=end, env=CLEAN, cwd="/", **identity) as running:
        os.close(end)
        os.write(terminal, b"a line\n")
        seen = ""
        while "got" not in seen:
            seen += os.read(terminal, 1000).decode()
        assert running.wait(10) == 0
    os.close(terminal)
    assert "+" in seen.replace("a line", "").split()[0] and "got a line" in seen, seen


@BOTH
def test_current_directory(ask: Any, program: tuple[str, ...]) -> None:
    Path("/tmp/only-here").mkdir()
    assert ask(program, "--", "pwd", cwd="/tmp/only-here").stdout == "/\n"
    assert ask(program, "--", "/bin/pwd", cwd="/usr/lib").stdout == "/usr/lib\n"
    Path("/tmp/x").write_text("the host's")
    done = ask(program, "--", "sh", "-c", "pwd; cat x", cwd="/tmp")
    assert (done.stdout, done.returncode) == ("/tmp\n", 1), "still in the host's"


@BOTH
def test_service(ask: Any, program: tuple[str, ...], alice: Any) -> None:
    good(*RUN, "-u", "alice", "-s", "web", "--", "true")
    for name, leaf in (("web", "svc-web"), (None, "tmp")):
        words = ("-s", name) if name else ()
        done = ask(program, *words, "--", "sh", "-c", f"{SHOW}; echo $TMPDIR")
        assert done.stdout == f"{number(own('alice', leaf))}{own('alice', leaf)}\n", done.stderr
    assert number(own("alice")) != number(own("alice", "svc-web"))


def test_fresh(ask: Any) -> None:
    good(*LAUNCH, "-u", "alice", "touch", "/tmp/old")
    done = ask(RUN, "--fresh", "--", "sh", "-c", "ls /tmp; echo $TMPDIR; touch /tmp/new; stat -f -c %T /tmp; "
               "test -w /tmp/.X11-unix && echo passed")
    assert done.stdout.split() == ["/tmp", "tmpfs", "passed"], done.stderr
    assert not (own("alice") / "new").exists()


def test_fresh_without_a_directory(bob: Any) -> None:
    assert good(*RUN, "--fresh", "--", "ls", "/tmp", user=bob) == ""


def test_noexec(ask: Any) -> None:
    script = ("cp /bin/true /tmp/x; $TMPDIR/x || /tmp/x || echo refused; "
              "grep -c ' /tmp[^ ]* [^ ]*noexec' /proc/self/mountinfo")
    done = ask(RUN, "--noexec", "--", "sh", "-c", script)
    assert done.stdout == "refused\n4\n", done.stdout + done.stderr
    assert ask(RUN, "--", "/tmp/x").returncode == 0


@pytest.mark.parametrize("fresh", [(), ("--fresh",)], ids=["own", "fresh"])
def test_share(ask: Any, fresh: tuple[str, ...], alice: Any) -> None:
    for path, owner in (("/tmp/work", 2101), ("/tmp/deep/in/it", 0)):
        Path(path).mkdir(parents=True)
        os.chown(path, owner, owner)
        Path(path, "file").write_text("shared\n")
    done = ask(RUN, *fresh, "--share", "/tmp/work/", "--share", "/tmp/deep/in/it", "--", "sh", "-c",
               "cat /tmp/work/file /tmp/deep/in/it/file; echo back > /tmp/work/back; ls /tmp/deep")
    assert done.stdout.split() == ["shared", "shared", "in"], done.stderr
    assert Path("/tmp/work/back").read_text() == "back\n"
    before = sorted(own("alice").rglob("*"))
    Path("/tmp/more/in").mkdir(parents=True)
    assert ask(RUN, *fresh, "--share", "/tmp/more/in", "--dry-run", "--", "true").returncode == 0
    assert sorted(own("alice").rglob("*")) == before
    assert not Path("/tmp/deep/other").exists()


@pytest.mark.parametrize(("path", "why"), [
    ("/tmp", "not be private"), ("/usr", "there as it is"), ("/tmp/../usr", "'..'"), ("work", "absolute"),
    ("/tmp/none", "No such file"), ("/tmp/file", "no directory"), ("/tmp/link", "through a link"),
    ("/tmp/secret", "has no access"), ("/tmp/.private/alice", "is there already"), ("/tmp/.X11-unix/x", "already"),
])
def test_share_is_refused(ask: Any, path: str, why: str) -> None:
    Path("/tmp/file").touch()
    Path("/tmp/link").symlink_to("/tmp/work")
    Path("/tmp/work").mkdir()
    Path("/tmp/secret").mkdir(mode=0o700)
    done = ask(RUN, "--share", path, "--", "true")
    assert done.returncode == 125 and why in done.stderr, done.stderr


def test_share_where_the_account_has_something_of_its_own(alice: Any) -> None:
    """As root: what a user owns he can move away while something is mounted, and put a link to /etc there."""
    Path("/tmp/work").mkdir()
    good(*RUN, "-u", "alice", "--", "mkdir", "/tmp/work")
    for words in ((), ("--dry-run",)):
        done = start(*RUN, "-u", "alice", "--share", "/tmp/work", *words, "--", "true")
        assert done.returncode == 125 and "of uid 2101" in done.stderr
    good("rmdir", str(own("alice") / "work"))
    (own("alice") / "work").symlink_to("/etc")
    assert start(*RUN, "-u", "alice", "--share", "/tmp/work", "--", "true").returncode == 125


def test_setuid_programs(alice: Any) -> None:
    Path("/var/tmp/witness").write_bytes(Path("/usr/bin/id").read_bytes())
    os.chmod("/var/tmp/witness", 0o4755)
    assert good(*LAUNCH, "-u", "alice", "/var/tmp/witness", "-u") == "0\n", "made by root: they work"
    done = start("pam-mktemp", "run", "--", "/var/tmp/witness", "-u", user=alice)
    assert done.stdout == "2101\n" and "setuid programs do not work" in done.stderr
    assert start(*RUN, "--", "true", user=alice).stderr == ""
    Path("/var/tmp/witness").unlink()


def test_a_login_from_inside_may_leave(alice: Any) -> None:
    """It is recorded that root's mounts are ours; and what is recorded of those that ended is taken away again."""
    assert good(*RUN, "--", "pam-mktemp", "host", "--", "sh", "-c", SHOW) == number("/tmp")
    mark = good(*LAUNCH, "-u", "alice", "readlink", "/proc/self/ns/mnt").strip()
    assert Path("/run/pam-mktemp/views", mark).is_symlink()
    old = Path("/run/pam-mktemp/views/mnt:[7]")
    old.symlink_to("1.1")
    os.utime(old, (time.time() - 99,) * 2, follow_symlinks=False)
    good(*RUN, "--", "true")
    assert not old.is_symlink()


def test_from_within_another(alice: Any, bob: Any) -> None:
    inner = " ".join([*LAUNCH, "-u", "bob", "--"])
    assert good(*RUN, "-u", "root", "--", "sh", "-c", f"{inner} {SHOW}") == number(own("bob"))
    for words in ((), ("-s", "in")):
        good(*RUN, "-u", "alice", *words, "--", "true")
        good(*RUN, *words, "--", "true", user=alice)
    script = f"pam-mktemp-launch -s in {SHOW}; pam-mktemp run -- true"
    done = start(*RUN, "--", "sh", "-c", script, user=alice)
    assert (done.stdout, done.returncode) == (number(own("alice", "svc-in")), 125)
    assert "in a user namespace already" in done.stderr


@BOTH
def test_a_name_that_is_empty(program: tuple[str, ...]) -> None:
    """-u "$USER" in a script, where it is not set: nothing may run as root then, whose plan is there."""
    good(*RUN, "--", "true")
    for words in (("-u", ""), ("--user=",)):
        done = start(*program, *words, "--", "echo", "ran")
        assert (done.returncode, done.stdout) == (2, "") and "it is empty" in done.stderr, done.stderr


def test_the_environment_is_the_callers(alice: Any) -> None:
    """Without a word about the language Python gives itself an LC_CTYPE; the command is not to have it."""
    for given in ({}, {"LC_CTYPE": "C.UTF-8"}, {"LC_CTYPE": "C"}):
        env = {"PATH": os.environ["PATH"], **given}
        first, second = (subprocess.run([*program, "-u", "alice", "env"], env=env, cwd="/", capture_output=True,
                                        check=True, text=True).stdout for program in (RUN, LAUNCH))
        assert sorted(first.splitlines()) == sorted(second.splitlines())


def test_root_of_a_user_namespace(alice: Any) -> None:
    for program in (RUN, LAUNCH):
        done = start("unshare", "--user", "--map-root-user", *program, "--", "true", user=alice)
        assert done.returncode == 125 and "in a user namespace already" in done.stderr, done.stderr


def test_a_plan_that_cannot_be_kept(alice: Any) -> None:
    Path("/run/pam-mktemp/plans/alice:run/in").mkdir(parents=True)
    for program in (RUN, LAUNCH):
        assert good(*program, "-u", "alice", "--", "sh", "-c", SHOW) == number(own("alice"))


@pytest.mark.parametrize("fresh", [(), ("--fresh",)], ids=["own", "fresh"])
def test_dry_run_says_what_is_mounted(fresh: tuple[str, ...], alice: Any) -> None:
    """Also what root has still to make, as after a boot: X11's directory."""
    shown = json.loads(good("pam-mktemp", "--json", "run", "--dry-run", *fresh, "-u", "alice", "--", "true"))["mounts"]
    assert not os.path.exists("/tmp/.X11-unix")
    lines = good(*RUN, *fresh, "-u", "alice", "--", "grep", "nosuid,nodev.* - tmpfs", "/proc/self/mountinfo")
    assert sorted(each["target"] for each in shown) == sorted(line.split()[4] for line in lines.splitlines())


def test_a_place_that_cannot_be_used(alice: Any) -> None:
    """It is refused, and told which and why; where nothing is made as well."""
    config = Path("/etc/security/pam_mktemp.toml")
    try:
        config.write_text('[mounts."/var/tmp"]\ninstance = "/srv/no"\n')
        for words in (("-u", "alice"), ("--dry-run", "-u", "alice")):
            done = start(*RUN, *words, "--", "true")
            assert (done.returncode, done.stderr) == (125, "pam-mktemp: /srv/no: No such file or directory\n")
    finally:
        config.unlink()
    os.chmod("/tmp", 0o777)
    for words, user in ((("-u", "alice", "--dry-run"), None), (("--fresh",), alice)):
        done = start(*RUN, *words, "--", "true", user=user)
        assert (done.returncode, done.stderr) == (
            125, "pam-mktemp: /tmp: is writable by others and not sticky; chmod +t /tmp\n"), words


def test_dry_run_says_what_is_set(alice: Any) -> None:
    done = good("pam-mktemp", "--json", "run", "--dry-run", "-u", "alice", "--", "true")
    good(*RUN, "-u", "alice", "--", "true")
    env = good(*LAUNCH, "-u", "alice", "env").splitlines()
    for variable in json.loads(done)["variables"]:
        assert f"{variable['name']}={variable['value']}" in env
