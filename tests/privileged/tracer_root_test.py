"""As root: setuid, setgid and capable programs keep their nature under the filter, and no_new_privs stays real."""
from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.linux.accounts import groups_of, lookup
from tests.sandbox.capabilities import can_trace, have, need, works
from tests.tracing import PROGRAMS, Tracer, exists, until

SECURE = Path("/usr/local/bin/secure-witness")
NO_ADMIN = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"]
# Another supervisor above: it stays open, and the kernel allows one in a line of processes.
BELOW_ANOTHER = [sys.executable, "-c", f"""
import os, sys
sys.path.insert(0, {str(PROGRAMS.parents[1])!r})
from pam_mktemp_py.linux import seccomp
os.set_inheritable(seccomp.notify_of_prctl(12345), True)
os.execv(sys.argv[1], sys.argv[1:])
"""]


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    need(can_trace(), "strace")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    made = Tracer(folder)
    made.tmpdir.chmod(0o1777)
    yield made
    shutil.rmtree(folder)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """secure("root", "root", 0o4755) installs the witness; its path."""
    program = tmp_path / "secure"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", program, PROGRAMS / "secure_witness.c"], check=True)

    def install(owner: str, group: str, mode: int) -> str:
        shutil.copy(program, SECURE)
        shutil.chown(SECURE, owner, group)
        SECURE.chmod(mode)
        return str(SECURE)

    yield install
    SECURE.unlink(missing_ok=True)


@pytest.mark.parametrize("filter", [True, False])
def test_setuid_and_setgid(tracer: Tracer, alice: Any, bob: Any, secure: Callable[..., str], filter: bool) -> None:
    for owner, group, mode, ids in (("bob", "root", 0o4755, (bob.pw_uid, alice.pw_gid)),
                                    ("root", "bob", 0o2755, (alice.pw_uid, bob.pw_gid))):
        done = tracer.run(secure(owner, group, mode), user="alice", filter=filter)
        lines = done["stdout"].splitlines()
        assert lines[0] == f"secure 1 euid {ids[0]} egid {ids[1]}"
        assert lines[1] == "TMPDIR - -"
        assert (done["filtered"], done["setuid_kept"], done["notes"]) == (filter, True, [])


def test_capabilities_of_a_file(tracer: Tracer, alice: Any, secure: Callable[..., str]) -> None:
    path = secure("root", "root", 0o755)
    need(have("setcap") and works("setcap", "cap_net_raw+ep", path), "file capabilities")
    assert tracer.run(path, user="alice")["stdout"].startswith("secure 1 ")


def test_an_ordinary_program_is_ordinary(tracer: Tracer, alice: Any, secure: Callable[..., str]) -> None:
    done = tracer.run(secure("root", "root", 0o755), user="alice")
    assert done["stdout"].splitlines()[:2] == [
        f"secure 0 euid {alice.pw_uid} egid {alice.pw_gid}", f"TMPDIR {tracer.tmpdir} ok"]


def test_setgid_for_root_itself(tracer: Tracer, bob: Any, secure: Callable[..., str]) -> None:
    assert tracer.run(secure("root", "bob", 0o2755))["stdout"].startswith(f"secure 1 euid 0 egid {bob.pw_gid}\n")


def test_as_an_ordinary_user(tracer: Tracer, alice: Any, secure: Callable[..., str]) -> None:
    """The kernel takes the nature from what an ordinary user traces, and that is said."""
    path = secure("root", "root", 0o4755)
    tracer.folder.chmod(0o777)
    done = tracer.run(path, prefix=as_account(alice))
    assert done["stdout"].startswith(f"secure 0 euid {alice.pw_uid} ")
    assert (done["filtered"], done["setuid_kept"]) == (True, False)
    assert "only root" in tracer.refusal("true", user="root", prefix=as_account(alice))


def as_account(account: Any) -> list[str]:
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]


def test_no_new_privs_is_real_for_who_asks(tracer: Tracer, alice: Any) -> None:
    """And is not set for who does not."""
    assert tracer.run(tracer.witness, "nnp", user="alice")["stdout"] == "before 0 set 0 after 1\n"
    assert tracer.run(tracer.witness, "nnp")["stdout"] == "before 0 set 0 after 1\n"
    done = tracer.run("setpriv", "--no-new-privs", "sh", "-c", "grep NoNewPrivs /proc/self/status", user="alice")
    assert done["stdout"] == "NoNewPrivs:\t1\n"


def test_a_program_that_only_calls_itself_strace(tracer: Tracer, alice: Any) -> None:
    """A child of the real one, as the command always is, but of another file: its no_new_privs is real."""
    fake = tracer.folder / "strace"
    shutil.copy(tracer.witness, fake)
    assert tracer.run(str(fake), "nnp", user="alice")["stdout"] == "before 0 set 0 after 1\n"


