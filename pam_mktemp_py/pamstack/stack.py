"""The session modules that a service runs, in order, through every include (pam.d(5))."""
from __future__ import annotations

import os
from dataclasses import dataclass

from pam_mktemp_py.pamstack import lines
from pam_mktemp_py.pamstack.lines import Line

PAM_D = "/etc/pam.d"
VENDOR = "/usr/lib/pam.d"  # where libpam looks when a service has no file in /etc (1.5 and later)
DEEPEST = 16  # libpam's PAM_SUBSTACK_MAX_LEVEL


@dataclass(frozen=True)
class Entry:
    """One session line of a service: the file that it stands in, and the line. `file` is a path."""

    file: str
    line: Line

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


def session(service: str, folder: str = PAM_D, vendor: str = VENDOR) -> list[Entry]:
    """The session lines of a service in the order in which they run, includes and substacks resolved.

    A file that an include names and that is not there, and a circle of includes, end in an Entry whose
    line has `trouble`. Empty for a service without a file. OSError if one cannot be read.
    """
    path = path_of(service, folder, vendor)
    return _entries(path, ("session",), (), folder, vendor) if path else []


def _entries(path: str, types: tuple[str, ...], above: tuple[str, ...], folder: str, vendor: str) -> list[Entry]:
    found = []
    for line in lines.parse(read(path)):
        if line.trouble:
            found.append(Entry(path, line))
        elif line.type not in ("", *types):
            continue
        elif not line.file:
            found.append(Entry(path, line))
        else:
            target = path_of(line.file, folder, vendor)
            if target is None:
                found.append(_troubled(path, line, f"there is no file {line.file}"))
            elif target in (*above, path) or len(above) >= DEEPEST:
                found.append(_troubled(path, line, f"{line.file} includes itself"))
            else:
                found += _entries(target, types, (*above, path), folder, vendor)
    return found


def _troubled(path: str, line: Line, trouble: str) -> Entry:
    return Entry(path, Line(line.first, line.last, line.type, line.control, file=line.file, trouble=trouble))
