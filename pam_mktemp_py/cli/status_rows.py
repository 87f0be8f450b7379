"""The rows and the data of `pam-mktemp status`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pam_mktemp_py.cli.facts import moment
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row

if TYPE_CHECKING:
    from pam_mktemp_py.cli.status import Found
    from pam_mktemp_py.sessions.failures import Failure
    from pam_mktemp_py.sessions.records import Record

NS = 1_000_000_000
_OUTCOMES = {"private": "have a private directory", "shared": "have none: exempt, or stage off",
             "failed-open": "began without what the configuration says", "": "are being opened"}


def add_all(report: Report, found: Found) -> None:
    """Fill `report` with everything that was found."""
    report.data = {"user": found.user or None, "uid": found.uid, "switched_off": found.off,
                   "pam": None, "counts": None, "sessions": None, "stale": None, "failures": None,
                   "needs_root": not found.root or found.running is None}
    _switches(report, found)
    if not found.root:
        report.add("Sessions", Row("open sessions, last failures", NEEDS_ROOT, "", "unknown"))
        return
    _sessions(report, found)
    _failures(report, found.failures)


def _switches(report: Report, found: Found) -> None:
    rows = []
    if found.off:
        rows.append(Row("switched off", "nothing is done for new sessions", f"{report.settings.off} exists"))
    if found.running is None:
        rows.append(Row("services that run it", NEEDS_ROOT, "", "unknown"))
    else:
        services, lines = found.running
        rows.append(Row("services that run it", " ".join(services) or "none",
                        "" if services else "turn it on with pam-mktemp enable"))
        rows += [Row("by the line at", line) for line in lines]
        report.data["pam"] = {"services": services, "lines": lines}
    report.add("PAM", *rows)


def _sessions(report: Report, found: Found) -> None:
    rows = []
    for (stage, outcome), number in sorted(found.counts.items()):
        value = str(number)
        rows.append(Row(f"{outcome or 'being opened'}, stage {stage or '-'}", value,
                        _OUTCOMES.get(outcome, ""), "bad" if outcome == "failed-open" else ""))
    if not rows:
        rows.append(Row("open sessions", "none"))
    views = {record.number("namespace") for record in found.sessions} - {0}
    rows += [Row("private mounts", str(len(views)), "of the sessions shown below")] if views else []
    if found.stale:
        rows.append(Row("stale records", str(found.stale), "their programs were killed; the planner removes them"))
    whose = f" of {found.user or 'uid'} ({found.uid})" if found.uid is not None else ""
    report.add(f"Open sessions{whose}", *rows)
    if found.sessions:
        report.add("Which", *(_session(record) for record in found.sessions))
    report.data |= {
        "counts": [{"stage": stage, "outcome": outcome, "sessions": number}
                   for (stage, outcome), number in sorted(found.counts.items())],
        "sessions": [_session_data(record) for record in found.sessions], "stale": found.stale}


def _session(record: Record) -> Row:
    outcome, directory = record.get("outcome"), record.get("directory")
    failed = outcome == "failed-open"  # also one that has its directory, and not its view
    return Row(f"{record.get('user')}, {record.get('service')}",
               f"process {record.number('pid')}, since {moment(record.number('time'))}",
               f"{outcome or 'being opened'}: {not failed and directory or record.get('reason')}",
               "bad" if failed else "")


def _session_data(record: Record) -> dict[str, Any]:
    return {"user": record.get("user"), "uid": record.number("uid"), "service": record.get("service"),
            "pid": record.number("pid"), "since": record.number("time"), "stage": record.get("stage"),
            "outcome": record.get("outcome"), "reason": record.get("reason"),
            "directory": record.get("directory") or None,
            "namespace": record.number("namespace") or None, "view": record.get("view") or None}


def _failures(report: Report, failures: list[Failure]) -> None:
    rows = [Row(f"{failure.user}, {failure.service}" if failure.user else "the planner, for everybody",
                f"{_ago(failure.age // NS)}, " + (
                    "heeded by logins" if failure.remembered else "the next login tries again"),
                f"{failure.message} (policy {failure.policy})", "bad" if failure.remembered else "")
            for failure in sorted(failures, key=lambda each: each.age)]
    report.add("Last failures", *rows or [Row("failures", "none")])
    report.data["failures"] = [
        {"user": failure.user or None, "service": failure.service or None, "seconds": failure.age // NS,
         "policy": failure.policy, "message": failure.message, "remembered": failure.remembered,
         "planner": not failure.user} for failure in failures]


def _ago(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"
