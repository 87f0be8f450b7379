"""Is the directory still what a plan says? As shims/plan/check.c asks it, for a person. Needs root."""
from __future__ import annotations

import os
import stat

from pam_mktemp_py.directory import stamp
from pam_mktemp_py.directory.base import open_base
from pam_mktemp_py.directory.place import link
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux import acl as acls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.directory.place import Chain


def unlike(base: str, chain: Chain, planned_stamp: str, planned_acl: bytes | None) -> str:
    """How the directory differs from what a plan says, or ''."""
    try:
        fd, real = open_base(base)
    except (DirectoryError, OSError) as error:
        return str(error)
    try:
        if real != base:
            return f"{base} is {real} now"
        return _chain(base, chain) or _attributes("/".join([base.rstrip("/"), chain[0][0], chain[1][0]]),
                                                  planned_stamp, planned_acl)
    except OSError as error:
        return str(error)
    finally:
        os.close(fd)


def _chain(base: str, chain: Chain) -> str:
    for index, planned in enumerate(chain):
        path = "/".join([base.rstrip("/"), *(name for name, *_ in chain[:min(index, 2)]), planned[0]])
        try:
            found = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return f"{path} is gone"
        if link(planned[0], found) != planned or not stat.S_ISDIR(found.st_mode):
            return f"{path} is not the directory that was planned, or has another owner or mode"
    return ""


def _attributes(path: str, planned_stamp: str, planned_acl: bytes | None) -> str:
    if _attribute(path, acls.ACCESS) != planned_acl:
        return f"{path} has another access list"
    if planned_stamp != stamp.ELSEWHERE and _attribute(path, stamp.ATTRIBUTE) != os.fsencode(planned_stamp):
        return f"{path} has another stamp"
    return ""


def _attribute(path: str, name: str) -> bytes | None:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return None
