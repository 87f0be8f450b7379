"""pam-mktemp scan over real files: what it says, what it exits with, and what hostile files cannot make it do."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.commands import Command
from tests.scanned import FIXED, UNSAFE, compiled

TOP = Path(__file__).parents[2]
REAL = [sys.executable, "-m", "pam_mktemp_py.cli.main"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """One file of each sort."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "fixed.sh").write_text("#!/bin/sh\ntrue\necho > /tmp/out\n")
    (folder / "honest.sh").write_text("#!/bin/sh\necho > ${TMPDIR:-/tmp}/out\n")
    (folder / "clean.sh").write_text("#!/bin/sh\necho\n")
    (folder / "notes.txt").write_text("/tmp/x\n")
    (folder / "tool").write_text("#!/usr/bin/env python3\nimport tempfile\nname = tempfile.mktemp()\n")
    return folder


def test_candidates(command: Command, home: Path) -> None:
    found = command.json("scan", str(home), status=1)
    keys = ("path", "reason", "line", "level", "cwe")
    assert [tuple(each[key] for key in keys) for each in found["candidates"]] == [
        (f"{home}/fixed.sh", "written", 3, "likely", "CWE-377"),
        (f"{home}/honest.sh", "fallback", 2, "weak", ""),
        (f"{home}/tool", "unsafe-name", 3, "likely", "CWE-377")]
    assert (found["scanned"], found["kinds"], found["skipped"], found["finding"]) == (
        5, {"python": 1, "shell": 3}, [], True)
    assert set(found["candidates"][0]) == {*keys, "kind", "read", "offset", "evidence"}


def test_text(command: Command, home: Path) -> None:
    result = command("scan", str(home))
    assert result.exit_code == 1 and result.stderr == ""
    assert f"! {home}/fixed.sh  shell: written" in result.stdout and "line 3: echo > /tmp/out" in result.stdout
    assert "honest.sh" not in result.stdout and "2 likely, 0 possible, 1 weak" in result.stdout
    assert "no verdict" in command("scan", "--help").stdout and "verdict     none" in result.stdout
    assert "pam-mktemp detect -- PROGRAM ARGUMENT..." in result.stdout
    assert "fallback (weak)" in command("-v", "scan", str(home)).stdout


def test_only_weak_ones_are_no_finding(command: Command, home: Path) -> None:
    assert command("scan", str(home / "honest.sh")).exit_code == 0
    assert command("scan", str(home / "clean.sh"), str(home / "notes.txt")).exit_code == 0


def test_programs(command: Command, tmp_path: Path) -> None:
    compiled(tmp_path / "unsafe", UNSAFE)
    compiled(tmp_path / "fixed", FIXED)
    found = command.json("scan", str(tmp_path / "unsafe"), str(tmp_path / "fixed"), status=1)["candidates"]
    assert {(Path(each["path"]).name, each["evidence"]) for each in found} == {
        ("unsafe", f"{name}()") for name in ("mktemp", "tmpnam", "tempnam", "tmpfile")} | {
        ("unsafe", "/dev/shm"), ("unsafe", "/var/tmp/witness.XXXXXX"), ("fixed", "/tmp/witness.out")}
    fixed = [each for each in found if each["evidence"] == "/tmp/witness.out"][0]
    assert (tmp_path / "fixed").read_bytes()[fixed["offset"]:].startswith(b"/tmp/witness.out\0")


def test_options(command: Command, home: Path) -> None:
    def names(*words: str, status: int) -> list[str]:
        found = command.json("scan", *words, str(home), status=status)["candidates"]
        return sorted({Path(each["path"]).name for each in found})

    (home / "scratch.sh").write_text("cd /scratch/x\n")
    assert names(status=1) == ["fixed.sh", "honest.sh", "tool"]
    assert names("--watch", "/scratch/", status=1) == ["fixed.sh", "honest.sh", "scratch.sh", "tool"]
    assert names("--exclude", "*.sh", status=1) == ["tool"]
    assert names("--exclude", "*.sh", "--exclude", "tool", "--jobs", "3", status=0) == []
    (home / "large.sh").write_text("#" * (3 << 20) + "\ncd /tmp")
    assert command.json("scan", str(home / "large.sh"))["cut"] == [{"path": f"{home}/large.sh", "bytes": 2 << 20}]


@pytest.mark.parametrize("words", [
    ["scan"], ["scan", "--watch", "tmp", "/etc"], ["scan", "--watch", "/", "/etc"], ["scan", "--jobs", "0", "/etc"],
    ["scan", "--max-size", "x", "/etc"],
])
def test_usage(command: Command, words: list[str]) -> None:
    result = command(*words)
    assert (result.exit_code, result.stdout) == (2, "") and "scan --help" in result.stderr


