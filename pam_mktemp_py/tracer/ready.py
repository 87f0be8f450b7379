"""Whether a command can be traced at all, found out before it is started: afterwards strace's failures and the
command's own look alike."""
from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress

from pam_mktemp_py.errors import TraceError
from pam_mktemp_py.linux.accounts import Account, groups_of

OLDEST = (6, 1)  # Debian 12's: what its logs look like is what strace/ reads
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSTALL = "install it: apt-get install {0}, dnf install {0}, zypper install {0}, or apk add {0}"
_VERSION = re.compile(rb"(?m)^strace -- version (\d+)\.(\d+)")


def strace(search: str | None = None) -> str:
    """The path of a strace that is new enough. TraceError: there is none, or it does not say what it is."""
    found = _tool("strace", "strace", search)
    try:
        done = subprocess.run([found, "-V"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TraceError(found, f"it cannot be run: {error}", INSTALL.format("strace")) from error
    version = _VERSION.search(done.stdout)
    if version is None:
        raise TraceError(found, "strace -V does not name a version", INSTALL.format("strace"))
    if (int(version[1]), int(version[2])) < OLDEST:
        raise TraceError(found, f"strace {int(version[1])}.{int(version[2])} is too old",
                         f"{OLDEST[0]}.{OLDEST[1]} or a later one is needed: put it first in PATH")
    return found


def setpriv() -> str:
    """The path of setpriv(1), which starts the command as another account. TraceError: it is missing."""
    return _tool("setpriv", "util-linux", None)


def _tool(name: str, package: str, search: str | None) -> str:
    own = os.environ.get("PATH", "") if search is None else search
    found = shutil.which(name, path=f"{own}:{SYSTEM_PATH}" if search is None else own)
    if found is None:
        raise TraceError(name, f"{name} is not installed", INSTALL.format(package))
    return os.path.abspath(found)


def command(words: tuple[str, ...], user: Account | None, environment: Mapping[str, str]) -> str:
    """The file that will be executed, as the user, by the PATH that the command gets. TraceError: why there is none."""
    if not words or not words[0]:
        raise TraceError("the command", "there is none", "give it behind --")
    if any("\0" in word for word in words):
        raise TraceError("the command", "it holds a NUL, which no command line can")
    denied = ""
    for path in _candidates(words[0], environment):
        why = _why_not(path, user)
        if not why:
            return path
        denied = denied or (f"{path}: {why}" if why != _MISSING else "")
    who = user.name if user else "you"
    if denied:
        raise TraceError(words[0], f"it cannot be executed: {denied}", f"see what {who} may do there (ls -l, namei -l)")
    where = "" if "/" in words[0] else f" in PATH={environment.get('PATH', os.defpath)}"
    raise TraceError(words[0], f"there is no such command{where}", "give its full path")


def as_strace_finds(name: str, path: str, environment: Mapping[str, str]) -> str:
    """`name` if strace's own search finds `path` too, else the path: argv[0] is the same only with the name.

    strace passes over an empty entry at PATH's end, and takes what somebody else may execute.
    """
    for candidate in _candidates(name, environment):
        with suppress(OSError):
            found = os.stat(candidate)
            if stat.S_ISREG(found.st_mode) and found.st_mode & 0o111:
                same = os.path.samefile(candidate, path) and not candidate.startswith("./")
                return name if same or "/" in name else path
    return path


_MISSING = "it does not exist"


def _candidates(name: str, environment: Mapping[str, str]) -> Iterable[str]:
    if "/" in name:
        return [name]
    folders = environment.get("PATH", os.defpath).split(":")
    return [os.path.join(folder or ".", name) for folder in folders]


def _why_not(path: str, user: Account | None) -> str:
    """'' if the account (None: we ourselves) can execute the file."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except OSError as error:  # EACCES, ELOOP, ENAMETOOLONG, and what network file systems say
        return error.strerror or str(error)
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if user is None or user.uid == os.geteuid():
        return "" if os.access(path, os.X_OK, effective_ids=True) else "Permission denied"
    # Only the kernel knows (ACLs, folders on the way, file systems that map ids): asked as the account itself.
    asked = subprocess.run(["/usr/bin/test", "-x", path], env={}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           user=user.uid, group=user.gid, extra_groups=groups_of(user))
    return "" if asked.returncode == 0 else f"{user.name} may not execute it"
