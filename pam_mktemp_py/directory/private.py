"""One user's directory: judged as it is found, and built where nobody can see it before it is finished.

Three forms, found out by doing: `acl` (root's, the user enters by an ACL); without ACLs `group` (root's,
entered by a group that is the user's alone), else `owner` (the user's own).
"""
from __future__ import annotations

import errno
import os
import stat

from pam_mktemp_py.directory import fresh, stamp
from pam_mktemp_py.directory.base import enter
from pam_mktemp_py.directory.place import Prepared, link
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import acl as acls
from pam_mktemp_py.linux.accounts import private_group
from pam_mktemp_py.paths import PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.place import Chain, Place
    from pam_mktemp_py.linux.accounts import Account

CLOSED = 0o710
OWN = 0o700
LEAF = 0o1777
# No ACLs on this mount; a uid that this user namespace does not map.
_NO_ACL = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))


class View:
    """An open user directory that is right in itself; `missing` are the leaves that are not."""

    __slots__ = ("fd", "name", "found", "form", "acl", "stamp", "leaves", "missing")

    def __init__(self, fd: int, name: str, found: os.stat_result, form: str, acl: bytes | None, stamp: str) -> None:
        self.fd = fd
        self.name = name
        self.found = found
        self.form = form
        self.acl = acl
        self.stamp = stamp
        self.leaves: Chain = []
        self.missing: list[str] = []

    def prepared(self, place: Place, parent: os.stat_result) -> Prepared:
        """The answer, once nothing is missing."""
        chain = [link(PRIVATE, parent), link(self.name, self.found), *self.leaves]
        path = place.path(PRIVATE, self.name)
        return Prepared(place.base, self.form, chain, self.stamp, self.acl, path)


def view(place: Place, parent: int, name: str) -> View | None:
    """The directory `name` if form and stamp are this account's, else None. Close its fd."""
    fd = enter(parent, name)
    if fd is None:
        return None
    try:
        found = os.fstat(fd)
        acl = acls.get(fd)
        form = form_of(found, acl, place.account)
        text = stamp.found(fd, name, found, place.account, place.state) if form else None
        if form is None or text is None:
            os.close(fd)
            return None
        seen = View(fd, name, found, form, acl, text)
        for leaf in place.leaves:
            look_at_leaf(seen, leaf)
    except BaseException:
        os.close(fd)
        raise
    return seen


def look_at_leaf(seen: View, leaf: str) -> None:
    """Note one leaf as good or as missing. The parent is closed to others: its name is stat'ed, not opened."""
    try:
        found = os.stat(leaf, dir_fd=seen.fd, follow_symlinks=False)
    except FileNotFoundError:
        seen.missing.append(leaf)
        return
    if is_leaf(found):
        seen.leaves.append(link(leaf, found))
    else:
        seen.missing.append(leaf)


def is_leaf(found: os.stat_result) -> bool:
    """Whether a directory is as /tmp itself: root's, with exactly its mode."""
    return found.st_mode == stat.S_IFDIR | LEAF and found.st_uid == 0 and found.st_gid == 0


def form_of(found: os.stat_result, acl: bytes | None, account: Account) -> str | None:
    """The form (acl, group, owner) that this directory has for the account, None if it is none of them."""
    mode = found.st_mode & 0o7777
    if found.st_uid == 0 and mode == CLOSED:
        if acl is not None:
            return "acl" if found.st_gid == 0 and acl == acls.access_acl(account.uid) else None
        # Asked each time: the group may have got another member since.
        return "group" if found.st_gid == account.gid and _alone(account) else None
    return "owner" if found.st_uid == account.uid and mode == OWN and acl is None else None


def _alone(account: Account) -> bool:
    return account.gid != 0 and private_group(account)


def build(place: Place, new: int, staged: str, name: str) -> None:
    """Make the whole directory in .new: leaves, owner, stamp last. What fails half-way is swept away."""
    path = place.path(PRIVATE, name)
    fd = fresh.directory(new, staged, OWN, path)
    try:
        for leaf in place.leaves:
            os.close(fresh.directory(fd, leaf, LEAF, f"{path}/{leaf}"))
        _give(fd, place.account)
        form = form_of(os.fstat(fd), acls.get(fd), place.account)
        if form is None:
            raise DirectoryError(path, "the file system did not keep owner, mode or ACL", "is it idmapped or NFS?")
        stamp.write(fd, name, place.account, place.state)
    finally:
        os.close(fd)


def _give(fd: int, account: Account) -> None:
    try:
        acls.set(fd, acls.access_acl(account.uid))
    except OSError as error:
        if error.errno not in _NO_ACL:
            raise
        if _alone(account):
            os.fchown(fd, 0, account.gid)
            os.fchmod(fd, CLOSED)
        else:
            os.fchown(fd, account.uid, account.gid)
            os.fchmod(fd, OWN)