def test_a_path_that_cannot_be_read(command: Command, home: Path) -> None:
    os.mkfifo(home / "fifo")
    for path in (home / "none", home / "fifo"):
        result = command("scan", str(home), str(path))
        assert (result.exit_code, result.stdout) == (3, "") and str(path) in result.stderr


def test_unreadable_files_are_told(command: Command, home: Path) -> None:
    """Damaged ones too; the others are looked at."""
    (home / "damaged").write_bytes(b"\x7fELF" + b"\xff" * 100)
    found = command.json("scan", str(home), status=1)
    assert [each["path"] for each in found["skipped"]] == [f"{home}/damaged"] and len(found["candidates"]) == 3
    assert f"? {home}/damaged  not a program that would load" in command("scan", str(home)).stdout


def test_without_the_right_to_read(home: Path) -> None:
    (home / "closed").mkdir(0)
    (home / "secret.sh").write_text("cd /tmp")
    (home / "secret.sh").chmod(0)
    lacking = "-dac_override,-dac_read_search"
    without = ["setpriv", f"--inh-caps={lacking}", f"--bounding-set={lacking}"] if os.geteuid() == 0 else []

    def scan(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*without, *REAL, "scan", path], text=True, capture_output=True, cwd=TOP)

    closed = scan(home / "closed")
    assert (closed.returncode, closed.stdout) == (3, "") and f"{home}/closed: Permission denied" in closed.stderr
    done = scan(home)
    assert done.returncode == 1, done.stderr
    assert f"? {home}/closed     Permission denied" in done.stdout
    assert f"? {home}/secret.sh  Permission denied" in done.stdout and "fixed.sh" in done.stdout


def test_names_and_evidence_cannot_act_on_the_terminal(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31m.sh").write_text("echo > /tmp/\x1b[31m\u202e\x07x")
    (tmp_path / os.fsdecode(b"\xff.sh")).write_bytes(b"echo > /tmp/\xff")
    for words in (["scan"], ["--json", "scan"], ["-v", "scan"]):
        result = command(*words, str(tmp_path))
        assert result.exit_code == 1
        assert not {"\x1b", "\x07", "\u202e", "\udcff"} & set(result.stdout)
    assert "a\\x0a\\x1b[31m.sh" in command("scan", str(tmp_path)).stdout


def test_hostile_home(command: Command, tmp_path: Path) -> None:
    """All at once, and an honest one among them that has to come out."""
    (tmp_path / "deep.py").write_text("x = " + "(" * 100_000 + "'/tmp'")
    (tmp_path / "minus.py").write_text("x = '/tmp', " + "-" * 100_000 + "1")
    (tmp_path / "quotes.sh").write_text("'\"`$(" * 100_000 + "/tmp")
    (tmp_path / "many.pl").write_text("'/tmp' " * 100_000)
    (tmp_path / "nul.rb").write_bytes(b"\0/tmp" * 100_000)
    with (tmp_path / "sparse.sh").open("wb") as file:
        file.write(b"cd /tmp\n")
        file.truncate(1 << 40)
    with (tmp_path / "sparse").open("wb") as file:
        file.write(b"\x7fELF\2\1\1")
        file.truncate(1 << 40)
    os.mkfifo(tmp_path / "fifo.sh")
    (tmp_path / "device.sh").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "honest.sh").write_text("echo > /tmp/found")
    found = command.json("scan", str(tmp_path), status=1)
    assert f"{tmp_path}/honest.sh" in {each["path"] for each in found["candidates"]}
    assert {Path(each["path"]).name for each in found["skipped"]} == {"sparse"}
    assert {Path(each["path"]).name for each in found["cut"]} == {"sparse.sh"}
    assert found["scanned"] == 8


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_bar_on_a_terminal(home: Path, quiet: list[str]) -> None:
    terminal, end = os.openpty()
    done = subprocess.run([*REAL, *quiet, "scan", home], stdout=subprocess.PIPE, stderr=end, text=True, cwd=TOP,
                          env=os.environ | {"TERM": "xterm"})
    os.set_blocking(terminal, False)
    with open(terminal, "rb", buffering=0) as file:
        shown = (file.read(1 << 16) or b"").decode()
    os.close(end)
    assert done.returncode == 1 and "fixed.sh" in done.stdout
    assert ("5/5" in shown) is not bool(quiet) and not (quiet and shown)
