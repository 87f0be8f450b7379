"""The rows and the data of `pam-mktemp where` about one account."""
from __future__ import annotations

import pwd
from typing import Any

from pam_mktemp_py import paths
from pam_mktemp_py.cli.facts import directory_data, directory_rows, moment
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.cli.where_pid import some
from pam_mktemp_py.directory import inspect, whose
from pam_mktemp_py.directory.seen import Look
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.namespace import views
from pam_mktemp_py.namespace.whose import Table
from pam_mktemp_py.sessions import records


def add_account(report: Report, account: Account, leaves: list[str]) -> None:
    """Everything about the private directory of one account."""
    settings = report.settings
    look = inspect.look(account, leaves, settings.base, settings.state)
    rows = directory_rows(look)
    report.data |= {"private": True, "user": account.name, "uid": account.uid, "gid": account.gid,
                    "directory": directory_data(look)}
    report.add(f"{account.name} (uid {account.uid}, gid {account.gid}) has {look.path}",
               Row("name", look.name, look.name_why))
    report.add("Directory", *rows)
    others = same_uid(account)
    report.data["shared_with"] = others
    about = [Row("shared with", ", ".join(others) or "nobody", "accounts with the same uid" if others else "")]
    try:
        about += [_made_for(report, look), *_aside(report, look, leaves), *_sessions(report, look),
                  *_views(report, look)]
        report.data["needs_root"] = any(row.mark == "unknown" for row in rows)
    except PermissionError:
        report.data |= {"made_for": None, "sessions": None, "views": None, "aside": None, "needs_root": True}
        about.append(Row("the rest", NEEDS_ROOT, "stamp, open sessions, live views, what was moved aside", "unknown"))
    except DirectoryError:  # said among the rows above
        report.data |= {"made_for": None, "sessions": None, "views": None, "aside": None, "needs_root": False}
    report.add("More", *about)


def same_uid(account: Account) -> list[str]:
    """The other accounts with this uid, as far as the directory service lists accounts at all."""
    return sorted({entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == account.uid} - {account.name})


def _made_for(report: Report, look: Look) -> Row:
    made = whose.stamp_of(look.name, look.base, report.settings.state)
    report.data["made_for"] = vars_of(made)
    if made is None:
        return Row("stamp", "none")
    return Row("stamp", f"made for {made.name} (uid {made.uid})", f"on {moment(made.created)}")


def vars_of(made: whose.Stamp | None) -> dict[str, Any] | None:
    """A stamp for --json."""
    return {"uid": made.uid, "name": made.name, "created": made.created} if made else None


def _aside(report: Report, look: Look, leaves: list[str]) -> list[Row]:
    found = whose.moved_aside(look.account, look.name, leaves, look.base)
    report.data["aside"] = found
    return [Row("moved aside", path, "found wrong, kept for an administrator to look at") for path in found]


def _sessions(report: Report, look: Look) -> list[Row]:
    rows, data = [], []
    for record in records.records(report.settings.folder(paths.SESSIONS)):
        if not record.alive or record.number("uid") != look.account.uid:
            continue
        outcome = record.get("outcome") or "being opened"
        directory, failed = record.get("directory"), outcome == "failed-open"
        rows.append(Row("open session", f"{record.get('service')} of {record.get('user')}, process "
                        f"{record.number('pid')}, since {moment(record.number('time'))}",
                        f"{outcome}: {not failed and directory or record.get('reason')}", "bad" if failed else ""))
        data.append({"service": record.get("service"), "user": record.get("user"), "pid": record.number("pid"),
                     "since": record.number("time"), "outcome": outcome, "reason": record.get("reason"),
                     "directory": directory or None})
    report.data["sessions"] = data
    return rows or [Row("open sessions", "none")]


def _views(report: Report, look: Look) -> list[Row]:
    """Private mounts that processes live in now; nothing is said where there are none, as at stage env."""
    folder = report.settings.folder(paths.VIEWS)
    table = Table(folder=folder)
    known = views.names(folder) if table.marks else {}
    rows, data = [], []
    for group, seen in table.views_of(look.name):
        made = int(views.made(group.namespace, folder))
        name = known.get(group.namespace, "")
        gone = bool(seen.mount and seen.mount.gone)
        rows.append(Row("live view", f"{name or 'no login lives in it'}, {group.namespace}, since {moment(made)}",
                        f"/tmp is {seen.host or seen.place}" + (", which was removed" if gone else ""),
                        "bad" if gone else ""))
        rows.append(Row("", f"seen by {some(group.pids)}"))
        data.append({"name": name, "namespace": group.namespace, "made": made, "directory": seen.host or None,
                     "deleted": gone, "processes": group.pids})
    report.data["views"] = data
    return rows
