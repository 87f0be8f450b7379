"""Twenty-three logs of real programs, each judged as is known of these programs, through the real command."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.commands import Command

TRACES = Path(__file__).parents[1] / "traces"
TMPDIR = "/tmp/.private/u1"
Found = set[tuple[str, str, str]]  # program, path, class
PERF = ("/tmp/hsperfdata_<user>", "/tmp/hsperfdata_<user>/<pid>")


def perf(*programs: str) -> Found:
    return {(program, path, "user-ipc") for program in programs for path in PERF}


# What is counted, and the programs that honour TMPDIR.
EXPECTED: dict[str, tuple[Found, set[str]]] = {
    "Xvfb": ({("Xvfb", "/tmp/.tX<display>-lock", "shared-ipc"), ("Xvfb", "/tmp/.X<display>-lock", "shared-ipc"),
              ("Xvfb", "/tmp/.X11-unix", "shared-ipc"), ("Xvfb", "/tmp/.X11-unix/X<display>", "shared-ipc"),
              ("xkbcomp", "/tmp/server-<display>.xkm", "hardcoded")}, set()),
    "crontab-u1": ({("crontab", "/tmp/crontab.<random>", "secure-exec"),
                    ("crontab", "/tmp/crontab.<random>/crontab", "secure-exec")}, set()),
    "dbus": ({("dbus-daemon", "/tmp/dbus-<random>", "user-ipc")}, set()),
    "gcc": (set(), {"gcc", "g++", "cc1", "cc1plus", "as", "collect2", "ld", "lto-wrapper", "lto1"}),
    "git": (set(), {"git"}),
    "glibc-tmpfile": ({("tf", "/tmp", "anonymous")}, set()),
    "java-attach": (perf("java", "jcmd", "jps", "jstack") | {
        ("java", "/tmp/.java_pid<pid>", "user-ipc"), ("java", "/tmp/.java_pid<pid>.tmp", "user-ipc"),
        ("jcmd", "/tmp/.attach_pid<pid>", "user-ipc"), ("java", "/tmp/<random>", "knob"),
        ("java", "/tmp/d<random>", "knob")}, set()),
    "java-notmpdir-perfoff": (set(), set()),
    "java-version": (perf("java"), set()),
    "less-nano-ed": ({("ed", "/tmp", "anonymous")}, set()),
    "lua-tcl": ({("lua5.4", "/tmp/lua_<random>", "hardcoded"), ("lua5.4", "/tmp", "anonymous")}, {"tclsh"}),
    "make": (set(), {"make"}),
    "mktemp": (set(), {"mktemp"}),
    "perl": (set(), {"perl"}),
    "php": (set(), {"php"}),
    "postgres-sock-tmp": ({
        ("postgres", "/tmp/.s.PGSQL.6543", "shared-ipc"), ("postgres", "/tmp/.s.PGSQL.6543.lock", "shared-ipc"),
        ("postgres", "/dev/shm/PostgreSQL.<random>", "knob"), ("initdb", "/dev/shm/PostgreSQL.<random>", "knob")},
        set()),
    "ruby": (set(), {"ruby"}),
    "screen": (set(), set()),
    "sort": (set(), {"sort"}),
    "sqlite3-sort": (set(), {"sqlite3"}),
    "ssh-agent": ({("ssh-agent", "/tmp/ssh-<random>", "secure-exec"),
                   ("ssh-agent", "/tmp/ssh-<random>/agent.<pid>", "secure-exec")}, set()),
    "tmux": ({("tmux", "/tmp/tmux-<uid>", "user-ipc"), ("tmux", "/tmp/tmux-<uid>/default", "user-ipc"),
              ("tmux", "/tmp/tmux-<uid>/default.lock", "user-ipc")}, set()),
    "tmux-TMUX_TMPDIR": (set(), {"tmux"}),
}
REQUESTED = {"sort": ("sort", "/tmp/sort<random>"), "mktemp": ("mktemp", "/tmp/foo.<random>")}
COUNTED = {"shared-ipc", "user-ipc", "knob", "secure-exec", "hardcoded", "anonymous", "unusable-tmpdir"}


def base(program: str) -> str:
    return program.rpartition("/")[2]


def judged(command: Command, name: str) -> Any:
    """The document, with every line of the log understood."""
    found, _ = EXPECTED[name]
    document = command.json("detect", "--trace", str(TRACES / f"{name}.strace.xz"), "--tmpdir", TMPDIR, "--wrapper",
                            status=1 if found else 0)
    assert (document["unread"], document["unresolved"], document["cut"], document["dropped"]) == ([], [], False, 0)
    return document


def test_there_are_all() -> None:
    assert {path.name.removesuffix(".strace.xz") for path in TRACES.glob("*.xz")} == set(EXPECTED)
    assert len(EXPECTED) == 23


@pytest.mark.parametrize("name", EXPECTED)
def test_trace(name: str, command: Command) -> None:
    document = judged(command, name)
    found, honest = EXPECTED[name]
    told = {(base(each["program"]), each["path"], each["class"]) for each in document["findings"]}
    assert {each for each in told if each[2] in COUNTED} == found
    verdicts = {base(each["program"]): each["verdict"] for each in document["programs"]}
    assert {program for program, verdict in verdicts.items() if verdict == "honours"} == honest
    assert {program for program, verdict in verdicts.items() if verdict in ("hardcodes", "mixed")} == {
        program for program, _, _ in found}
    whole = "mixed" if found and honest else "hardcodes" if found else "honours" if honest else "none"
    assert document["verdict"] == whole
    if name in REQUESTED:
        assert (*REQUESTED[name], "user-requested") in told


def test_every_finding_has_its_evidence(command: Command) -> None:
    """The line that is named is that line, and the calls are in it."""
    for name in EXPECTED:
        lines = lzma.decompress((TRACES / f"{name}.strace.xz").read_bytes()).decode("latin-1").split("\n")
        for finding in judged(command, name)["findings"]:
            assert finding["calls"] and finding["chain"] and finding["evidence"], (name, finding["path"])
            for each in finding["evidence"]:
                start = each["call"].partition("<unfinished")[0].partition("resumed")[0].split()
                assert start[:2] == lines[each["line"] - 1].split()[:2], (name, each)


def test_plain_and_gzip_and_standard_input_give_the_same(command: Command, tmp_path: Path) -> None:
    text = lzma.decompress((TRACES / "tmux.strace.xz").read_bytes())
    (tmp_path / "plain").write_bytes(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text))  # known by what it is, not by its name
    wanted = judged(command, "tmux")["findings"]
    words = [sys.executable, "-m", "pam_mktemp_py.cli.main", "--json", "detect", "--trace", "-", "--tmpdir", TMPDIR,
             "--wrapper"]
    environment = {**os.environ, "PYTHONPATH": str(TRACES.parents[1])}
    done = subprocess.run(words, input=text, capture_output=True, env=environment)
    assert json.loads(done.stdout)["findings"] == wanted, done.stderr
    for name in ("plain", "packed"):
        found = command.json("detect", "--trace", str(tmp_path / name), "--tmpdir", TMPDIR, "--wrapper", status=1)
        assert found["findings"] == wanted
