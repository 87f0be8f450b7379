"""The terminal's keys while a command is traced: an interactive bash sees what it would see without the tracer."""
from __future__ import annotations

import json
import os
import re
import select
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.capabilities import can_trace, need
from tests.terminal import PROMPT, Bash
from tests.tracing import PROGRAMS, SECONDS, Tracer

CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"


class Terminal:
    """A bash in which the tracer is started, key by key."""

    def __init__(self, folder: Path) -> None:
        self.tracer = Tracer(folder)
        self.answer = folder / "answer"
        self.bash = Bash(":", os.environ["PATH"], str(folder))

    def enter(self, *command: str) -> None:
        """Start the tracer on a command, without waiting for it."""
        asked = {"run": {"command": command, "tmpdir": str(self.tracer.tmpdir), "log": str(self.tracer.log)}}
        words = [sys.executable, str(PROGRAMS / "trace.py"), str(self.answer), json.dumps(asked)]
        script = self.tracer.folder / "go"  # a line this short is not wrapped in its echo
        script.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        script.chmod(0o755)
        self.press(f"{script}\n")
        self.until("/go\n")

    def press(self, keys: str) -> None:
        os.write(self.bash.terminal, keys.encode())

    def until(self, text: str) -> str:
        """What the terminal shows up to and with this text."""
        seen, end = "", time.monotonic() + SECONDS
        while not seen.endswith(text):
            assert select.select([self.bash.terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
            seen += os.read(self.bash.terminal, 1).decode(errors="replace").replace("\r", "")
        return seen

    def outcome(self) -> dict[str, object]:
        found: dict[str, dict[str, object]] = json.loads(self.answer.read_text())
        return found["outcome"]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    need(can_trace(), "strace")
    found = Terminal(tmp_path)
    try:
        yield found
        found.bash.close()
    finally:
        found.bash.process.kill()  # if it was left in the middle of something; its terminal ends the rest
        found.bash.process.wait()


def test_a_key_reaches_the_command_once(terminal: Terminal) -> None:
    """From the terminal; relayed as well it would come twice."""
    terminal.enter(terminal.tracer.witness, "signals", "3")
    terminal.until("ready ")
    shown = ""
    for key, name in ((CTRL_C, "INT"), (CTRL_BACKSLASH, "QUIT"), (CTRL_C, "INT")):
        terminal.press(key)
        shown += terminal.until(f"{name}\n")
    assert re.findall(r"INT|QUIT", shown) == ["INT", "QUIT", "INT"]
    terminal.until(PROMPT)
    assert terminal.outcome()["status"] == 0
    assert terminal.bash.type("echo still here") == "echo still here\nstill here\n" + PROMPT


def test_ctrl_c_ends_a_command_as_it_does_alone(terminal: Terminal) -> None:
    terminal.enter("sh", "-c", "echo up; exec sleep 3600")
    terminal.until("up\n")
    terminal.press(CTRL_C)
    terminal.until(PROMPT)
    assert (terminal.outcome()["status"], terminal.outcome()["signal"]) == (130, 2)


def test_ctrl_z_stops_and_fg_continues(terminal: Terminal) -> None:
    terminal.enter("sh", "-c", "echo up; read line; echo got $line")
    terminal.until("up\n")
    terminal.press(CTRL_Z)
    assert "Stopped" in terminal.until(PROMPT)
    assert "Stopped" in terminal.bash.type(" jobs")  # the space may be lost while bash sets its terminal up
    terminal.press("fg\n")
    terminal.until("/go\n")
    terminal.press("words\n")
    assert "got words" in terminal.until(PROMPT)
    assert terminal.outcome()["status"] == 0


def test_the_command_has_the_terminal(terminal: Terminal) -> None:
    """Its own job control works: a shell in it takes the terminal, and gives it back."""
    terminal.enter("env", "PS1=inner> ", "bash", "--norc", "--noprofile", "-i")
    terminal.until("inner> ")
    terminal.press("sh -c 'echo u''p; exec sleep 3600'\n")
    terminal.until("up\n")
    terminal.press(CTRL_Z)
    assert "Stopped" in terminal.until("inner> ")
    terminal.press("kill -KILL %1; disown -a; exit 5\n")
    terminal.until(PROMPT)
    assert terminal.outcome()["status"] == 5
