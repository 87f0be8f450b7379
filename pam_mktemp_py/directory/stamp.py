"""Whose a directory is: written where only root can write, and read before anything is trusted.

The stamp is the extended attribute trusted.pam_mktemp, "1 UID NAME CREATION". Where `trusted.` is refused
(a user namespace), the identity is a link STATE/identity/DIRECTORY -> "DEV INO UID NAME CREATION", and the
plan says "-".
"""
from __future__ import annotations

import errno
import os
import time

from pam_mktemp_py import percent
from pam_mktemp_py.directory import names, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

ATTRIBUTE = "trusted.pam_mktemp"
ELSEWHERE = "-"

# Reading without the right to it looks like 'not there' (ENODATA), writing does not (EPERM).
_UNREADABLE = frozenset((errno.ENODATA, errno.EOPNOTSUPP))
_REFUSED = frozenset((errno.EPERM, errno.EOPNOTSUPP))


def found(fd: int, directory: str, at: os.stat_result, account: Account, place_state: str) -> str | None:
    """The stamp of the open directory as a plan holds it, if it is this account's; else None."""
    text = read(fd)
    if text is not None:
        return text if _belongs(text.split(" "), account) else None
    kept = state.read(place_state, "identity", directory).split(" ")
    if kept[1:2] == [str(at.st_ino)] and _belongs(["1", *kept[2:]], account):
        return ELSEWHERE
    return None


def uid_of(fd: int, directory: str, at: os.stat_result, place_state: str) -> int | None:
    """The uid that the open directory was made for, or None if it has no valid stamp."""
    text = read(fd)
    if text is None:
        kept = state.read(place_state, "identity", directory).split(" ")
        if kept[1:2] != [str(at.st_ino)]:
            return None
        text = " ".join(["1", *kept[2:]])
    fields = text.split(" ")
    return int(fields[1]) if len(fields) == 4 and fields[0] == "1" and _decimal(fields[1]) else None


def read(fd: int) -> str | None:
    """The text of the attribute; None if there is none or it may not be read."""
    try:
        return os.getxattr(fd, ATTRIBUTE).decode("ascii", "replace")
    except OSError as error:
        if error.errno in _UNREADABLE:
            return None
        raise


def write(fd: int, directory: str, account: Account, place_state: str) -> None:
    """Stamp the open directory, which nobody can reach yet; OSError if neither way works."""
    who = f"{account.uid} {percent.encoded(account.canonical or account.name)} {int(time.time())}"
    try:
        os.setxattr(fd, ATTRIBUTE, f"1 {who}".encode("ascii"))
        return
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
    at = os.fstat(fd)
    state.write(place_state, "identity", directory, f"{at.st_dev} {at.st_ino} {who}")


def _belongs(fields: list[str], account: Account) -> bool:
    """uid and name must both still be this account's: either alone may have been given out again."""
    if len(fields) != 4 or fields[0] != "1" or fields[1] != str(account.uid):
        return False
    name = decoded(fields[2])
    return name in (account.name, account.canonical) or names.uid_of(name) == account.uid


def _decimal(text: str) -> bool:
    return text.isascii() and text.isdigit()


def decoded(text: str) -> str:
    """The account name in a stamp; '' for what was not written by us."""
    try:
        return percent.decoded(text)
    except ValueError:
        return ""
