"""`pam-mktemp where PID`: what a process sees at /tmp and the like."""
from __future__ import annotations

import os

from pam_mktemp_py import paths
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.errors import Refused
from pam_mktemp_py.namespace.whose import Table

MOST = 12  # processes that are named in the text


def add_seers(report: Report, table: Table, path: str) -> None:
    """Add which processes have a directory of the host's as their own /tmp and the like."""
    found = table.who_sees(path)
    report.data |= {"seen_by": found, "hidden": table.hidden}
    rows = [Row(directory, "of " + some(pids), "it is what these processes have there")
            for directory, pids in found.items()]
    if rows:
        report.add("Seen as", *rows)


def some(pids: list[int]) -> str:
    """The first of them for a person, and how many more there are."""
    more = f" and {len(pids) - MOST} more" if len(pids) > MOST else ""
    return " ".join(map(str, pids[:MOST])) + more


def answer(report: Report, pid: int) -> None:
    """Fill the report. Refused if there is no such process."""
    if not os.path.exists(f"/proc/{pid}"):
        raise Refused("no-process", f"process {pid}", "there is none", "see: ps -e")
    table = Table(folder=report.settings.folder(paths.VIEWS))
    group = table.group_of(pid)
    report.data |= {"pid": pid, "namespace": group.namespace if group else None, "seen": None, "hidden": table.hidden,
                    "needs_root": group is None}
    if group is None:
        report.add(f"Process {pid}", Row("what it sees", NEEDS_ROOT, "it is another user's", "unknown"))
        return
    rows, data = [], []
    for seen in table.seen(group):
        together = table.together(seen)
        gone = bool(seen.mount and seen.mount.gone)
        data.append({"directory": seen.directory, "host": seen.host or None, "place": seen.place,
                     "maker": seen.maker.kind, "about": seen.maker.about, "name": seen.maker.name, "deleted": gone,
                     "together": together})
        rows.append(Row(seen.directory, seen.host or f"{seen.place or '?'}, which the host has nowhere",
                        "it has been removed: nothing can be made there" if gone else seen.maker.about,
                        "bad" if gone else ""))
        if seen.maker.kind != "host":
            rows.append(Row("", "seen by " + some(together)))
    report.data["seen"] = data
    report.add(f"Process {pid} in {group.namespace}", *rows)
