"""Accounts and groups as the system knows them (passwd, LDAP, sssd: whatever NSS asks).

NSS cannot tell 'unknown' from 'the directory service is down', so neither can this file.
"""
from __future__ import annotations

import grp
import os
import pwd

LARGEST_ID = 2 ** 32 - 2


class Account:
    """One account: the name it was asked by, its numbers, and the first name of its uid ('' if none).

    `home` is its directory as passwd(5) has it.
    """

    __slots__ = ("name", "uid", "gid", "canonical", "home")

    def __init__(self, name: str, uid: int, gid: int, canonical: str, home: str = "") -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.canonical = canonical
        self.home = home


def lookup(name: str) -> Account | None:
    """The account called `name`, or None."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    except ValueError:  # a NUL or a lone surrogate: no account can be called so
        return None
    if not 0 <= entry.pw_uid <= LARGEST_ID or not 0 <= entry.pw_gid <= LARGEST_ID:
        return None  # (uid_t)-1 means 'no change' to chown(2)
    return Account(name, entry.pw_uid, entry.pw_gid, canonical_name(entry.pw_uid), entry.pw_dir)


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
    try:
        own = grp.getgrgid(account.gid).gr_name
    except KeyError:
        return False
    groups = [(g.gr_gid, g.gr_mem) for g in grp.getgrall()]
    return alone(account, own, groups, [(p.pw_uid, p.pw_gid) for p in pwd.getpwall()])


def alone(account: Account, own: str, groups: list[tuple[int, list[str]]], others: list[tuple[int, int]]) -> bool:
    """private_group() on given tables: the primary group's name, (gid, members) and (uid, primary gid) of all."""
    names = {account.name, account.canonical}
    if own not in names:
        return False
    for gid, members in groups:  # several groups can share a gid, each with members of its own
        if gid == account.gid and not names.issuperset(members):
            return False
    return all(uid == account.uid for uid, gid in others if gid == account.gid)
