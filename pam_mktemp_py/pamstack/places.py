"""Whether what runs as root in every login lies where root alone can write.

The module, the planner's folder and the interpreter: who can write one of them, or rename a folder above
it, is root at the next login.
"""
from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pam_mktemp_py.linux import acl
from pam_mktemp_py.pamstack import pieces
from pam_mktemp_py.pamstack.pieces import LIBDIR, PYTHON

_MOST_LINKS = 40  # as the kernel follows, path_resolution(7)


@dataclass(frozen=True)
class Fault:
    """Why a path is not root's alone: the component, what is wrong with it, commands that put it right (or none)."""

    component: str
    what: str
    commands: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        hint = f"; run: {' && '.join(' '.join(words) for words in self.commands)}" if self.commands else ""
        return f"{self.component} {self.what}{hint}"


@dataclass(frozen=True)
class Trouble:
    """What is wrong with an installed part: `part` is module, planner, interpreter or command.

    `missing`: nothing usable is there; else it is, and others can write it.
    """

    part: str
    path: str
    what: str
    missing: bool = False
    fault: Fault | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def root_only(path: str) -> str:
    """"" if only root can write the path and every folder on the way to it; else why not, and what to do."""
    found = fault(path)
    return str(found) if found else ""


def fault(path: str, *, there: bool = False) -> Fault | None:
    """The first component from / on, through symbolic links, that is not root's alone; None if all are.

    The sticky bit excuses nothing: whoever may write such a folder can plant there what is still missing. `there`:
    only what is there counts, which nobody else can exchange in a sticky folder.
    """
    at, links = "", 0
    rest = (path if path.startswith("/") else os.path.join(os.getcwd(), path)).split("/")  # the folder may be gone
    found = _fault_of("/")
    while rest and not found:
        name = rest.pop(0)
        if name == "..":
            at = at.rpartition("/")[0]
        if name in ("", ".", ".."):
            continue
        here = f"{at}/{name}"
        try:
            target = os.readlink(here)
        except OSError:  # EINVAL: it is no link; all else is said when it is looked at
            at = here
            found = _fault_of(here, there)
            continue
        links += 1
        if links > _MOST_LINKS:
            return Fault(here, "leads through too many symbolic links")
        if os.lstat(here).st_uid != 0:  # root's folder, but another has set where it leads
            found = Fault(here, f"is a symbolic link of {_user(os.lstat(here).st_uid)}",
                          (("chown", "-h", "root:root", here),))
        rest = target.split("/") + rest
        at = "" if target.startswith("/") else at
    return found


def _fault_of(path: str, there: bool = False) -> Fault | None:
    try:
        about = os.lstat(path)
    except OSError as error:
        return Fault(path, f"cannot be looked at: {error.strerror}")
    if path.startswith("/home/"):
        return Fault(path, "lies in a home, not where the system's programs are")
    if about.st_uid != 0:
        return Fault(path, f"belongs to {_user(about.st_uid)}, not to root",
                     (("chown", "root:root", path), ("chmod", "go-w", path)))
    if about.st_mode & 0o022 and not (there and stat.S_ISDIR(about.st_mode) and about.st_mode & stat.S_ISVTX):
        who = "everyone" if about.st_mode & 0o002 else f"group {_group(about.st_gid)}"
        mend = () if about.st_mode & stat.S_ISVTX else (("chmod", "go-w", path),)  # /tmp is meant to be so
        return Fault(path, f"can be written by {who} (mode {stat.S_IMODE(about.st_mode):04o})", mend)
    if acl.others_may_write(path):
        return Fault(path, "can be written by others through its access list (see getfacl)", (("setfacl", "-b", path),))
    if stat.S_ISDIR(about.st_mode) and os.path.lexists(f"{path}/pyvenv.cfg"):
        return Fault(path, "is a virtual environment")
    return None


def fault_below(path: str) -> Fault | None:
    """The same for a folder and everything in it."""
    found = fault(path)
    if found:
        return found
    for folder, folders, files in os.walk(os.path.realpath(path)):
        for name in [*folders, *files]:
            inner = f"{folder}/{name}"
            found = fault(inner) if os.path.islink(inner) else _fault_of(inner)  # what is above was looked at
            if found:
                return found
    return None


def check_installed(libdir: str = LIBDIR, python: str = PYTHON) -> list[Trouble]:
    """What is wrong with the places of what is installed; empty if all is there and root's alone."""
    manifest = pieces.read_manifest(libdir)
    layout = manifest.layout if manifest else pieces.Layout(libdir=libdir)
    security = layout.securitydir or pieces.security_dir()
    return [*check_part("module", f"{security}/pam_mktemp_py.so"), *_planner(libdir), *_interpreter(python),
            *check_part("command", f"{layout.prefix}/bin/pam-mktemp")]


def check_part(part: str, path: str) -> Iterator[Trouble]:
    """The troubles of one file."""
    if not os.path.isfile(path):
        yield Trouble(part, path, "is not there", missing=True)
    elif found := fault(path):
        yield Trouble(part, path, str(found), fault=found)


def _planner(libdir: str) -> Iterator[Trouble]:
    if not os.path.isfile(f"{libdir}/__main__.py"):
        yield Trouble("planner", f"{libdir}/__main__.py", "is not there", missing=True)
        return
    if found := fault_below(libdir):
        yield Trouble("planner", found.component, str(found), fault=found)


def _interpreter(python: str) -> Iterator[Trouble]:
    if not os.path.isfile(python) or not os.access(python, os.X_OK):
        yield Trouble("interpreter", python, "is not there, or cannot be run", missing=True)
        return
    library = _library(python)
    if not library:
        yield Trouble("interpreter", python, "cannot be run", missing=True)
        return
    for path in (python, library):
        if found := fault(path):
            yield Trouble("interpreter", path, str(found), fault=found)
            return
    with os.scandir(library) as entries:
        for entry in entries:
            found = _fault_of(entry.path) if not entry.is_symlink() else fault(entry.path)
            if found and not found.what.startswith("cannot be looked at"):  # Debian has links to what may be absent
                yield Trouble("interpreter", entry.path, str(found), fault=found)
                return


def _library(python: str) -> str:
    """The folder of the interpreter's standard library; "" if it cannot be run."""
    if os.path.realpath(sys.executable) == os.path.realpath(python):
        return os.path.dirname(os.__file__)
    try:
        done = subprocess.run([python, "-I", "-S", "-B", "-c", "import os; print(os.path.dirname(os.__file__))"],
                              capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL, timeout=20,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.rstrip("\n") if done.returncode == 0 else ""


def _user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _group(gid: int) -> str:
    try:
        return f"{grp.getgrgid(gid).gr_name} (gid {gid})"
    except KeyError:
        return f"gid {gid}"
