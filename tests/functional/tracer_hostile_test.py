"""Commands that do not want to end, and a strace that ends before them: nobody is left behind with calls that fail."""
from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pam_mktemp_py.linux import tracing
from tests.sandbox.capabilities import can_trace, need
from tests.tracing import Tracer, exists, until


@pytest.fixture
def tracer(tmp_path: Path) -> Tracer:
    need(can_trace(), "strace")
    return Tracer(tmp_path)


def tracer_of(pid: int) -> int:
    return int(re.findall(r"TracerPid:\t(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def test_one_whose_first_thread_has_ended(tracer: Tracer) -> None:
    """It looks like a zombie, and is none."""
    running = tracer.start(tracer.witness, "headless", timeout=0.5, grace=0.2)
    pid = int(running.line().split()[1])
    until(lambda: ") Z " in Path(f"/proc/{pid}/stat").read_text(), "the end of its first thread")
    done = running.outcome()
    assert done["timed_out"] and done["signal"] == signal.SIGKILL and done["notes"] == []


def test_what_forks_for_ever(tracer: Tracer) -> None:
    """No round of SIGKILL reaches all of them, unless none of them can fork meanwhile."""
    name = f"storm{os.getpid()}"  # of no other test's processes
    program = Path(tracer.witness).rename(tracer.folder / name)
    done = tracer.run(str(program), "storm", "25", grace=0.2)
    assert done["notes"] == []

    def alive() -> list[int]:
        pids = map(int, filter(str.isdigit, os.listdir("/proc")))
        return [pid for pid in pids if tracing.program(pid) == name and exists(pid)]

    until(lambda: not alive(), "their end, which SIGKILL does not wait for", seconds=5)  # they would go on for longer


def test_nobody_outlives_a_killed_strace(tracer: Tracer) -> None:
    """Neither what was started in the background nor what has no parent any more."""
    script = f"(setsid '{tracer.witness}' stubborn &); '{tracer.witness}' stubborn & wait"
    running = tracer.start("sh", "-c", script)
    pids = [int(running.line().split()[1]) for _ in range(2)]
    other = subprocess.Popen(["setpriv", "--no-new-privs", "sleep", "3600"])
    os.kill(tracer_of(pids[0]), signal.SIGKILL)
    assert "signal 9 ended it" in running.end()["text"]
    assert not any(exists(pid) for pid in pids)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_log_longer_than_files_may_be(tracer: Tracer) -> None:
    script = f"'{tracer.witness}' stubborn & for n in $(seq 3000); do : > $TMPDIR/n; done"
    running = tracer.start("sh", "-c", script, prefix=["prlimit", "--fsize=20000"])
    pid = int(running.line().split()[1])
    assert "ulimit -f" in running.end()["text"]
    assert not exists(pid)


def test_a_stopped_command_can_be_ended(tracer: Tracer) -> None:
    """Its shell would do that; here nobody else can know that it is stopped."""
    running = tracer.start("sh", "-c", "echo $$; kill -STOP $$; echo on", options={"start_new_session": True})
    pid = int(running.line())
    until(lambda: re.search(r"stopped by SIGSTOP", tracer.traced()), "its stop")
    running.process.send_signal(signal.SIGTERM)
    assert running.outcome()["signal"] == signal.SIGTERM
    assert not exists(pid)
