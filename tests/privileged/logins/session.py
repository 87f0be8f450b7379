"""Real logins with a witness in them, and what every one of them must be like."""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pam_mktemp_py.sessions.records import Record, records
from tests.privileged.directories import assert_right, writable_by
from tests.programs.session_witness import PLACE, VARIABLES
from tests.sandbox.accounts import CLEAN
from tests.sandbox.syslog import Syslog

PROGRAMS = Path(__file__).parents[2] / "programs"
WITNESS = "/usr/local/bin/session-witness"
LINE = "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_mktemp_py.so"
PLANNER = "/usr/lib/pam-mktemp"
CONFIG = Path("/etc/security/pam_mktemp.toml")


def prepare_meeting() -> None:
    """An empty meeting place, and the witness where every account can run it: the checkout may be in /root."""
    shutil.rmtree(PLACE, ignore_errors=True)
    os.mkdir(PLACE)
    os.chmod(PLACE, 0o1777)
    shutil.copy(PROGRAMS / "session_witness.py", WITNESS)
    os.chmod(WITNESS, 0o755)


def eventually(true: Callable[[], Any], what: str, seconds: float = 10) -> Any:
    """The first true answer; AssertionError if it never comes."""
    end = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)
    return answer


class Seen:
    """What the witness of one open session reported."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.uid: int = report["uid"]
        self.pid: int = report["pid"]
        self.environment: dict[str, str] = report["environment"]
        self.made: dict[str, str] = report["made"]
        self.tty: bool = report["tty"]
        self.files: list[str] = report["files"]

    @property
    def variables(self) -> dict[str, str]:
        """Those of the four that are set."""
        return {name: self.environment[name] for name in VARIABLES if name in self.environment}


def witness_report(name: str, seconds: float = 15) -> Seen:
    """Wait for the witness of this name."""
    path = Path(PLACE, f"{name}.report")
    eventually(path.exists, f"the report of {name}", seconds)
    return Seen(json.loads(path.read_text()))


def let_go(name: str) -> None:
    """The witness may end."""
    Path(PLACE, f"{name}.go").touch()


@contextlib.contextmanager
def session(command: Sequence[str], name: str = "one", **options: Any) -> Iterator[Seen]:
    """Run a login whose command is the witness, be inside it, then wait for its good end without a word on stderr."""
    options = {"stdin": subprocess.DEVNULL, "env": CLEAN, "cwd": "/"} | options
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            report = Path(PLACE, f"{name}.report")
            eventually(lambda: report.exists() or process.poll() is not None, f"the report of {name}", 20)
            if not report.exists():
                raise AssertionError(f"{command} ended with {process.returncode}: {process.communicate()}")
            yield witness_report(name)
            let_go(name)
            _, errors = process.communicate(timeout=20)
        finally:
            let_go(name)
            process.kill()
    assert process.returncode == 0, errors
    assert errors == ""


def login(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a login to its end; output captured, status not checked."""
    options = {"stdin": subprocess.DEVNULL, "env": CLEAN, "cwd": "/", "timeout": 60} | options
    if "input" in options:
        del options["stdin"]
    return subprocess.run(command, capture_output=True, text=True, **options)


def su(name: str, script: str = "env", **options: Any) -> subprocess.CompletedProcess[str]:
    """su NAME -c SCRIPT with /bin/sh, by root."""
    return login(["su", "-s", "/bin/sh", name, "-c", script], **options)


def variables(output: str) -> dict[str, str]:
    """Those of the four that `env` printed."""
    lines = (line.partition("=") for line in output.splitlines())
    return {name: value for name, _, value in lines if name in VARIABLES}


def all_four(directory: str) -> dict[str, str]:
    """The variables as they must be for /tmp/.private/DIRECTORY."""
    return {name: f"/tmp/.private/{directory}/tmp" for name in VARIABLES}


def open_records(service: str | None = None) -> list[Record]:
    """The records there are now, of one service or of all."""
    return [record for record in records() if service in (None, record.get("service"))]


def assert_private(seen: Seen, name: str, service: str, stranger: str = "mallory") -> None:
    """All that an open session of the account must be: variables, directory, usable, closed, recorded."""
    assert seen.uid == pwd.getpwnam(name).pw_uid
    assert seen.variables == all_four(name)
    assert set(seen.made.values()) == {"ok"}
    assert not [file for file in seen.files if "pam-mktemp" in file or ".private" in file]  # the host's, not the user's
    assert_right(name)
    other = pwd.getpwnam(stranger)
    assert not writable_by(other.pw_uid, other.pw_gid, Path(seen.variables["TMPDIR"]))
    assert_recorded(name, service)


def assert_recorded(name: str, service: str) -> None:
    """There is one record, alive, and true."""
    record, = open_records(service)
    at = os.stat(f"/tmp/.private/{name}")
    assert record.alive
    assert (record.get("user"), record.number("uid")) == (name, pwd.getpwnam(name).pw_uid)
    assert (record.get("stage"), record.get("outcome"), record.get("form")) == ("env", "private", "acl")
    assert record.get("directory") == f"/tmp/.private/{name}"
    assert (record.number("device"), record.number("inode")) == (at.st_dev, at.st_ino)
    assert abs(record.number("time") - time.time()) < 60
    assert record.file == ".".join(str(record.number(field)) for field in ("uid", "pid", "opened"))
    assert Path(f"/proc/{record.number('pid')}").exists()
    with open(f"/run/pam-mktemp/sessions/{record.file}", "rb") as file:
        about = os.fstat(file.fileno())
        assert (about.st_uid, about.st_mode & 0o7777) == (0, 0o600)
        with pytest.raises(BlockingIOError):  # its host holds it
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def assert_none_open() -> None:
    """All records are gone, at once or as soon as the daemon has closed its session."""
    eventually(lambda: not records(), "the end of all records")


def logged(syslog: Syslog) -> list[str]:
    """The ids of all that was logged until now: a line of ours comes after it in the socket's queue."""
    mark = f"mark {time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(mark.encode(), syslog.path)
    syslog.wait_for(mark)
    return syslog.ids()


def configure(text: str, drop_in: str = "") -> Path:
    """Write the configuration, or a drop-in of this name; the file."""
    path = CONFIG.with_suffix(".d") / drop_in if drop_in else CONFIG
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@contextlib.contextmanager
def away(path: str | Path) -> Iterator[None]:
    """Inside, the path is not there."""
    path = Path(path)
    hidden = path.with_name(path.name + ".away")
    path.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(path)
