"""Whether an account itself can make, write and remove a file in a directory."""
from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import NoReturn

LONGEST = 5.0  # s


def as_account(user: str, uid: int, gid: int, places: dict[str, str]) -> dict[str, str]:
    """For each key of `places` (key -> directory): "" or why the account could not use the directory.

    A child becomes the account, with its groups, and tries. It can do no more than the account can: what
    lies at the place is of no danger to root, only the child could be stopped or killed by its owner: it has
    LONGEST seconds.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _child(user, uid, gid, places, write)
    os.close(write)
    text, end = b"", time.monotonic() + LONGEST
    while select.select([read], [], [], max(0.0, end - time.monotonic()))[0] and (piece := os.read(read, 1 << 16)):
        text += piece
    os.close(read)
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # a module may have SIGCHLD ignored
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    try:
        answers = json.loads(text)
        return {key: str(answers[key]) for key in places}
    except (ValueError, KeyError, TypeError):
        return {key: "the process that tried it as the account was stopped or killed" for key in places}


def _child(user: str, uid: int, gid: int, places: dict[str, str], answer_to: int) -> NoReturn:
    status = 1
    try:
        become(user, uid, gid)
        found = {place: attempt(place) for place in set(places.values())}
        os.write(answer_to, json.dumps({key: found[place] for key, place in places.items()}).encode())
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def become(user: str, uid: int, gid: int) -> None:
    """Be this account for good: groups, gid, uid, and see that it is so. OSError, PermissionError."""
    os.setgroups(os.getgrouplist(user, gid))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise PermissionError("the kernel kept other ids")


def attempt(place: str) -> str:
    """Make a file in `place`, write to it and remove it: "" or what failed."""
    name = f"{place}/.pam-mktemp-{os.urandom(8).hex()}"
    try:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return f"no file can be made in it: {error.strerror}"
    try:
        os.write(fd, b"try")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        return f"nothing can be written in it: {error.strerror}"
    finally:
        os.close(fd)
    try:
        os.unlink(name)
    except OSError as error:
        return f"a file made in it cannot be removed: {error.strerror}"
    return ""
