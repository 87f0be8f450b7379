"""The rows and the data of `pam-mktemp where` about one account."""
from __future__ import annotations

import pwd
from typing import Any

from pam_mktemp_py import paths
from pam_mktemp_py.cli.facts import directory_data, directory_rows, moment
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.directory import inspect, whose
from pam_mktemp_py.directory.seen import Look
from pam_mktemp_py.errors import DirectoryError
from pam_mktemp_py.linux.accounts import Account
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
        about += [_made_for(report, look), *_aside(report, look, leaves), *_sessions(report, look)]
        report.data["needs_root"] = any(row.mark == "unknown" for row in rows)
    except PermissionError:
        report.data |= {"made_for": None, "sessions": None, "aside": None, "needs_root": True}
        about.append(Row("the rest", NEEDS_ROOT, "stamp, open sessions, what was moved aside", "unknown"))
    except DirectoryError:  # said among the rows above
        report.data |= {"made_for": None, "sessions": None, "aside": None, "needs_root": False}
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
        directory = record.get("directory")
        rows.append(Row("open session", f"{record.get('service')} of {record.get('user')}, process "
                        f"{record.number('pid')}, since {moment(record.number('time'))}",
                        f"{outcome}: {directory or record.get('reason')}",
                        "bad" if outcome == "failed-open" else ""))
        data.append({"service": record.get("service"), "user": record.get("user"), "pid": record.number("pid"),
                     "since": record.number("time"), "outcome": outcome, "reason": record.get("reason"),
                     "directory": directory or None})
    report.data["sessions"] = data
    return rows or [Row("open sessions", "none")]
