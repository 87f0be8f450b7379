"""Is a directory safe to be named by TMPDIR? Asked of the kernel alone, sharing nothing with the code under test."""

from __future__ import annotations

import os
import pwd
import stat
import struct

VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
ANY = 0xFFFFFFFF


def _acl(uid: int) -> bytes:
    entries = ((1, 7, ANY), (2, 1, uid), (4, 0, ANY), (0x10, 1, ANY), (0x20, 0, ANY))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _xattr(path: str, name: str) -> bytes:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return b""


def _is(path: str, uid: int, gid: int, mode: int) -> list[str]:
    at = os.lstat(path)
    found = (stat.S_IFMT(at.st_mode), at.st_uid, at.st_gid, at.st_mode & 0o7777)
    if found == (stat.S_IFDIR, uid, gid, mode):
        return []
    return [f"{path}: type {found[0]:o}, {found[1]}:{found[2]} {found[3]:o}, not a directory {uid}:{gid} {mode:o}"]


def _ancestors(path: str) -> list[str]:
    wrong = []
    while path != "/":
        path = os.path.dirname(path)
        at = os.lstat(path)
        writable = at.st_mode & 0o022 and not at.st_mode & stat.S_ISVTX
        if not stat.S_ISDIR(at.st_mode) or writable or at.st_uid != 0:
            wrong.append(f"{path}: an ancestor of uid {at.st_uid}, mode {at.st_mode:o}")
    return wrong


def _kept(path: str, at: os.stat_result) -> str:
    """The stamp of a directory whose file system refused it, from where only root writes."""
    try:
        device, inode, rest = os.readlink(f"/var/lib/pam-mktemp/identity/{os.path.basename(path)}").split(" ", 2)
    except OSError:
        return ""
    return f"1 {rest}" if (int(device), int(inode)) == (at.st_dev, at.st_ino) else ""


def _account_folder(path: str, account: pwd.struct_passwd) -> list[str]:
    at = os.lstat(path)
    if at.st_uid == account.pw_uid != 0:  # without ACLs and without a group of its own
        wrong = _is(path, account.pw_uid, account.pw_gid, 0o700)
    elif _xattr(path, "system.posix_acl_access") == _acl(account.pw_uid):
        wrong = _is(path, 0, 0, 0o710)
    else:
        wrong = _is(path, 0, account.pw_gid, 0o710)
        if [p.pw_name for p in pwd.getpwall() if p.pw_gid == account.pw_gid] != [account.pw_name]:
            wrong.append(f"{path}: shared with a group")
    if _xattr(path, "system.posix_acl_default"):
        wrong.append(f"{path}: a default ACL")
    stamp = _xattr(path, "trusted.pam_mktemp").decode() or _kept(path, at)
    if not stamp.startswith(f"1 {account.pw_uid} {account.pw_name} "):
        wrong.append(f"{path}: stamp {stamp!r}")
    return wrong


def problems(path: str, user: str) -> list[str]:
    """What is wrong with `path` as the value of TMPDIR for this account; empty if nothing is."""
    account = pwd.getpwnam(user)
    try:
        if os.path.realpath(path) != path:
            return [f"{path} has a link in it"]
        folder, private = os.path.dirname(path), os.path.dirname(os.path.dirname(path))
        return (_ancestors(private) + _is(private, 0, 0, 0o711) + _account_folder(folder, account)
                + _is(path, 0, 0, 0o1777))
    except OSError as error:
        return [str(error)]
