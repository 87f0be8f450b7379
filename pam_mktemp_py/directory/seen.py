"""What inspect.py saw, for those who show it."""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.directory import parent, private
from pam_mktemp_py.directory.place import Prepared, link
from pam_mktemp_py.linux import acl as acls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.linux.accounts import Account

KEPT, MADE, MENDED, REPLACED, UNKNOWN = "kept", "made", "mended", "replaced", "unknown"


class Seen:
    """One directory: what is there now (None: nothing, or not to be seen) and what a login does with it.

    `fate` is kept, made, mended (owner and mode set), replaced (moved aside, made anew) or unknown (needs root).
    """

    __slots__ = ("path", "found", "fate", "why")

    def __init__(self, path: str, found: os.stat_result | None, fate: str, why: str = "") -> None:
        self.path = path
        self.found = found
        self.fate = fate
        self.why = why


class Look:
    """An account's directory as it is: .private, USER and the leaves in `chain`.

    `refused` is why a login could not use the place at all. `stamp`, `append_only`: None where root is needed.
    """

    __slots__ = ("account", "base", "name", "name_why", "chain", "form", "acl", "stamp", "append_only", "refused")

    def __init__(self, account: Account, base: str) -> None:
        self.account = account
        self.base = base
        self.name = self.name_why = self.form = self.refused = ""
        self.chain: list[Seen] = []
        self.acl: bytes | None = None
        self.stamp: str | None = None
        self.append_only: bool | None = None

    @property
    def path(self) -> str:
        """The account's directory."""
        return f"{self.base.rstrip('/')}/{paths.PRIVATE}/{self.name}"

    def prepared(self) -> Prepared:
        """As prepare() would give it; device and inode are 0 and the stamp is '?' where they are not known."""
        chain = []
        for index, seen in enumerate(self.chain):
            name = os.path.basename(seen.path)
            if seen.found is not None and seen.fate == KEPT:
                chain.append(link(name, seen.found))
            else:
                chain.append((name, 0, 0, 0, 0, (parent.MODE, private.CLOSED, private.LEAF)[min(index, 2)]))
        acl = self.acl if self.form else acls.access_acl(self.account.uid)
        return Prepared(self.base, self.form or "acl", chain, self.stamp or "?", acl, self.path)
