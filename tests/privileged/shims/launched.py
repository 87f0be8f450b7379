"""Shims as the launcher finds them: links and launch plans, and a look at how a program was started."""
from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privileged.run.start import RUN, good, own, start

LAUNCHER = Path("/usr/lib/pam-mktemp-shim")
STATE = Path("/var/lib/pam-mktemp/shims")
BIN, PLANS = STATE / "bin", STATE / "plans"
USUAL = "/usr/local/bin:/usr/bin:/bin"
SHIMMED = f"{BIN}:{USUAL}"
TMPDIR = str(own("alice"))
# What a program can see of how it was started. Python itself changes which signals are ignored, always the same.
REPORT = """import json, os, sys
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "argv0": open("/proc/self/cmdline", "rb").read().split(b"\\0")[0].decode(), "arguments": sys.argv[1:],
    "environment": dict(os.environ), "pid": os.getpid(), "parent": os.getppid(), "group": os.getpgrp(),
    "session": os.getsid(0), "cwd": os.getcwd(), "tmp": "%d %d" % (os.stat("/tmp").st_dev, os.stat("/tmp").st_ino),
    "files": sorted(os.listdir("/proc/self/fd")), "exe": os.readlink("/proc/self/exe"),
    "status": {key: status[key] for key in ("SigBlk", "SigIgn", "SigCgt", "Uid", "Gid", "Groups", "CapEff", "CapPrm")},
}))"""


def plan(name: str, *sections: str) -> None:
    """A launch plan by hand; a section is "FLAGS PATTERN WORDS...". The link as well."""
    path = PLANS / name
    path.write_text("pam-mktemp-shim 2\n" + "".join(f"{section}\n" for section in sections) + "end\n")
    path.chmod(0o644)
    if not (BIN / name).is_symlink():
        (BIN / name).symlink_to(LAUNCHER)


def hers(**more: str) -> dict[str, str]:
    """The environment of a session of alice's, its PATH as at stage shim."""
    return {"TMPDIR": TMPDIR, "PATH": SHIMMED, "USER": "alice", "LOGNAME": "alice"} | more


def seen(*words: str, path: str = SHIMMED, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """What python3 says of its start, started as the words say: by its name if there are none."""
    variables = hers(PATH=path) | (env or {})
    found: dict[str, Any] = json.loads(good(*(words or ("python3",)), "-c", REPORT, env=variables, **options))
    return found


@pytest.fixture
def shims(fresh_state: None, alice: Any) -> Iterator[Any]:
    """The folders, empty, and alice with her directory and the plan of the launcher for herself."""
    good(*RUN, "-u", "alice", "--", "true")
    good(*RUN, "--", "true", user=alice)
    shutil.rmtree(STATE, ignore_errors=True)
    for folder in (BIN, PLANS):
        folder.mkdir(parents=True)
    for folder in (STATE.parent, STATE):
        folder.chmod(0o755)
    yield alice
    shutil.rmtree(STATE)


def status(*words: str, path: str = SHIMMED, **options: Any) -> tuple[int, str]:
    """The exit status and what was said on standard error."""
    done = start(*words, env=hers(PATH=path), **options)
    return done.returncode, done.stderr
