"""The entry: give an account its private directory, whatever is there before.

When all is right this is about 20 system calls, takes no lock and loads nothing more; all else is repair.py.
No folder with an entry per user is ever listed.
"""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.directory import names, parent, private
from pam_mktemp_py.directory.base import enter, open_base
from pam_mktemp_py.directory.place import Place, Prepared
from pam_mktemp_py.errors import DirectoryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_mktemp_py.linux.accounts import Account

MOST_LEAVES = 8
LONGEST_LEAF = 16
_LEAF_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def _unused(dev: int, ino: int) -> bool:
    return False


def prepare(
    account: Account, leaves: list[str], *, base: str = paths.BASE,
    sessions_in_use: Callable[[int, int], bool] = _unused, force: bool = False,
    state: str = paths.STATE, lock: str = paths.LOCK,
) -> Prepared:
    """Verify, and if need be make or repair, BASE/.private/USER and its leaves, as root.

    What is wrong is moved aside, unless `sessions_in_use(dev, ino)` says that an open session uses it and
    `force` is not given: then InUse. DirectoryError tells path, reason and hint of every other failure.
    """
    _check(leaves, base)
    try:
        base_fd, real = open_base(base)
        try:
            place = Place(account, leaves, real, base_fd, sessions_in_use, force, state, lock)
            ready = _ready(place)
            if ready is None:
                from pam_mktemp_py.directory.repair import repair
                ready = repair(place)
            return ready
        finally:
            os.close(base_fd)
    except OSError as error:
        from pam_mktemp_py.directory.explain import explained
        raise explained(error, f"{base}/{paths.PRIVATE}") from error


def _ready(place: Place) -> Prepared | None:
    """The answer if everything is right as it is, else None."""
    try:
        fd = enter(place.base_fd, paths.PRIVATE)
    except OSError as error:
        if error.errno in parent.CLOSED_TO_ROOT:
            return None
        raise
    if fd is None:
        return None
    try:
        found = os.fstat(fd)
        name = names.recorded(place.account, place.state) if parent.good(found) else None
        if name is None:
            return None
        if parent.unprotected(fd):
            parent.protect_unless_busy(fd, place.lock)
        seen = private.view(place, fd, name)
        if seen is None:
            return None
        os.close(seen.fd)
        return None if seen.missing else seen.prepared(place, found)
    finally:
        os.close(fd)


def _check(leaves: list[str], base: str) -> None:
    wrong = [n for n in leaves if not 0 < len(n) <= LONGEST_LEAF or n.strip(_LEAF_CHARACTERS)]
    if wrong or not 0 < len(leaves) <= MOST_LEAVES or len({*leaves}) != len(leaves):
        raise DirectoryError(base, f"cannot hold the directories {leaves!r}", "1 to 8 different names [a-z0-9_-]{1,16}")
    if not base.startswith("/"):
        raise DirectoryError(base, "is not an absolute path")
