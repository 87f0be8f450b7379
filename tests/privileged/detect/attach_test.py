"""pam-mktemp detect --pid, on processes that run already."""
from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.detect.detect import ANSWER, Found, arguments, read
from tests.sandbox.accounts import CLEAN

TMPDIR = "/var/tmp/alice"
PLAIN = ("tmp-witness", "/tmp/witness.plain", "hardcoded", "high")
PRIVATE = ("unshare", "-m", "sh", "-c", "mount -t tmpfs none /tmp; exec tmp-witness wait plain")


@pytest.fixture(autouse=True)
def directory(alice: Any, witness: str) -> Iterator[None]:
    """What TMPDIR names for the process."""
    subprocess.run(["install", "-d", "-o", "alice", "-m", "700", TMPDIR], check=True)
    yield
    subprocess.run(["rm", "-r", TMPDIR], check=True)


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def traced(pid: int) -> bool:
    return status(pid)["TracerPid"] != "0"


def watched(pid: int, before: dict[str, str]) -> bool:
    """Its tracer has stopped it once and let it go on, so that no call is missed: only then is it woken."""
    now = status(pid)
    return now["TracerPid"] != "0" and now["State"][0] == "S" and (
        now["voluntary_ctxt_switches"] != before["voluntary_ctxt_switches"])


@contextlib.contextmanager
def waiting(command: Sequence[str], account: Any = None) -> Iterator[subprocess.Popen[str]]:
    """The witness, until it is told to go on; as root if there is no account."""
    ids = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
                          env=CLEAN | {"TMPDIR": TMPDIR}, **ids) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def attached(process: subprocess.Popen[str], *options: str, go_on: bool = True) -> Found:
    """Watch it until it ends, or only until Ctrl-C."""
    until(lambda: status(process.pid)["State"][0] == "S", "a process that waits")
    before = status(process.pid)
    with subprocess.Popen(arguments("-p", str(process.pid), *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as watcher:
        until(lambda: watched(process.pid, before) or watcher.poll() is not None, "a tracer")
        if go_on:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        else:
            watcher.send_signal(signal.SIGINT)
        out, errors = watcher.communicate(timeout=30)
    return read(subprocess.CompletedProcess((), watcher.returncode, out, errors))


def test_one_that_hardcodes(alice) -> None:
    with waiting(["tmp-witness", "wait", "plain", "honest"], alice) as process:
        found = attached(process)
        assert process.wait(10) == 0
    assert (found.faults, found.verdict) == ({PLAIN}, "mixed")
    assert found.document["tmpdir"] == TMPDIR and found.document["words"] == []


def test_names_of_its_own(alice) -> None:
    """Its uid and pid are in none of the traced calls."""
    with waiting(["tmp-witness", "wait", "uid", "pid"], alice) as process:
        found = attached(process)
    assert {each[1] for each in found.faults} == {"/tmp/witness-<uid>", "/tmp/witness-<pid>.log"}


def test_it_runs_on_after_ctrl_c(alice) -> None:
    with waiting(["tmp-witness", "wait", "honest"], alice) as process:
        found = attached(process, go_on=False)
        assert (found.verdict, found.findings) == ("none", [])
        assert not traced(process.pid)
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.wait(10) == 0


def test_one_with_a_tmp_of_its_own() -> None:
    """It was mounted before anybody watched: the log alone cannot tell."""
    with waiting(PRIVATE) as process:
        found = attached(process)
    assert found.told == {("tmp-witness", "/tmp/witness.plain", "already-private")}
    assert (found.faults, found.status) == (set(), 0)


def test_none_such() -> None:
    done = subprocess.run(arguments("-p", "4194303"), capture_output=True, text=True)
    assert done.returncode == 3 and not Path(ANSWER).exists()
