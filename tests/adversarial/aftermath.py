"""After everything: nothing of ours still runs, waits, or is counted as alive."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pam_mktemp_py.sessions import records
from tests.adversarial.host import RUN
from tests.sandbox import state


def processes() -> dict[int, str]:
    """All processes of the sandbox with their command lines; zombies have none."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def planners() -> list[int]:
    """The interpreters that run as planner now."""
    return [pid for pid, line in processes().items() if line.startswith("/usr/bin/python3") and "pam-mktemp" in line]


def locked_slots() -> list[str]:
    """The planner's slots that somebody still holds."""
    folder = f"{RUN}/slots"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [name for name in names if _locked(f"{folder}/{name}")]


def _locked(path: str) -> bool:
    inode = os.stat(path).st_ino
    with open("/proc/locks") as file:
        return any(line.split()[5].rsplit(":", 1)[1] == str(inode) and "FLOCK" in line for line in file)


def problems(before: dict[int, str]) -> list[str]:
    """What is left over, compared with the processes before; given a second to end by itself."""
    end = time.monotonic() + 2
    while (wrong := _now(before)) and time.monotonic() < end:
        time.sleep(0.02)
    return wrong


def _now(before: dict[int, str]) -> list[str]:
    wrong = [f"process {pid} is left: {line}" for pid, line in processes().items() if pid not in before]
    queue = f"{RUN}/queue"
    wrong += [f"a request waits: {name}" for name in (os.listdir(queue) if os.path.isdir(queue) else [])]
    wrong += [f"slot {name} is held" for name in locked_slots()]
    wrong += [f"a dead session counts as alive: {record.file}" for record in records.records() if record.alive]
    return wrong


def tidy() -> list[str]:
    """What lies in our folders and belongs to nobody: half-made directories and files."""
    found = state.run("find", RUN, "/tmp/.private/.new", "/var/lib/pam-mktemp", "-mindepth", "1", "-name", ".*")
    inside = os.listdir("/tmp/.private/.new") if os.path.isdir("/tmp/.private/.new") else []
    return [*found.splitlines(), *inside]
