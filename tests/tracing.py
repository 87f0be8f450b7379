"""Commands under the real tracer, in a process of their own: what they said, and what came of it."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.sandbox.state import CHECKOUT

PROGRAMS = CHECKOUT / "tests/programs"
SECONDS = 30


def build(folder: Path) -> str:
    """Compile the witness; its path."""
    program = folder / "tracee"
    flags = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["gcc", *flags, "-o", program, PROGRAMS / "tracee.c"], check=True)
    program.chmod(0o755)
    return str(program)


def until(true: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """The first true answer; a failure if there is none in time."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not seen: {what}"
        time.sleep(0.01)
    return found


class Tracing:
    """One run in a folder that its user can write to; `kind` is run or attach."""

    def __init__(self, folder: Path, kind: str, asked: dict[str, Any], prefix: Sequence[str] = (),
                 **options: Any) -> None:
        self.answer, self.log = folder / "answer", folder / "log"
        self.answer.unlink(missing_ok=True)
        words = [*prefix, sys.executable, str(PROGRAMS / "trace.py"), str(self.answer), json.dumps({kind: asked})]
        self.process = subprocess.Popen(words, **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                                                   "stdin": subprocess.DEVNULL} | options))

    def line(self) -> str:
        """The next line that the command says."""
        assert self.process.stdout is not None
        return str(self.process.stdout.readline()).rstrip("\n")

    def end(self) -> dict[str, Any]:
        """What came of it, with all that the command said in "stdout" and "stderr"."""
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate(timeout=1)
            raise
        assert self.process.returncode == 0, err
        found: dict[str, Any] = json.loads(self.answer.read_text())
        assert found["restored"]
        return found | {"stdout": out, "stderr": err}

    def outcome(self) -> dict[str, Any]:
        """The same when there was a trace: the outcome's fields."""
        found = self.end()
        assert "outcome" in found, found
        return found["outcome"] | {"stdout": found["stdout"], "stderr": found["stderr"], "progress": found["progress"]}


class Tracer:
    """Starts runs; `folder` holds their logs and the directory that TMPDIR names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tmpdir = folder / "tmp"
        self.tmpdir.mkdir(exist_ok=True)
        self.log = folder / "log"
        self.witness = build(folder)

    def start(self, *command: str, prefix: Sequence[str] = (), options: dict[str, Any] | None = None,
              **fields: Any) -> Tracing:
        """Run a command; `fields` are those of Request, `options` Popen's, `prefix` what starts the tracer."""
        asked = {"command": command, "tmpdir": str(self.tmpdir), "log": str(self.log)} | fields
        return Tracing(self.folder, "run", asked, prefix, **(options or {}))

    def attach(self, *pids: int, prefix: Sequence[str] = (), **arguments: Any) -> Tracing:
        """Attach to processes."""
        return Tracing(self.folder, "attach", {"pids": pids, "path": str(self.log)} | arguments, prefix)

    def run(self, *command: str, **more: Any) -> dict[str, Any]:
        """start() and the outcome."""
        return self.start(*command, **more).outcome()

    def refusal(self, *command: str, **more: Any) -> str:
        """start(), and the text of the error."""
        found = self.start(*command, **more).end()
        assert found.get("error") == "trace-failed", found
        return str(found["text"])

    def traced(self) -> str:
        """The log."""
        return self.log.read_text(errors="replace")


def exists(pid: int) -> bool:
    """Whether the process runs, zombies excepted."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def path_with(folder: Path) -> dict[str, str]:
    """The environment with a folder first in PATH."""
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
