"""What only the running system can tell about a trace: programs in secure mode, and whose /tmp a process sees."""
from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)


def secure_for(uids: Iterable[int], gids: Iterable[int]) -> Callable[[str], bool]:
    """A test of programs: whether the loader runs it in secure mode (AT_SECURE, ld.so(8)) for these accounts.

    It does where the effective ids are not the real ones, or where a capability is gained. A script's bits count
    for nothing.
    """
    uids, gids = frozenset(uids), frozenset(gids)

    def secure(program: str) -> bool:
        try:
            found = os.stat(program)
        except OSError:  # gone, or not ours to see: nothing is known
            return False
        if not stat.S_ISREG(found.st_mode):
            return False
        other_user = bool(found.st_mode & stat.S_ISUID) and uids != {found.st_uid}
        other_group = bool(found.st_mode & stat.S_ISGID) and gids != {found.st_gid}
        return (other_user or other_group or (uids != {0} and _capable(program))) and not _script(program)

    return secure


def _capable(program: str) -> bool:
    try:
        return bool(os.getxattr(program, "security.capability"))
    except OSError:  # ENODATA: it has none; ENOTSUP: none can be there
        return False


def closed_for(uids: Iterable[int]) -> Callable[[str], int]:
    """A test of folders: 0 if others than these accounts and root can write to it, 1 if they can enter it, 2 if not.

    By owner and mode alone: an access list shows in the mode's group bits (acl(5)).
    """
    uids = frozenset(uids) | {0}

    def closed(folder: str) -> int:
        try:
            found = os.lstat(folder)
        except OSError:  # gone: nothing is known
            return 0
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in uids or found.st_mode & 0o022:
            return 0
        return 1 if found.st_mode & 0o011 else 2

    return closed


def _script(program: str) -> bool:
    try:
        with open(program, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:  # not readable: a setuid program often is not
        return False


class Running(NamedTuple):
    """A process as /proc shows it; `tmpdir` is its TMPDIR, None if it has none, `unit` its systemd service or ""."""

    pid: int
    program: str
    argv: tuple[str, ...]
    cwd: str
    uid: int
    gid: int
    tmpdir: str | None
    unit: str


def running(pid: int) -> Running:
    """Look at a process. Raises OSError; what only root may see is left empty."""
    folder = f"/proc/{pid}"
    with open(f"{folder}/cmdline", "rb") as file:
        words = tuple(os.fsdecode(word) for word in file.read().split(b"\0")[:-1])
    with open(f"{folder}/status", encoding="ascii", errors="replace") as file:
        status = file.read()
    with open(f"{folder}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        unit = re.findall(r"/([^/\n]+\.service)(?=/|$)", file.read(), re.M)
    ids = {name: int(re.findall(rf"^{name}:\s+\d+\s+(\d+)", status, re.M)[0]) for name in ("Uid", "Gid")}
    return Running(pid, _link(f"{folder}/exe"), words, _link(f"{folder}/cwd"), ids["Uid"], ids["Gid"],
                   _variable(f"{folder}/environ", b"TMPDIR"), unit[-1] if unit else "")


def _link(path: str) -> str:
    try:
        return os.readlink(path).removesuffix(" (deleted)")
    except OSError:  # another's process
        return ""


def _variable(path: str, name: bytes) -> str | None:
    """One variable of those that a process was started with; no other leaves this function."""
    try:
        with open(path, "rb") as file:
            for entry in file.read().split(b"\0"):
                if entry.startswith(name + b"="):
                    return os.fsdecode(entry[len(name) + 1:])
    except OSError:
        return None
    return None


def threads(pid: int) -> list[int]:
    """The ids of a process's threads. Raises OSError."""
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def private_directories(pid: int | None, shared: Iterable[str]) -> frozenset[str]:
    """Those of `shared` that the process (None: this one) sees as its own, and not as the host has them.

    Root compares them with what process 1 sees. Others cannot: they look for a bind mount of a part of a file
    system there (proc(5), mountinfo: the root of the mount), which is what such mounts are made of.
    """
    me = "self" if pid is None else str(pid)
    return frozenset(each for each in shared if _differs(me, each))


def _differs(pid: str, folder: str) -> bool:
    try:
        theirs = os.stat(f"/proc/{pid}/root{folder}")
        host = os.stat(f"/proc/1/root{folder}")
    except PermissionError:
        return _bound(pid, folder)
    except _GONE:
        return False
    return (theirs.st_dev, theirs.st_ino) != (host.st_dev, host.st_ino)


def _bound(pid: str, folder: str) -> bool:
    try:
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [line.split(" ") for line in lines]
    except (PermissionError, *_GONE):
        return False
    roots = [words[3] for words in mounts if len(words) > 4 and words[4] == folder]
    return bool(roots) and roots[-1] != "/"
