"""The session modules that a service runs, in order, through every include (pam.d(5))."""
from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pam_mktemp_py.pamstack import lines
from pam_mktemp_py.pamstack.lines import Line

PAM_D = "/etc/pam.d"
VENDOR = "/usr/lib/pam.d"  # where libpam looks when a service has no file in /etc (1.5 and later)
DEEPEST = 16  # libpam's PAM_SUBSTACK_MAX_LEVEL: for substacks, from 1.6 on for includes too
_JUMPS = re.compile(r"=[ \t]*(\d+)")


@dataclass(frozen=True)
class Entry:
    """One line of a service, mostly of its session type: the file that it stands in, and the line. `file` is a path.

    `within` has a number for each substack that the line stands in: a jump takes a whole substack for one line.
    """

    file: str
    line: Line
    within: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.file}:{self.line.first}"

    @property
    def module(self) -> str:
        """The module's name without its folder: pam_unix.so."""
        return self.line.module.rpartition("/")[2]


def services(folder: str = PAM_D, vendor: str = VENDOR) -> list[str]:
    """The names of all services that have a file, common-* among them; without what editors and dpkg leave."""
    names: set[str] = set()
    for place in (folder, vendor):
        try:
            names.update(name for name in os.listdir(place) if is_service_name(name))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return sorted(names)


def is_service_name(name: str) -> bool:
    """False for hidden files, backups and what dpkg and pam-auth-update leave: no program asks for those."""
    if not name or name.startswith((".", "#")) or "/" in name or name.endswith("~"):
        return False
    return not name.endswith((".dpkg-old", ".dpkg-new", ".dpkg-dist", ".dpkg-bak", ".ucf-dist", ".ucf-old",
                              ".rpmnew", ".rpmsave", ".rpmorig", ".pam-new", ".pam-old", ".bak", ".orig", ".swp"))


def path_of(name: str, folder: str = PAM_D, vendor: str = VENDOR) -> str | None:
    """The file that libpam reads for a service or an include of this name; None if there is none.

    An absolute name stands for itself; a service without a file has libpam ask for `other`.
    """
    if name.startswith("/"):
        return name if os.path.exists(name) else None
    for place in (folder, vendor):
        if os.path.exists(f"{place}/{name}"):
            return f"{place}/{name}"
    return None


def read(path: str) -> str:
    """The text of a file, byte for character. OSError."""
    with open(path, encoding="latin-1", newline="") as file:
        return file.read()


def session(service: str, folder: str = PAM_D, vendor: str = VENDOR,
            files: dict[str, bytes] | None = None) -> list[Entry]:
    """The session lines of a service in the order in which they run, includes and substacks resolved.

    A file that an include names and that is not there, and a circle of includes, end in an Entry whose
    line has `trouble`. Empty for a service without a file, and for one whose file has no session lines: libpam
    then runs those of `other`. libpam asks for services in lower case. `files` (name in `folder` -> bytes)
    stand for what is in the folder. OSError if one cannot be read.
    """
    return named(service.lower(), folder, vendor, files)


def auth(service: str) -> list[Entry]:
    """The auth lines of a service, which libpam runs a second time for pam_setcred(3); else as session()."""
    return named(service.lower(), kind="auth")


def named(name: str, folder: str = PAM_D, vendor: str = VENDOR, files: dict[str, bytes] | None = None,
          kind: str = "session") -> list[Entry]:
    """The lines of one type that an include of this name brings, as session() has them; empty for no file. OSError."""
    path = path_of(name, folder, vendor)
    if path is None or not os.path.isfile(path):
        return []  # reading a directory fails, which libpam takes for an empty file; a pipe would have us wait
    return _Reader(folder, vendor, files or {}, kind).entries(path, (), ())


class _Reader:
    """Follows the includes of one service."""

    def __init__(self, folder: str, vendor: str, files: dict[str, bytes], kind: str) -> None:
        self.folder = folder
        self.vendor = vendor
        self.files = {f"{folder}/{name}": data for name, data in files.items()}
        self.kind = kind
        self.substacks = 0

    def entries(self, path: str, above: tuple[str, ...], within: tuple[int, ...]) -> list[Entry]:
        """The lines of one file; `above` are the files that include it."""
        found = []
        text = self.files[path].decode("latin-1") if path in self.files else read(path)
        for line in lines.parse(text):
            if line.trouble:
                found.append(Entry(path, line, within))
            elif line.type not in ("", self.kind):
                continue
            elif not line.file:
                found.append(Entry(path, line, within))
            else:
                found += self._nested(path, line, above, within)
        return found

    def _nested(self, path: str, line: Line, above: tuple[str, ...], within: tuple[int, ...]) -> list[Entry]:
        target = path_of(line.file, self.folder, self.vendor)
        if target is None:
            return [_troubled(path, line, f"there is no file {line.file}", within)]
        if not os.path.isfile(target):
            return []
        if target in (*above, path):
            return [_troubled(path, line, f"{line.file} includes itself, which crashes libpam", within)]
        if len(above) >= DEEPEST:
            return [_troubled(path, line, f"includes more than {DEEPEST} deep", within)]
        if line.control == "substack":
            self.substacks += 1
            within = (*within, self.substacks)
        return self.entries(target, (*above, path), within)


def _troubled(path: str, line: Line, trouble: str, within: tuple[int, ...]) -> Entry:
    return Entry(path, Line(line.first, line.last, line.type, line.control, file=line.file, trouble=trouble), within)


def jumped(entries: list[Entry]) -> list[Entry]:
    """The lines that jump over one of ours: each line more between a jump and its goal moves where it lands."""
    found = []
    for at, entry in enumerate(entries):
        level = len(entry.within)
        longest = max((int(jump) for jump in _JUMPS.findall(entry.line.control)), default=0)
        passed: list[Entry | tuple[int, ...]] = []
        for other in entries[at + 1:]:
            if other.within[:level] != entry.within:
                break  # the end of its substack
            unit = other if other.within == entry.within else other.within[:level + 1]
            if not passed or passed[-1] != unit or isinstance(unit, Entry):
                passed.append(unit)
        if any(isinstance(unit, Entry) and unit.line.ours for unit in passed[:longest]):
            found.append(entry)
    return found
