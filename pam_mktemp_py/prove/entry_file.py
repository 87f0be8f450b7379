"""An entry of the catalogue as a file: the text that the schema reads back, put in its place whole or not at all."""
from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from typing import Any

from pam_mktemp_py.config import toml_text
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.remedies.entry import Entry

ID = "remedy-refused"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HEAD = "# Written by: pam-mktemp detect --fix\n"


def text(entry: Entry) -> str:
    """The TOML of an entry. TypeError for a text that TOML has no word for."""
    recognise, remedy, check = entry.recognise, entry.remedy, entry.check
    top = {"summary": entry.summary, "group": entry.group if entry.group != entry.name else "", "class": entry.kind,
           "does": entry.does, "breaks": entry.breaks}
    tables: dict[str, Mapping[str, Any]] = {
        "recognise": {"names": recognise.names, "paths": recognise.paths, "interpreter": recognise.interpreter,
                      "versions": recognise.versions, "version": recognise.version, "touches": recognise.touches,
                      "anyone": recognise.anyone},
        "remedy": {"kind": remedy.kind, "set": remedy.set, "unset": remedy.unset, "arguments": remedy.arguments,
                   "required": remedy.required, "file": remedy.file, "change": remedy.change, "reason": remedy.reason},
        "evidence": {"documented": entry.evidence.documented, "observed": entry.evidence.observed}}
    if check is not None:
        tables["check"] = {"packages": check.packages, "commands": [list(words) for words in check.commands],
                           "output": check.output, "touches": check.touches, "both": check.both}
    return _HEAD + _lines(top) + "".join(f"\n[{name}]\n{_lines(table)}" for name, table in tables.items())


def _lines(table: Mapping[str, Any]) -> str:
    """Its keys, but for those that say nothing."""
    return "".join(f"{key} = {toml_text.value(list(given) if isinstance(given, tuple) else given)}\n"
                   for key, given in table.items() if given)


def check(path: str, force: bool) -> None:
    """Refused if something is at `path` that shall not be replaced."""
    if os.path.lexists(path) and not force:
        raise Refused(ID, path, "is there already", "look at it, then replace it with --force")
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        raise Refused(ID, path, "is there, and no regular file", "move it away")


def store(path: str, data: bytes, owner: int, force: bool) -> None:
    """Put it there, and its folder if that is missing. Refused, OSError; then all is as it was."""
    check(path, force)
    fd = _folder(os.path.dirname(path), owner)
    try:
        _place(fd, path, data, force)
        os.fsync(fd)
    finally:
        os.close(fd)


def _folder(path: str, owner: int) -> int:
    """The folder, made with that above it; what stands there must be `owner`'s alone."""
    for folder in (os.path.dirname(path), path):
        made = True
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            made = False
        fd = os.open(folder, _FOLDER)
        try:
            if made:
                os.fchmod(fd, 0o755)  # the umask is the caller's
            about = os.fstat(fd)
            if about.st_uid != owner or about.st_mode & 0o022:
                raise Refused(ID, folder, "does not belong to root alone", f"run: chown root and chmod go-w {folder}")
        except BaseException:
            os.close(fd)
            raise
        if folder != path:
            os.close(fd)
    return fd


def _place(fd: int, path: str, data: bytes, force: bool) -> None:
    name = os.path.basename(path)
    temporary = f".{name}.{secrets.token_hex(8)}"  # what begins with a dot is read by nobody
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=fd)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), 0o644)
            os.fsync(out.fileno())
        if force:
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        else:  # link(2) replaces nothing: of two at once one finds the other's
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
    except FileExistsError as error:
        raise Refused(ID, path, "another has just made it", "look at it, then try again") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=fd)
