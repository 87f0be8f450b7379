"""Reading the configuration files: only what root alone can write, whole, and of one moment."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py import paths
from pam_mktemp_py.config import depends
from pam_mktemp_py.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.config.depends import Depend, Signature

LARGEST = 64 * 1024
MOST_DROP_INS = 30  # a plan names at most 32 dependencies: these, the main file and the folder
_TRIES = 5
# NONBLOCK: opening a FIFO without it waits for a writer, and so would the login.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_all(path: str, owner: int = 0) -> tuple[list[tuple[str, bytes]], list[Depend]]:
    """The texts of the main file and its drop-ins, in order, and what they depend on.

    `owner` is the uid that files and folder must have. Files that change meanwhile are read again.
    Raises ConfigError.
    """
    try:
        for _ in range(_TRIES):
            texts, found = _read_once(path, owner)
            if depends.unchanged(found):
                return texts, found
    except OSError as error:
        raise ConfigError(path, 0, f"it or a drop-in cannot be read: {error.strerror}") from error
    raise ConfigError(path, 0, "it or a drop-in changes while it is read", "log in again when the edit is done")


def _read_once(path: str, owner: int) -> tuple[list[tuple[str, bytes]], list[Depend]]:
    texts: list[tuple[str, bytes]] = []
    found: list[Depend] = []
    folder = paths.drop_in_folder(path)
    names, folder_signature = drop_ins(folder, owner)
    for file in [path, *(f"{folder}/{name}" for name in names)]:
        data, signature = read_one(file, owner)
        found.append((file, signature))
        if data is not None:
            texts.append((file, data))
    found.insert(1, (folder, folder_signature))
    return texts, found


def drop_ins(folder: str, owner: int, most: int = MOST_DROP_INS) -> tuple[list[str], Signature | None]:
    """The names of the drop-ins in their order, and the folder's state; ([], None) without one. ConfigError."""
    fd = _opened(folder, "a folder of drop-ins")
    if fd is None:
        return [], None
    try:
        status = os.fstat(fd)
        if not stat.S_ISDIR(status.st_mode):
            raise ConfigError(folder, 0, f"is {_kind(status)}, not a folder of drop-ins", "move it away")
        _check_owner(folder, status, owner)
        names = sorted(n for n in os.listdir(fd) if n.endswith(".toml") and not n.startswith("."))
    finally:
        os.close(fd)
    if len(names) > most:
        raise ConfigError(folder, 0, f"holds {len(names)} drop-ins, more than {most}", "join some of them")
    return names, depends.signature(status)


def read_one(path: str, owner: int) -> tuple[bytes | None, Signature | None]:
    """The content and the state of one file; (None, None) if there is none. ConfigError, OSError."""
    fd = _opened(path, "a regular file")
    if fd is None:
        return None, None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(path, 0, f"is {_kind(status)}, not a regular file", "put a regular file there")
        _check_owner(path, status, owner)
        data = b""
        while len(data) <= LARGEST and (piece := os.read(fd, LARGEST + 1 - len(data))):
            data += piece
    finally:
        os.close(fd)
    if len(data) > LARGEST:
        raise ConfigError(path, 0, f"is larger than {LARGEST} bytes", "use groups instead of long lists of users")
    return data, depends.signature(status)


def _opened(path: str, wanted: str) -> int | None:
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        try:
            status = os.lstat(path)
        except OSError:  # the first error says more
            raise ConfigError(path, 0, f"cannot be opened: {error.strerror}") from error
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            raise ConfigError(path, 0, f"cannot be opened: {error.strerror}") from error
        # A link would put the decision in the hands of whoever may write where it leads.
        raise ConfigError(path, 0, f"is {_kind(status)}, not {wanted}", "put the real one there") from error


def _check_owner(path: str, status: os.stat_result, owner: int) -> None:
    if status.st_uid != owner:
        who = "root" if owner == 0 else f"uid {owner}"
        raise ConfigError(path, 0, f"belongs to uid {status.st_uid}, not to {who}", f"run: chown {owner} {path}")
    if status.st_mode & 0o022:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(path, 0, f"can be written by others (mode {mode:04o})", f"run: chmod go-w {path}")


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO",
             stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
             stat.S_IFREG: "a regular file"}
    return kinds.get(stat.S_IFMT(status.st_mode), "of an unknown kind")
