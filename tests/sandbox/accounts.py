"""Real accounts of the sandbox's own /etc/passwd, and commands run as them."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def add(
    name: str, uid: int | None = None, gid: int | None = None, groups: Sequence[str] = (), *,
    home: bool = True, shell: str = "/bin/sh",
) -> pwd.struct_passwd:
    """useradd; uid and gid may be taken already. Without a gid the account gets a group of its own name."""
    command = ["useradd", "--badname", "--shell", shell, "--create-home" if home else "--no-create-home"]
    if uid is not None:
        command += ["--uid", str(uid), "--non-unique"]
    command += ["--user-group"] if gid is None else ["--gid", str(gid), "--no-user-group"]
    if groups:
        command += ["--groups", ",".join(groups)]
    subprocess.run([*command, "--", name], check=True, capture_output=True, text=True)
    return pwd.getpwnam(name)


def remove(name: str) -> None:
    """userdel with home and mail, after killing what still runs as the account. A missing account is fine."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return
    if entry.pw_uid != 0:
        kill_all_of(entry.pw_uid)
    subprocess.run(["userdel", "--force", "--remove", "--", name], check=False, capture_output=True)


def kill_all_of(uid: int) -> None:
    """SIGKILL to every process of the uid in this PID namespace."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                os.kill(int(pid), signal.SIGKILL)


def run_as(
    account: pwd.struct_passwd, command: Sequence[str], env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command as the account, with its groups, without PAM. Output is captured as text; rc is not checked."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60, "cwd": "/"} | options
    if "input" in options:
        del options["stdin"]
    return subprocess.run(
        command, env=CLEAN | (env or {}), user=account.pw_uid, group=account.pw_gid,
        extra_groups=os.getgrouplist(account.pw_name, account.pw_gid), **options,
    )


class Accounts:
    """account("alice", uid=1500): made now, removed when the test ends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, *args: Any, **options: Any) -> pwd.struct_passwd:
        self.names.append(name)
        return add(name, *args, **options)


@pytest.fixture
def account() -> Iterator[Accounts]:
    """A factory of real accounts: account(name, uid, gid, groups, home=, shell=) -> struct_passwd."""
    made = Accounts()
    yield made
    for name in reversed(made.names):
        remove(name)


@pytest.fixture
def as_user() -> Any:
    """as_user(account, ["id", "-u"]) -> CompletedProcess, see run_as."""
    return run_as
