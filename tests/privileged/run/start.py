"""Starts commands through the installed pam-mktemp run and pam-mktemp-launch."""
from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from tests.sandbox.accounts import CLEAN

Done = subprocess.CompletedProcess[str]
RUN = ("pam-mktemp", "-q", "run")
LAUNCH = ("pam-mktemp-launch",)
SHOW = "stat -c '%d %i' /tmp"


def start(*words: str, user: pwd.struct_passwd | None = None, cwd: str = "/", env: dict[str, str] | None = None,
          **options: Any) -> Done:
    """Run the words as root, or as `user` with the user's groups, in a clean environment."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60} | options
    if user is not None:
        options |= {"user": user.pw_uid, "group": user.pw_gid,
                    "extra_groups": os.getgrouplist(user.pw_name, user.pw_gid)}
    return subprocess.run(words, env=CLEAN | (env or {}), cwd=cwd, **options)


def good(*words: str, **options: Any) -> str:
    """What it printed; it must end well."""
    done = start(*words, **options)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def own(user: str, leaf: str = "tmp") -> Path:
    """An instance, from outside."""
    return Path("/tmp/.private", user, leaf)


def number(path: Path | str) -> str:
    """As SHOW prints it."""
    found = os.stat(path)
    return f"{found.st_dev} {found.st_ino}\n"


def mounts() -> str:
    """What is mounted where we are."""
    return Path("/proc/self/mountinfo").read_text()
