"""What to do next about a finding, and the drop-in for a service that has one."""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pam_mktemp_py import log
from pam_mktemp_py.detect import model
from pam_mktemp_py.detect.facts import Facts
from pam_mktemp_py.detect.model import Finding, Known

_UNIT = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]{0,254}")
_NAMES, _LONGEST = 8, 120  # how many names a drop-in lists, and characters of each
_BY_KIND = {
    model.SHARED_IPC: "keep it shared",
    model.USER_IPC: "a private mount of /tmp around all programs that meet there",
    model.KNOB: "see its manual",
    model.HARDCODED: "a private mount of /tmp for this program",
    model.USER_REQUESTED: "nothing: it was asked for; name another place",
    model.ANONYMOUS: "nothing: a file without a name can be attacked by nobody",
    model.ALREADY_PRIVATE: "nothing: its /tmp is its own",
    model.LOOK_ONLY: "nothing",
    model.UNUSABLE: "it ran as another account, which cannot use this directory: mostly harmless; let it have its own",
}


def advise(kind: str, facts: Facts, row: Known | None) -> str:
    """One line; `row` is what is known of it."""
    if kind == model.SECURE_EXEC and not facts.secure:
        return "a program before it lost TMPDIR (setuid, setgid or capabilities): set it again, as env TMPDIR=... does"
    if kind == model.SECURE_EXEC:
        return "TMPDIR is taken from what is setuid, setgid or has capabilities: " + (
            row.advice if row is not None else "a private mount of /tmp for the session")
    if row is not None and kind not in model.NOT_TO_DO and (kind == row.kind or not row.kind):
        return row.advice
    return _BY_KIND[kind].replace("/tmp", _top(facts.path))


def _top(path: str) -> str:
    """The shared directory of a path, as far as it is one of those that are known."""
    return next((top for top in model.SHARED if path.startswith(top + "/")), "/tmp")


def is_unit(unit: str) -> bool:
    """Whether it is the name of a service, as systemd.unit(5) allows one."""
    return _UNIT.fullmatch(unit) is not None


def _comments(paths: Iterable[str]) -> list[str]:
    lines = [f"#    {log.escaped(path)}" for path in sorted(set(paths))[:_NAMES]]
    return [line if len(line) <= _LONGEST else line[:_LONGEST] + "..." for line in lines]


def drop_in(unit: str, findings: Sequence[Finding]) -> str:
    """A drop-in for a systemd service, to be pasted: the narrow way first, the wide one after it; "" for none.

    systemd.exec(5): RuntimeDirectory= makes /run/NAME for the service's user and removes it when it stops,
    StateDirectory= keeps /var/lib/NAME, PrivateTmp=yes gives the service a /tmp and /var/tmp of its own. A file's
    name is anybody's choice: a newline in it must not become a line of the unit, so names are escaped.
    """
    if not is_unit(unit):
        return ""
    told = [each for each in findings if each.kind not in model.TOLD and each.kind != model.SHARED_IPC]
    if not told:
        return ""
    name = unit.removesuffix(".service")
    kept = any(each.path.startswith("/var/tmp/") for each in told)
    narrow = f"StateDirectory={name}" if kept else f"RuntimeDirectory={name}"
    place = f"/var/lib/{name}" if kept else f"/run/{name}"
    met = _comments(each.path for each in told if each.kind == model.USER_IPC)
    lines = [
        f"# /etc/systemd/system/{name}.service.d/private-tmp.conf, then: systemctl daemon-reload",
        "[Service]",
        f"# 1. a directory of its own, if its configuration can name {place} instead of:",
        *_comments(each.path for each in told),
        narrow,
        "# 2. else its own /tmp and /var/tmp:" + (" but its clients then no longer find" if met else ""),
        *met,
        "#PrivateTmp=yes",
    ]
    if any(_top(each.path) == "/dev/shm" for each in told):
        lines += ["# PrivateTmp= leaves /dev/shm as it is. Its own, if it meets nobody there:",
                  "#TemporaryFileSystem=/dev/shm:mode=1777"]
    return "\n".join(lines) + "\n"
