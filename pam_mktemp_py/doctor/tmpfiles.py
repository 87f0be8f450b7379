"""What systemd-tmpfiles would do to the private directories (tmpfiles.d(5))."""
from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from pam_mktemp_py import paths
from pam_mktemp_py.doctor import tools, whereabouts
from pam_mktemp_py.doctor.finding import NOTE, PROBLEM, Finding

TOP = f"{paths.BASE}/{paths.PRIVATE}"
OURS = "pam_mktemp.conf"
SHADOWS = (f"/etc/tmpfiles.d/{OURS}", f"/run/tmpfiles.d/{OURS}", f"/usr/local/lib/tmpfiles.d/{OURS}")
SHIPPED = f"/usr/lib/tmpfiles.d/{OURS}"
KEPT = "/etc/tmpfiles.d/pam_mktemp_keep.conf"
_HEADER = re.compile(r"^# (/\S+\.conf)$", re.M)
_AGEING = "dDevqQC"  # types whose sixth field has --clean remove what is older
_REMOVING = "rR"


@dataclass(frozen=True)
class Line:
    """A line of tmpfiles.d: `kind` is its letter, `boot` whether it has "!", `age` "" or "-" for none."""

    file: str
    number: int
    kind: str
    boot: bool
    path: str
    age: str

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.file}:{self.number}"


def lines() -> list[Line]:
    """All lines in force, as systemd-tmpfiles itself chooses the files; [] without it."""
    found = []
    for path in _HEADER.findall(tools.output("systemd-tmpfiles", "--cat-config")):
        for number, text in tools.numbered(path):
            try:
                words = shlex.split(text)
            except ValueError:
                continue
            if len(words) > 1:
                found.append(Line(path, number, words[0][0], "!" in words[0], words[1],
                                  words[5] if len(words) > 5 else ""))
    return found


def check() -> Iterator[Finding]:
    """Our file hidden by another of its name; ages on /tmp without our exception; lines about ours."""
    # The letter x keeps a path and all below it, whatever line would clean it. Without a systemd nothing runs it.
    found = lines()
    kind = PROBLEM if whereabouts.booted() else NOTE
    if tools.read(SHIPPED) and found and all(line.file != SHIPPED for line in found):
        yield from _shadowed()
    kept = any(line.kind == "x" and matches(TOP, line.path) for line in found)
    for line in found:
        path = line.path.rstrip("/") or "/"
        above = (TOP + "/").startswith(path.rstrip("/") + "/") and path != TOP
        ours = path.startswith(TOP + "/") or matches(TOP, path) or matches(f"{TOP}/x", path)
        aged = line.kind in _AGEING and line.age not in ("", "-")
        if aged and above and not kept:
            yield Finding("tmpfiles-ages", f"systemd-tmpfiles removes what is older than {line.age} from {path}",
                          line.where, "it removes directories that open sessions use, and live sockets in them",
                          f"write 'x {TOP}' into {KEPT}", (tools.create(KEPT, f"x {TOP}"),), kind)
        elif aged and ours and not (kept and path == TOP) or line.kind in _REMOVING and ours and not line.boot:
            yield Finding("tmpfiles-removes", f"a line has systemd-tmpfiles clean {path}", line.where,
                          "it removes directories that open sessions use", "take the line out",
                          (tools.comment_out(line.file, line.number),), kind)


def matches(path: str, pattern: str) -> bool:
    """fnmatch(3) as systemd-tmpfiles uses it: * crosses no slash, and stands for no leading dot."""
    names, globs = path.split("/"), pattern.rstrip("/").split("/")
    return len(names) == len(globs) and all(
        fnmatch.fnmatchcase(name, glob) and (glob[:1] == "." or name[:1] != ".") for name, glob in zip(names, globs))


def _shadowed() -> Iterator[Finding]:
    for path in SHADOWS:
        if tools.files(path):
            yield Finding("tmpfiles-shadowed", f"{path} stands in the place of {SHIPPED}", path,
                          "/tmp/.private is not made at boot, and nothing keeps cleaners out of it",
                          "rename that file, or copy ours over it", (("mv", path, path + ".disabled"),))
