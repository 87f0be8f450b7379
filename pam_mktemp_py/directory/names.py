"""Which name under .private belongs to an account.

At most 27 bytes: $TMPDIR stays within 45, beyond which socket paths of Chromium, Ray and others break.
"""
from __future__ import annotations

import pwd

from pam_mktemp_py.directory import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

LONGEST = 27
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_CHARACTERS = _LETTERS + "0123456789.-"


def recorded(account: Account, place_state: str) -> str | None:
    """The directory name that was given to this uid and that is still its own; None: `wanted` decides."""
    if account.uid == 0:
        return "root"
    name = state.read(place_state, "owners", str(account.uid))
    if name == str(account.uid):
        return name  # whether it was another account's is told by its stamp
    if usable(name) and (name == account.name or uid_of(name) == account.uid):
        return name
    return None


def wanted(account: Account) -> str:
    """The name for a new directory: the uid's first account name if that is safe, else the uid."""
    if account.uid == 0:
        return "root"
    name = account.canonical or account.name
    # passwd may give uid 7 the name 'x' and the name 'x' the uid 8: then two would fight for 'x'.
    if usable(name) and (name == account.name or uid_of(name) == account.uid):
        return name
    return str(account.uid)


def usable(name: str) -> bool:
    """Whether an account name may be a directory name: never '.new', a uid, or what a shell misreads."""
    return (0 < len(name) <= LONGEST and name[0] in _LETTERS and not name.strip(_CHARACTERS)
            and name != "root")


def uid_of(name: str) -> int | None:
    """The uid that `name` has now, or None."""
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL or a lone surrogate
        return None
