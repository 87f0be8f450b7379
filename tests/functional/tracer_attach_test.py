"""Attaching to what runs: it is seen, and it goes on as if nothing had been."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.capabilities import can_trace, need
from tests.tracing import Tracer, exists, until

LOOP = "while sleep 0.05; do : > \"$0\"; done"


@pytest.fixture
def tracer(tmp_path: Path) -> Tracer:
    need(can_trace(), "strace")
    return Tracer(tmp_path)


@pytest.fixture
def running() -> Iterator[Callable[..., int]]:
    """Starts a process that runs already; its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> int:
        started.append(subprocess.Popen(command, start_new_session=True))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def traced_by(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("TracerPid:"):
            return int(line.split()[1])
    return 0


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_ctrl_c_lets_go(tracer: Tracer, running: Callable[..., int], name: str) -> None:
    pid = running("sh", "-c", LOOP, str(tracer.folder / "touched"))
    attached = tracer.attach(pid)
    until(lambda: tracer.log.exists() and "touched" in tracer.traced(), "a call of the process")
    attached.process.send_signal(getattr(signal, f"SIG{name}"))
    done = attached.outcome()
    assert (done["status"], done["leader"], done["timed_out"], done["left_running"]) == (0, pid, False, True)
    assert [pid, "sh"] in done["left"]
    assert exists(pid) and traced_by(pid) == 0
    (tracer.folder / "touched").unlink()
    until((tracer.folder / "touched").exists, "the process still at work")
    assert tracer.log.stat().st_mode & 0o7777 == 0o600


def test_timeout(tracer: Tracer, running: Callable[..., int]) -> None:
    pids = [running("sleep", "3600"), running("sleep", "3600")]
    done = tracer.attach(*pids, timeout=0.5).outcome()
    assert done["timed_out"] and sorted(done["left"]) == sorted([pid, "sleep"] for pid in pids)
    assert all(exists(pid) and traced_by(pid) == 0 for pid in pids)


def test_it_ends_with_the_process(tracer: Tracer, running: Callable[..., int]) -> None:
    pid = running("sleep", "3600")
    attached = tracer.attach(pid)
    until(lambda: traced_by(pid), "a tracer")
    os.kill(pid, signal.SIGTERM)
    done = attached.outcome()
    assert (done["timed_out"], done["left"]) == (False, [])
    assert "killed by SIGTERM" in tracer.traced()


def test_what_it_started_lives_on(tracer: Tracer, running: Callable[..., int]) -> None:
    os.mkfifo(tracer.folder / "gate")
    pid = running("sh", "-c", "read line < $0; sleep 3600 & exit 0", str(tracer.folder / "gate"))
    attached = tracer.attach(pid, grace=0.2)
    until(lambda: traced_by(pid), "a tracer")
    (tracer.folder / "gate").write_text("go\n")
    done = attached.outcome()
    [[child, name]] = done["left"]
    try:
        assert done["left_running"] and name == "sleep"
        assert exists(child) and traced_by(child) == 0
    finally:
        os.kill(child, signal.SIGKILL)


def refusal(tracer: Tracer, *pids: int) -> str:
    found = tracer.attach(*pids).end()
    assert found.get("error") == "trace-failed", found
    return str(found["text"])


def test_what_cannot_be_traced(tracer: Tracer, running: Callable[..., int]) -> None:
    gone = running("true")
    until(lambda: not exists(gone), "its end")
    os.waitpid(gone, 0)
    assert "there is no such process" in refusal(tracer, gone)
    assert "there is no such process" in refusal(tracer, 0)
    assert "there is no such process" in refusal(tracer, -1)
    assert "give -p PID" in refusal(tracer)
    assert "what started it" in refusal(tracer, os.getpid())


def test_a_thread_of_the_kernel(tracer: Tracer) -> None:
    need("kthreadd" in Path("/proc/2/comm").read_text() if Path("/proc/2/comm").exists() else False, "kernel threads")
    assert "part of the kernel" in refusal(tracer, 2)


def test_one_tracer_only(tracer: Tracer, running: Callable[..., int]) -> None:
    pid = running("sleep", "3600")
    other = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(pid)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: traced_by(pid), "the other tracer")
        text = refusal(tracer, pid)
        assert f"strace ({other.pid}) traces it already" in text
    finally:
        other.terminate()
        other.wait()
