"""What plan and where say alike: owners in words, the directory as it is, what an account is called."""
from __future__ import annotations

import grp
import os
import pwd
import time
from typing import Any

import click
from click.shell_completion import CompletionItem

from pam_mktemp_py.cli.report import NEEDS_ROOT, Row
from pam_mktemp_py.directory import seen
from pam_mktemp_py.directory.seen import Look
from pam_mktemp_py.errors import AccountError
from pam_mktemp_py.linux import accounts

_FATES = {
    seen.KEPT: ("as it must be", "good"),
    seen.MADE: ("not there yet: a login makes it", ""),
    seen.MENDED: ("a login sets owner and mode right", "bad"),
    seen.REPLACED: ("a login moves it aside and makes it anew", "bad"),
    seen.UNKNOWN: (NEEDS_ROOT, "unknown"),
}
_FORMS = {"acl": "entered by an ACL for uid {uid} alone", "group": "entered by its private group {gid}",
          "owner": "the account's own", "": ""}


def known(user: str) -> accounts.Account:
    """The account called `user`. Raises AccountError."""
    account = accounts.lookup(user)
    if account is None:
        raise AccountError(user, "no such account, or its directory service is down")
    return account


def name_of(uid: int) -> str:
    """The name of the account with this uid, or "" where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def owner(found: os.stat_result) -> str:
    """'root:root 0711'."""
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    user = accounts.canonical_name(found.st_uid) or str(found.st_uid)
    return f"{user}:{group} {found.st_mode & 0o7777:04o}"


def moment(seconds: float) -> str:
    """A Unix time in the local zone; what no clock shows is given as the number."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def directory_rows(look: Look) -> list[Row]:
    """The directory, part by part, and what the next login does with each."""
    rows = []
    for index, part in enumerate(look.chain):
        what, mark = _FATES[part.fate]
        if part.found is None:
            rows.append(Row(part.path, "", what, mark))
            continue
        value = owner(part.found)
        if index == 0 and look.append_only:
            value += ", append-only"
        if index == 1 and look.form:
            value += ", " + _FORMS[look.form].format(uid=look.account.uid, gid=look.account.gid)
            if part.fate == seen.KEPT and look.stamp is None:
                what, mark = f"as it must be, but its stamp {NEEDS_ROOT}", "unknown"
        rows.append(Row(part.path, value, f"{what}: {part.why}" if part.why else what, mark))
    if look.refused:
        rows.append(Row(look.base, "no login can have a directory", look.refused, "bad"))
    return rows


def directory_data(look: Look) -> dict[str, Any]:
    """The same for --json: `stamp` and `append_only` are null where they need root."""
    parts = []
    for part in look.chain:
        entry: dict[str, Any] = {"path": part.path, "fate": part.fate, "why": part.why}
        if part.found is not None:
            found = part.found
            entry |= {"uid": found.st_uid, "gid": found.st_gid, "mode": f"{found.st_mode & 0o7777:04o}",
                      "device": found.st_dev, "inode": found.st_ino}
        parts.append(entry)
    return {"path": look.path, "name": look.name, "name_reason": look.name_why, "form": look.form or None,
            "parts": parts, "stamp": look.stamp, "append_only": look.append_only, "refused": look.refused or None}


def complete_user(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of accounts for the shell's completion."""
    return [CompletionItem(p.pw_name) for p in pwd.getpwall() if p.pw_name.startswith(incomplete)]


def complete_account_or_path(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, and the shell's own completion of files for what holds a slash."""
    if "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    return complete_user(ctx, parameter, incomplete)


def complete_service(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of PAM services for the shell's completion; common-* are only included by them."""
    from pam_mktemp_py.pamstack import stack
    return [CompletionItem(name) for name in stack.services()
            if name.startswith(incomplete) and not name.startswith("common-")]
