"""`pam-mktemp where PATH`: whose private directory a path lies in, or that it lies in none."""
from __future__ import annotations

import os
import pwd
import stat

from pam_mktemp_py import paths
from pam_mktemp_py.cli.facts import moment, owner
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.cli.where_pid import add_seers
from pam_mktemp_py.cli.where_rows import add_account, vars_of
from pam_mktemp_py.directory import inspect, names, whose
from pam_mktemp_py.directory.aside import ASIDE, NEW
from pam_mktemp_py.linux import accounts
from pam_mktemp_py.namespace.whose import Table


def answer(report: Report, asked: str, leaves: list[str]) -> None:
    """Fill the report. OSError if there is nothing at the path."""
    path, table = real(asked), Table(folder=report.settings.folder(paths.VIEWS))
    outside = table.outside(path)  # in a view, what lies in /tmp is nothing that everybody shares
    if outside == path or os.path.lexists(outside):
        _whose(report, outside, leaves)
    else:  # another's sandbox, or an empty one of ours
        report.data |= {"private": False, "path": path}
        on_host = f"on the host it is {outside}" if outside else "the host has it nowhere"
        _elsewhere(report, path, f"in a mount that this command sees and others do not: {on_host}")
    add_seers(report, table, outside)


def _whose(report: Report, path: str, leaves: list[str]) -> None:
    settings = report.settings
    private = f"{os.path.realpath(settings.base).rstrip('/')}/{paths.PRIVATE}"
    report.data |= {"private": False, "path": path}
    inside = path[len(private) + 1:].split("/") if path.startswith(private + "/") else []
    if not inside or inside[0] in (NEW, ASIDE):
        _elsewhere(report, path, _what(path, private, inside))
        return
    account, why = _account_of(report, inside[0])
    if account is None:
        _elsewhere(report, path, why)
        return
    name = inspect.look(account, leaves, settings.base, settings.state).name
    if name != inside[0]:
        _elsewhere(report, path, f"{why}, whose directory is {private}/{name} now")
        return
    report.data["path"] = path
    add_account(report, account, leaves)
    if len(inside) > 1:
        report.add("Path", _there(path))


def real(asked: str) -> str:
    """The absolute path without links, but for the last part: a link belongs to who made it."""
    folder, name = os.path.split(os.path.abspath(asked))
    return os.path.join(os.path.realpath(folder), name) if name else folder


def _account_of(report: Report, name: str) -> tuple[accounts.Account | None, str]:
    """The account that .private/NAME was made for, by its stamp or, without root, by its name; and why."""
    settings = report.settings
    uid = int(name) if name.isascii() and name.isdigit() and len(name) <= 10 else names.uid_of(name)
    try:
        made = whose.stamp_of(name, settings.base, settings.state)
    except PermissionError:
        made, why = None, f"by its name that of uid {uid} (what its stamp says {NEEDS_ROOT})"
    else:
        report.data["made_for"] = vars_of(made)
        why = f"by its name that of uid {uid}"
        if made is None and os.path.lexists(f"{settings.base}/{paths.PRIVATE}/{name}"):
            return None, "below the private directories, but no directory of ours: a login moves it aside"
    if made is not None:
        uid = made.uid
        why = f"made for {made.name} (uid {made.uid}) on {moment(made.created)}"
        if names.uid_of(made.name) != made.uid:
            return None, f"{why}: there is no such account now"
    try:
        return accounts.lookup(pwd.getpwuid(uid).pw_name) if uid is not None else None, why
    except (KeyError, OverflowError):
        return None, f"{why}: there is no such account now"


def _what(path: str, private: str, inside: list[str]) -> str:
    base = os.path.dirname(private)
    if path == private:
        return "the parent of all private directories"
    if inside and inside[0] == ASIDE:
        return "where root keeps what was found wrong" + (
            f": it was called {inside[1].rpartition('.')[0]}" if len(inside) > 1 else "")
    if inside:
        return "where root builds directories before they are used"
    if path == base or path.startswith(base.rstrip("/") + "/"):
        return f"not private: it is in {base}, which everybody shares"
    return "not private: it is in no private temporary directory"


def _elsewhere(report: Report, path: str, what: str) -> None:
    try:
        found = os.lstat(path)
    except PermissionError:
        report.data |= {"what": what, "owner": None, "needs_root": True}
        report.add(path, Row("is", what), Row("belongs to", NEEDS_ROOT, "", "unknown"))
        return
    except OSError as error:
        report.data |= {"what": what, "owner": None, "needs_root": False}
        report.add(path, Row("is", "not there", error.strerror or "", "bad"))
        return
    report.data |= {"what": what, "needs_root": False, "owner": {
        "uid": found.st_uid, "name": accounts.canonical_name(found.st_uid) or None, "gid": found.st_gid,
        "mode": f"{found.st_mode & 0o7777:04o}"}}
    rows = [Row("is", what), Row("belongs to", owner(found), f"uid {found.st_uid}, gid {found.st_gid}")]
    if stat.S_ISLNK(found.st_mode):
        rows.append(Row("links to", os.readlink(path)))
    report.add(path, *rows)


def _there(path: str) -> Row:
    try:
        return Row(path, owner(os.lstat(path)))
    except PermissionError:
        return Row(path, NEEDS_ROOT, "", "unknown")
    except OSError as error:
        return Row(path, "is not there", error.strerror or "")
