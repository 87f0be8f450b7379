"""What systemd-tmpfiles would do to the private directories (tmpfiles.d(5))."""
from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator, Sequence
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

    @property
    def ages(self) -> bool:
        """Whether --clean removes by it what is older."""
        return self.kind in _AGEING and self.age not in ("", "-")

    @property
    def removes(self) -> bool:
        """Whether --remove removes it, not only at boot."""
        return self.kind in _REMOVING and not self.boot

    def takes(self, path: str, below: str) -> bool:
        """Whether what lies below goes with it."""
        return self.kind == "R" and _above(path, below)


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


def check(tops: Sequence[str] = (TOP,), points: Sequence[str] = ()) -> Iterator[Finding]:
    """Our file hidden by another of its name; ages without our exception, and removals, of what is ours.

    `tops` are the parents of private directories; `points` directories of the host's that are mounted in views.
    """
    # The letter x keeps a path and all below it, whatever line would clean it. Without a systemd nothing runs it.
    found = lines()
    kind = PROBLEM if whereabouts.booted() else NOTE
    if tools.read(SHIPPED) and found and all(line.file != SHIPPED for line in found):
        yield from _shadowed()
    for top in tops:
        yield from _top(top, found, kind)
    for point in points:
        yield from _point(point, found, kind)


def _top(top: str, found: list[Line], kind: str) -> Iterator[Finding]:
    kept = any(line.kind == "x" and matches(top, line.path) for line in found)
    for line in found:
        path = line.path.rstrip("/") or "/"
        ours = path.startswith(top + "/") or matches(top, path) or matches(f"{top}/x", path)
        if line.ages and _above(path, top) and not kept:
            yield _aged(line, path, top, "x", kind)
        elif line.ages and ours and not (kept and path == top) or line.removes and (ours or line.takes(path, top)):
            yield Finding("tmpfiles-removes", f"a line has systemd-tmpfiles clean {path}", line.where,
                          "it removes directories that open sessions use", "take the line out",
                          (tools.comment_out(line.file, line.number),), kind)


def _point(point: str, found: list[Line], kind: str) -> Iterator[Finding]:
    """A letter X keeps the directory alone; what lies in it may age."""
    kept = any(line.kind in "xX" and matches(point, line.path) for line in found)
    for line in found:
        path = line.path.rstrip("/") or "/"
        if line.ages and _above(path, point) and not kept:
            yield _aged(line, path, point, "X", kind)
        elif line.removes and (matches(point, path) or line.takes(path, point)):
            yield Finding("tmpfiles-removes", f"a line has systemd-tmpfiles remove {path}", line.where,
                          f"{point} is mounted in private views, and gone in all of them when it is removed",
                          "take the line out", (tools.comment_out(line.file, line.number),), kind)


def _above(path: str, below: str) -> bool:
    return path != below and (below + "/").startswith(path.rstrip("/") + "/")


def _aged(line: Line, path: str, what: str, letter: str, kind: str) -> Finding:
    # A file for each: what one advice writes, another must not write over.
    file = KEPT if what == TOP else KEPT.replace(".conf", what.replace("/", "-") + ".conf")
    why = "it removes directories that open sessions use, and live sockets in them" if letter == "x" \
        else f"{what} is mounted in private views, and gone in all of them when it is removed"
    return Finding("tmpfiles-ages", f"systemd-tmpfiles removes what is older than {line.age} from {path}, where "
                   f"{what} is", line.where, why, f"write '{letter} {what}' into {file}",
                   (tools.create(file, f"{letter} {what}"),), kind)


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
