"""The folders that the launcher lives in: bin/, with a link for each program, and plans/. Root's alone.

Nothing in them is trusted or followed: what is not as it shall be is replaced in one step, and what does not belong
there is removed. Their folder has a file besides, proved.toml, which stays.
"""
from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass, field

from pam_mktemp_py.errors import Refused

BIN, PLANS = "bin", "plans"
_MODE = 0o755
_CLOSED = 0o711
_SEARCH = 0o011
_FILE_MODE = 0o644
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Step:
    """What becomes, or would become, of one path: made, replaced, mended (owner and mode) or removed."""

    path: str
    action: str


@dataclass
class _Work:
    """The uid that all shall have, and what was done; with `dry_run` nothing is."""

    owner: int
    dry_run: bool
    steps: list[Step] = field(default_factory=list)


def write(folder: str, plans: dict[str, bytes], launcher: str, *, owner: int = 0, dry_run: bool = False) -> list[Step]:
    """Make `folder` hold these plans by the names of programs, and links to `launcher`; what was changed.

    Refused if something that is no folder stands in the way of one; OSError. A program finds its plan at every
    moment that it finds its link.
    """
    work = _Work(owner, dry_run)
    if not plans and not any(os.path.lexists(f"{folder}/{name}") for name in (BIN, PLANS)):
        return []
    with contextlib.ExitStack() as opened:
        above = _above(work, opened, os.path.dirname(folder))
        top = _folder(work, opened, above, os.path.basename(folder), folder)
        places = {name: _folder(work, opened, top, name, f"{folder}/{name}") for name in (BIN, PLANS)}
        links = dict.fromkeys(plans, launcher)
        _remove(work, places[BIN], f"{folder}/{BIN}", set(links))
        for name, data in sorted(plans.items()):
            _put_plan(work, places[PLANS], f"{folder}/{PLANS}", name, data)
        for name, target in sorted(links.items()):
            _put_link(work, places[BIN], f"{folder}/{BIN}", name, target)
        _remove(work, places[PLANS], f"{folder}/{PLANS}", set(plans))
    return work.steps


def _above(work: _Work, opened: contextlib.ExitStack, path: str) -> int | None:
    """The folder of all our state, through which everyone must get to the launcher's: it is made closed elsewhere.

    Refused if others could have put there what they liked; OSError.
    """
    if not work.dry_run:
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, _CLOSED)
    try:
        fd = os.open(path, _FOLDER)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise _in_the_way(path) from error
    opened.callback(os.close, fd)
    about = os.fstat(fd)
    mode = stat.S_IMODE(about.st_mode)
    if about.st_uid != work.owner or mode & 0o022:
        raise Refused("shims-refused", path, f"is not a folder that only root can write (uid {about.st_uid}, mode "
                      f"{mode:04o})", f"look who changed it, then run: chown root {path} and chmod 711 {path}")
    if mode & _SEARCH != _SEARCH:
        work.steps.append(Step(path, "mended"))
        if not work.dry_run:
            os.fchmod(fd, mode | _SEARCH)
    return fd


def _in_the_way(path: str) -> Refused:
    return Refused("shims-refused", path, "is no folder, and one of root's belongs there",
                   f"look at what it is, then run: rm {path}")


def _folder(work: _Work, opened: contextlib.ExitStack, parent: int | None, name: str, path: str) -> int | None:
    """The folder, opened, as it shall be; None if it is not there and nothing shall be made. Refused, OSError."""
    if parent is None:
        work.steps.append(Step(path, "made"))
        return None
    made = False
    try:
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        work.steps.append(Step(path, "made"))
        if work.dry_run:
            return None
        os.mkdir(name, 0o700, dir_fd=parent)
        made = True
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except NotADirectoryError as error:  # of a symbolic link too
        raise _in_the_way(path) from error
    opened.callback(os.close, fd)
    about = os.fstat(fd)
    if (about.st_uid, stat.S_IMODE(about.st_mode)) != (work.owner, _MODE):
        if not made:
            work.steps.append(Step(path, "mended"))
        if not work.dry_run:
            # First of all: from here on nobody else can change what is in it.
            os.fchown(fd, work.owner, -1)
            os.fchmod(fd, _MODE)
    return fd


def _remove(work: _Work, fd: int | None, path: str, keep: set[str]) -> None:
    """All but these names."""
    for name in sorted(os.listdir(fd)) if fd is not None else ():
        if name not in keep:
            work.steps.append(Step(f"{path}/{name}", "removed"))
            if not work.dry_run:
                _take(fd, name)


def _take(fd: int | None, name: str) -> None:
    about = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if stat.S_ISDIR(about.st_mode):
        shutil.rmtree(name, dir_fd=fd)  # follows no link
    else:
        os.unlink(name, dir_fd=fd)


def _put_plan(work: _Work, fd: int | None, path: str, name: str, data: bytes) -> None:
    about = _there(fd, name)
    right = about is not None and stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and (
        about.st_uid, stat.S_IMODE(about.st_mode), about.st_size) == (work.owner, _FILE_MODE, len(data))
    if right and _content(fd, name, len(data)) == data:
        return
    work.steps.append(Step(f"{path}/{name}", "made" if about is None else "replaced"))
    if work.dry_run:
        return
    temporary = _temporary(name)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=fd)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), _FILE_MODE)  # the umask is the caller's
            os.fsync(stream.fileno())
        _rename(fd, temporary, name, about)
    except OSError:
        _forget(fd, temporary)
        raise


def _put_link(work: _Work, fd: int | None, path: str, name: str, target: str) -> None:
    about = _there(fd, name)
    if about is not None and stat.S_ISLNK(about.st_mode) and about.st_uid == work.owner:
        if os.readlink(name, dir_fd=fd) == target:
            return
    work.steps.append(Step(f"{path}/{name}", "made" if about is None else "replaced"))
    if work.dry_run:
        return
    temporary = _temporary(name)
    os.symlink(target, temporary, dir_fd=fd)
    try:
        _rename(fd, temporary, name, about)
    except OSError:
        _forget(fd, temporary)
        raise


def _temporary(name: str) -> str:
    """A name that no program has, so that one left by a kill is removed the next time."""
    return f".{name}.{secrets.token_hex(8)}"


def _rename(fd: int | None, temporary: str, name: str, about: os.stat_result | None) -> None:
    if about is not None and stat.S_ISDIR(about.st_mode):  # the one thing that rename does not replace
        _take(fd, name)
    os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)


def _forget(fd: int | None, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=fd)


def _there(fd: int | None, name: str) -> os.stat_result | None:
    if fd is None:
        return None
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _content(fd: int | None, name: str, size: int) -> bytes:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    with os.fdopen(file, "rb") as stream:
        return stream.read(size + 1)
