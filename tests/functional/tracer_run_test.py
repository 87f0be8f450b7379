"""A command under the tracer is as it is alone: status, input, output, descriptors, signals; and its log is private."""
from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.capabilities import can_trace, need
from tests.tracing import Tracer, exists, until


@pytest.fixture
def tracer(tmp_path: Path) -> Tracer:
    need(can_trace(), "strace")
    return Tracer(tmp_path)


@pytest.mark.parametrize("filter", [True, False])
@pytest.mark.parametrize(("script", "status", "number"), [
    ("exit 0", 0, 0), ("exit 1", 1, 0), ("exit 77", 77, 0), ("kill -TERM $$", 143, 15), ("kill -KILL $$", 137, 9),
    ("kill -SEGV $$", 139, 11), ("kill -40 $$", 168, 40), ("exit 143", 143, 0),
])
def test_the_status_is_the_commands(tracer: Tracer, script: str, status: int, number: int, filter: bool) -> None:
    done = tracer.run("sh", "-c", script, filter=filter)
    assert (done["status"], done["signal"], done["timed_out"], done["left"]) == (status, number, False, [])
    assert (done["filtered"], done["setuid_kept"]) == (filter, os.geteuid() == 0)
    assert tracer.traced().split()[0] == str(done["leader"])
    assert done["stderr"] == ""
    assert done["notes"] == []


def test_nothing_of_ours_is_inherited(tracer: Tracer) -> None:
    """Not Python's ignored SIGPIPE, no descriptor, no mask; and it is in the caller's process group and session."""
    own = f"group {os.getpgrp()} session {os.getsid(0)}"
    alone = subprocess.run([tracer.witness, "inherited"], capture_output=True, text=True, check=True).stdout
    assert own in alone
    done = tracer.run(tracer.witness, "inherited")
    assert done["stdout"] == alone
    assert "ignored\nblocked\ndescriptors\n" in alone


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_was_ignored_stays_so(tracer: Tracer, number: signal.Signals) -> None:
    """nohup, and a script's background command."""
    name = number.name.removeprefix("SIG")
    done = tracer.run(tracer.witness, "inherited", prefix=["env", f"--ignore-signal={name}"])
    assert f"ignored {name}\n" in done["stdout"]


def test_input_and_output_are_its_own(tracer: Tracer) -> None:
    running = tracer.start("sh", "-c", "cat; echo oops >&2", options={"stdin": subprocess.PIPE})
    assert running.process.stdin is not None
    running.process.stdin.write("some\ninput")
    done = running.outcome()
    assert (done["stdout"], done["stderr"]) == ("some\ninput", "oops\n")


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH"])
def test_signals_go_on_to_the_command(tracer: Tracer, name: str) -> None:
    """In a session without a terminal nobody else sends them."""
    running = tracer.start(tracer.witness, "signals", "1", options={"start_new_session": True})
    assert running.line().startswith("ready ")
    running.process.send_signal(getattr(signal, f"SIG{name}"))
    assert running.line() == name
    assert running.outcome()["status"] == 0


def test_each_signal_once(tracer: Tracer) -> None:
    running = tracer.start(tracer.witness, "signals", "3", options={"start_new_session": True})
    running.line()
    for name in ("TERM", "HUP", "TERM"):  # twice: we must not end before it does
        running.process.send_signal(getattr(signal, f"SIG{name}"))
        assert running.line() == name
    assert running.outcome()["status"] == 0


def test_a_signal_before_the_command_is_known_is_not_lost(tracer: Tracer) -> None:
    running = tracer.start("sleep", "60", options={"start_new_session": True})
    until(lambda: b"strace" in Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_bytes()
          or Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text(), "strace")
    until(lambda: tracer.log.exists(), "the log")
    running.process.send_signal(signal.SIGTERM)
    assert running.outcome()["signal"] == signal.SIGTERM


def test_the_log_is_private(tracer: Tracer) -> None:
    secret = "hunter2-in-the-environment"
    tracer.log.write_text("older\n")
    tracer.log.chmod(0o644)
    done = tracer.run("sh", "-c", ": > \"$TMPDIR/made\"", extra=[["SECRET", secret]],
                      options={"umask": 0, "env": os.environ | {"OTHER": secret}})
    assert done["status"] == 0
    assert stat.S_IMODE(tracer.log.stat().st_mode) == 0o600
    assert secret not in tracer.traced() and "older" not in tracer.traced()
    assert f'"{tracer.tmpdir}/made"' in tracer.traced()


