"""What the steps of one preparation hand each other, and what comes out of it."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pam_mktemp_py.linux.accounts import Account

    Chain = list[tuple[str, int, int, int, int, int]]


class Place:
    """One request: for whom, which leaves, where, and who may say 'a session uses this inode'."""

    __slots__ = ("account", "leaves", "base", "base_fd", "in_use", "force", "state", "lock")

    def __init__(
        self, account: Account, leaves: list[str], base: str, base_fd: int,
        in_use: Callable[[int, int], bool], force: bool, state: str, lock: str,
    ) -> None:
        self.account = account
        self.leaves = leaves
        self.base = base
        self.base_fd = base_fd
        self.in_use = in_use
        self.force = force
        self.state = state
        self.lock = lock

    def path(self, *parts: str) -> str:
        """The path below the base, for messages and for what is exported; never for opening."""
        return "/".join((self.base.rstrip("/"), *parts))


class Prepared:
    """A directory that was verified: chain is (name, dev, ino, uid, gid, mode) of .private, USER, leaves."""

    __slots__ = ("base", "form", "chain", "stamp", "acl", "path")

    def __init__(self, base: str, form: str, chain: Chain, stamp: str, acl: bytes | None, path: str) -> None:
        self.base = base
        self.form = form
        self.chain = chain
        self.stamp = stamp
        self.acl = acl
        self.path = path


def link(name: str, found: os.stat_result) -> tuple[str, int, int, int, int, int]:
    """One link of the chain."""
    return (name, found.st_dev, found.st_ino, found.st_uid, found.st_gid, found.st_mode & 0o7777)