@pytest.mark.parametrize("prefix", [NO_ADMIN, BELOW_ANOTHER], ids=["no CAP_SYS_ADMIN", "below another supervisor"])
def test_where_it_cannot_be_had(tracer: Tracer, alice: Any, secure: Callable[..., str], prefix: list[str]) -> None:
    """Slower, but right; and said."""
    done = tracer.run(secure("root", "root", 0o4755), user="alice", prefix=prefix)
    assert done["stdout"].startswith("secure 1 euid 0 ")
    assert (done["filtered"], done["setuid_kept"]) == (False, True)
    [note] = done["notes"]
    assert "seccomp filter cannot be used here" in note and "kept their nature" in note


def test_our_death_holds_up_nobody(tracer: Tracer, alice: Any) -> None:
    """strace goes on, and who asks for no_new_privs is refused it by the kernel at once."""
    gate, said = tracer.folder / "gate", tracer.tmpdir / "said"
    os.mkfifo(gate)
    gate.chmod(0o644)
    running = tracer.start("sh", "-c", f"echo up; read line < {gate}; exec '{tracer.witness}' nnp > {said}",
                           user="alice")
    assert running.line() == "up"
    running.process.kill()
    running.process.wait()
    gate.write_text("go\n")
    until(lambda: said.exists() and said.read_text(), "the witness's answer")
    assert said.read_text() == "before 0 set ENOSYS after 0\n"
    until(lambda: "exited with 0" in tracer.traced(), "the end of the log")
    running.process.communicate()  # its outputs are the command's too


def test_a_login_as_the_account(tracer: Tracer, account: Callable[..., Any]) -> None:
    account("carol", uid=2103, groups=["games", "users"])
    found = lookup("carol")
    assert found is not None
    done = tracer.run("sh", "-c", "id -u; id -G; pwd; env; cat /proc/self/status", user="carol",
                      options={"cwd": "/usr", "env": {"PATH": "/usr/bin", "SECRET": "x", "LC_TIME": "C", "TERM": "vt"}})
    lines = done["stdout"].splitlines()
    assert lines[0] == "2103" and lines[2] == "/usr"
    assert set(map(int, lines[1].split())) == set(groups_of(found))
    assert {"HOME=/home/carol", "USER=carol", "LOGNAME=carol", "SHELL=/bin/sh", "LC_TIME=C", "TERM=vt"} <= set(lines)
    assert f"TMPDIR={tracer.tmpdir}" in lines and not any(line.startswith("SECRET") for line in lines)
    assert "CapEff:\t0000000000000000" in lines and "CapPrm:\t0000000000000000" in lines
    assert stat.S_IMODE(tracer.log.stat().st_mode) == 0o600 and tracer.log.owner() == "root"


def test_what_the_account_may_not_execute(tracer: Tracer, alice: Any) -> None:
    closed = tracer.folder / "closed"
    shutil.copy("/bin/true", closed)
    closed.chmod(0o700)
    text = tracer.refusal(str(closed), user="alice")
    assert "alice may not execute it" in text
    assert tracer.run(str(closed))["status"] == 0


def test_the_real_programs(tracer: Tracer, alice: Any) -> None:
    """The three that made this necessary: Debian's setgid ssh-agent and crontab, and sudo."""
    need(all(map(have, ("ssh-agent", "crontab", "sudo"))), "ssh-agent, crontab and sudo")
    tracer.run("ssh-agent", "true", user="alice", grace=0.1)
    assert 'sun_path="/tmp/ssh-' in tracer.traced()
    tracer.run("crontab", "-e", user="alice", extra=[["EDITOR", "true"]])
    assert '"/tmp/crontab.' in tracer.traced()
    rule = Path("/etc/sudoers.d/tracing")
    rule.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    try:
        done = tracer.run("sudo", "-n", "id", "-u", user="alice")
    finally:
        rule.unlink()
    assert (done["stdout"], done["status"]) == ("0\n", 0)


def test_a_setuid_command_is_ended_too(tracer: Tracer, alice: Any) -> None:
    """Its processes are root's, and so are we."""
    copy = Path("/usr/local/bin/secure-witness")
    shutil.copy(tracer.witness, copy)
    copy.chmod(0o4755)
    try:
        running = tracer.start(str(copy), "stubborn", user="alice", timeout=0.5, grace=0.1)
        pid = int(running.line().split()[1])
        assert os.stat(f"/proc/{pid}").st_uid == 0
        done = running.outcome()
    finally:
        copy.unlink()
    assert done["timed_out"] and not exists(pid)


def test_attaching_to_anothers_process(tracer: Tracer, alice: Any) -> None:
    tracer.folder.chmod(0o777)
    sleep = subprocess.Popen(["sleep", "3600"])
    try:
        found = tracer.attach(sleep.pid, prefix=as_account(alice)).end()
        assert found["error"] == "trace-failed"
        assert "it belongs to root" in found["text"] and "run this as root" in found["text"]
    finally:
        sleep.kill()
        sleep.wait()
