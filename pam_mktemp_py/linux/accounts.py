"""Accounts and groups as the system knows them (passwd, LDAP, sssd: whatever NSS asks).

NSS cannot tell 'unknown' from 'the directory service is down', so neither can this file.
"""
from __future__ import annotations

import grp
import os
import pwd


class Account:
    """One account: the name it was asked by, its numbers, and the first name of its uid ('' if none)."""

    __slots__ = ("name", "uid", "gid", "canonical")

    def __init__(self, name: str, uid: int, gid: int, canonical: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.canonical = canonical


def lookup(name: str) -> Account | None:
    """The account called `name`, or None."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    except ValueError:  # a NUL or a lone surrogate: no account can be called so
        return None
    return Account(name, entry.pw_uid, entry.pw_gid, canonical_name(entry.pw_uid))


def canonical_name(uid: int) -> str:
    """The first name that NSS gives for `uid`; '' if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def groups_of(account: Account) -> list[int]:
    """All group ids of the account, its primary one included (getgrouplist(3))."""
    return os.getgrouplist(account.name, account.gid)


def gid_of(group: str) -> int | None:
    """The id of the group called `group`, or None."""
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):  # ValueError: as in lookup()
        return None


def private_group(account: Account) -> bool:
    """Whether the account's primary group is its alone: what that group may enter, nobody else can.

    The group must also be called as the account is: NSS may be set not to list all accounts (sssd's
    default), and then a shared 'users' group shows no other member at all.
    """
    names = {account.name, account.canonical}
    try:
        if grp.getgrgid(account.gid).gr_name not in names:
            return False
    except KeyError:
        return False
    for group in grp.getgrall():  # several names for one gid: each has its own members
        if group.gr_gid == account.gid and not names.issuperset(group.gr_mem):
            return False
    return all(other.pw_uid == account.uid for other in pwd.getpwall() if other.pw_gid == account.gid)
