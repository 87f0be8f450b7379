"""Putting a drop-in into the configuration: whole or not at all, and only if all of it then loads."""
from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass, field

from pam_mktemp_py import paths
from pam_mktemp_py.config import files
from pam_mktemp_py.config.load import compiled, load
from pam_mktemp_py.errors import ConfigError, Refused

_MODE = 0o644
_FOLDER_MODE = 0o755
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Change:
    """A drop-in to be written; `before` is what stands at `path` now, None for nothing.

    `replaces` are the keys that a file before it sets, `hidden` those that one after it sets again:
    (key, FILE:LINE of the other).
    """

    config: str
    path: str
    data: bytes
    owner: int
    before: bytes | None = None
    replaces: list[tuple[str, str]] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether it is there already."""
        return self.before == self.data


def _refused(path: str, what: str, hint: str) -> Refused:
    return Refused("import-refused", path, what, hint)


def prepared(config: str, name: str, data: bytes, *, owner: int, force: bool) -> Change:
    """Check everything before anything is written. Refused, OSError; `owner` as load() has it."""
    path = f"{paths.drop_in_folder(config)}/{name}"
    change = Change(config, path, data, owner)
    if len(data) > files.LARGEST:
        raise _refused(path, f"would be larger than {files.LARGEST} bytes", "exempt a group instead of many users")
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(about.st_mode):
            raise _refused(path, "is there, and no regular file", "move it away, or give another name")
    try:
        texts, _ = files.read_all(config, owner)
        change.before = dict(texts).get(path)
        if change.before is not None and not change.nothing and not force:
            raise _refused(path, "is there already", "give another name, or replace it with --force")
        _merge(change, [pair for pair in texts if pair[0] != path])
    except ConfigError as error:
        raise _refused(path, f"the configuration could not be used with it: {error}",
                       "correct that first (pam-mktemp config check)") from error
    return change


def _merge(change: Change, others: list[tuple[str, bytes]]) -> None:
    """What of the other files is replaced and what they hide, if the whole loads at all. ConfigError."""
    old = compiled(change.config, others)
    drop_ins = sorted([*(pair for pair in others if pair[0] != change.config), (change.path, change.data)])
    if len(drop_ins) > files.MOST_DROP_INS:
        raise ConfigError(os.path.dirname(change.path), 0, f"would hold {len(drop_ins)} drop-ins, more than "
                          f"{files.MOST_DROP_INS}", "join some of them")
    new = compiled(change.config, [*(pair for pair in others if pair[0] == change.config), *drop_ins])
    for key, (file, _) in new.origins.items():
        if file == change.path and key in old.origins and "[" not in key:
            change.replaces.append((key, old.origin(key)))
    alone = compiled(change.config, [(change.path, change.data)])
    change.hidden = [(key, new.origin(key)) for key in alone.origins
                     if "[" not in key and new.origins[key][0] != change.path]


def write(change: Change) -> None:
    """Do it. OSError or Refused; then everything is as it was."""
    folder = os.path.dirname(change.path)
    made = _make(folder)
    try:
        fd = os.open(folder, _FOLDER)
        try:
            if made:
                os.fchmod(fd, _FOLDER_MODE)  # the umask is the caller's
            about = os.fstat(fd)
            if about.st_uid != change.owner or about.st_mode & 0o022:
                raise _refused(folder, "does not belong to root alone", f"run: chown root and chmod go-w {folder}")
            _place(fd, os.path.basename(change.path), change)
        finally:
            os.close(fd)
    except (OSError, Refused) as error:
        if isinstance(error, OSError):
            error.filename = change.path  # write(2) names none, and others that of a temporary file
        if made:
            os.rmdir(folder)
        raise


def _make(folder: str) -> bool:
    try:
        os.mkdir(folder, _FOLDER_MODE)
    except FileExistsError:
        return False
    return True


def _place(fd: int, name: str, change: Change) -> None:
    temporary = _temporary(fd, name, change.data)
    placed = False
    try:
        if change.before is None:  # link(2) replaces nothing: of two imports at once one finds the other's
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            placed = True
            os.unlink(temporary, dir_fd=fd)
        else:
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
            placed = True
        os.fsync(fd)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=fd)
        if placed:
            _undo(fd, name, change)
        if isinstance(error, FileExistsError):
            raise _refused(change.path, "another has just made it", "look at it, then try again") from error
        raise
    try:
        load(change.config, owner=change.owner)
    except ConfigError as error:  # another file was changed since we looked
        _undo(fd, name, change)
        raise _refused(change.path, f"the configuration could not be used with it: {error}",
                       "it was taken back; correct that first (pam-mktemp config check)") from error


def _undo(fd: int, name: str, change: Change) -> None:
    if change.before is None:
        os.unlink(name, dir_fd=fd)
    else:
        os.rename(_temporary(fd, name, change.before), name, src_dir_fd=fd, dst_dir_fd=fd)


def _temporary(fd: int, name: str, data: bytes) -> str:
    """A file with the content in the folder; it begins with a dot, so no login reads it."""
    temporary = f".{name}.{secrets.token_hex(8)}"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=fd)
    try:
        try:
            os.fchmod(file, _MODE)  # the umask is the caller's
            while data:
                data = data[os.write(file, data):]
            os.fsync(file)
        finally:
            os.close(file)
    except OSError:
        os.unlink(temporary, dir_fd=fd)
        raise
    return temporary