def test_the_four_variables(tracer: Tracer) -> None:
    done = tracer.run("env", options={"env": os.environ | {"TMP": "/elsewhere", "LC_ALL": "de_DE.UTF-8"}})
    found = dict(line.partition("=")[::2] for line in done["stdout"].splitlines())
    assert {found[name] for name in ("TMPDIR", "TMP", "TEMP", "TEMPDIR")} == {str(tracer.tmpdir)}
    assert found["LC_ALL"] == "de_DE.UTF-8"


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_traced(tracer: Tracer, everything: bool) -> None:
    tracer.run("sh", "-c", "test -e /nope; mkdir $TMPDIR/d; exit 3", everything=everything)
    log = tracer.traced()
    assert "mkdir" in log and "execve(" in log and "+++ exited with 3 +++" in log
    assert ('"/nope"' in log) == everything
    assert "read(" not in log and "mmap(" not in log
    assert re.search(r"</[^>]*>", log)  # -y


@pytest.mark.parametrize("filter", [True, False])
def test_io_uring_is_refused(tracer: Tracer, filter: bool) -> None:
    assert tracer.run(tracer.witness, "uring", filter=filter)["stdout"] == "io_uring_setup ENOSYS\n"
    assert "(INJECTED)" in tracer.traced()


def test_a_daemon_is_ended(tracer: Tracer) -> None:
    done = tracer.run(tracer.witness, "daemon", "3600", grace=0.2)
    assert (done["status"], done["left_running"]) == (3, False)
    [[pid, name]] = done["left"]
    assert name == "sleep" and not exists(pid)


def test_a_daemon_without_filter_lives_on(tracer: Tracer) -> None:
    done = tracer.run(tracer.witness, "daemon", "3600", grace=0.2, filter=False)
    assert (done["status"], done["left_running"]) == (3, True)
    [[pid, name]] = done["left"]
    try:
        assert name == "sleep" and exists(pid)
        assert "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_short_lived_descendant_is_waited_for(tracer: Tracer) -> None:
    done = tracer.run("sh", "-c", "setsid sh -c 'sleep 0.3; : > $TMPDIR/late' & exit 4", grace=30)
    assert (done["status"], done["left"]) == (4, [])
    assert (tracer.tmpdir / "late").exists()


@pytest.mark.parametrize("filter", [True, False])
def test_a_timeout_ends_all(tracer: Tracer, filter: bool) -> None:
    running = tracer.start("sh", "-c", f"'{tracer.witness}' stubborn & '{tracer.witness}' stubborn", timeout=1.0,
                           grace=0.2, filter=filter)
    pids = [int(running.line().split()[1]) for _ in range(2)]
    done = running.outcome()
    assert done["timed_out"] and done["signal"] in (signal.SIGTERM, signal.SIGKILL)
    assert not any(exists(pid) for pid in pids)
    assert done["progress"] and 0 < done["progress"][0]["size"] <= len(tracer.traced())


def test_a_signal_ends_the_grace(tracer: Tracer) -> None:
    running = tracer.start(tracer.witness, "daemon", "3600", grace=3600, options={"start_new_session": True})
    until(lambda: tracer.log.exists() and re.search(r"exited with 3", tracer.traced()), "the command's end")
    running.process.send_signal(signal.SIGTERM)
    done = running.outcome()
    assert done["status"] == 3 and len(done["left"]) == 1 and not exists(done["left"][0][0])


def test_a_killed_strace_is_no_result(tracer: Tracer) -> None:
    """The command would go on with calls that fail: it is ended, and that is said."""
    running = tracer.start(tracer.witness, "stubborn")
    pid = int(running.line().split()[1])
    status = Path(f"/proc/{pid}/status").read_text()
    strace = int(re.findall(r"TracerPid:\t(\d+)", status)[0])
    os.kill(strace, signal.SIGKILL)
    found = running.end()
    assert found["error"] == "trace-failed" and "strace" in found["text"]
    until(lambda: not exists(pid), "the command's end")


def test_a_process_has_one_tracer(tracer: Tracer) -> None:
    assert tracer.run(tracer.witness, "traceme")["stdout"] == "ptrace EPERM\n"
