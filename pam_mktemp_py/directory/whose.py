"""From a name below /tmp/.private to the account that it was made for: looked at, never changed. Needs root.

Raises OSError (PermissionError for others than root) and DirectoryError for a base that cannot be trusted.
"""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.directory import parent, stamp, state
from pam_mktemp_py.directory.aside import ASIDE
from pam_mktemp_py.directory.base import enter, open_base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

_FIELDS = 4


class Stamp:
    """For whom a directory was made: uid, account name, time in Unix seconds."""

    __slots__ = ("uid", "name", "created")

    def __init__(self, uid: int, name: str, created: int) -> None:
        self.uid = uid
        self.name = name
        self.created = created


def stamp_of(name: str, base: str = paths.BASE, place_state: str = paths.STATE) -> Stamp | None:
    """The stamp of BASE/.private/NAME; None if it has no valid one, or is no directory of ours."""
    private_fd = _private(base)
    if private_fd is None:
        return None
    try:
        fd = enter(private_fd, name)
    finally:
        os.close(private_fd)
    if fd is None:
        return None
    try:
        text = stamp.read(fd)
        if text is None:
            at = os.fstat(fd)
            kept = state.read(place_state, "identity", name).split(" ")
            text = " ".join(["1", *kept[2:]]) if kept[1:2] == [str(at.st_ino)] else ""
        return _parsed(text)
    finally:
        os.close(fd)


def asides(base: str = paths.BASE) -> list[tuple[str, str, Stamp | None]]:
    """What was moved aside: its path, whose or what it was called, its stamp if it has one."""
    private_fd = _private(base)
    if private_fd is None:
        return []
    try:
        fd = enter(private_fd, ASIDE)
    finally:
        os.close(private_fd)
    if fd is None:
        return []
    try:
        folder = f"{base.rstrip('/')}/{paths.PRIVATE}/{ASIDE}"
        return [(f"{folder}/{name}", name.rpartition(".")[0], _stamp_in(fd, name)) for name in sorted(os.listdir(fd))]
    finally:
        os.close(fd)


def moved_aside(account: Account, name: str, leaves: list[str], base: str = paths.BASE) -> list[str]:
    """The paths of what was moved aside for this account, whose directory is called `name`."""
    labels = {name, *(f"{name}.{leaf}" for leaf in leaves)}
    return [path for path, label, made in asides(base)
            if label in labels and (made is None or made.uid == account.uid or label == name)]


def _private(base: str) -> int | None:
    base_fd, _real = open_base(base)
    try:
        fd = enter(base_fd, paths.PRIVATE)
    finally:
        os.close(base_fd)
    if fd is not None and not parent.good(os.fstat(fd)):
        os.close(fd)
        return None
    return fd


def _stamp_in(directory: int, name: str) -> Stamp | None:
    fd = enter(directory, name)
    if fd is None:
        return None
    try:
        return _parsed(stamp.read(fd) or "")
    finally:
        os.close(fd)


def _parsed(text: str) -> Stamp | None:
    fields = text.split(" ")
    numbers = fields[1::2]
    if len(fields) != _FIELDS or fields[0] != "1" or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    return Stamp(int(fields[1]), stamp.decoded(fields[2]), int(fields[3]))
